/** What goes wrong. Each fault is a line or two; how often each comes is the seed's business (settings.ts). */

import { below, fraction, type Prng, pick } from '../../src/base/index.ts';
import type { MemoryNetwork } from '../../src/peer/index.ts';
import type { SimulatedMember } from './member.ts';
import type { Operator } from './operator.ts';
import type { Fault, Settings } from './settings.ts';
import type { Trace } from './trace.ts';

export interface NemesisOptions {
  readonly settings: Settings;
  readonly prng: Prng;
  readonly network: MemoryNetwork;
  readonly trace: Trace;
  readonly operator: Operator;
  readonly members: () => readonly SimulatedMember[];
}

const SLOW_SYNC_MS = [50, 200, 1000] as const;
const FREE_BYTES_MAX = 20_000;

/** What a member must still know when it comes back right after it has said so. */
const PROMISES = [
  'requestVote',
  'requestVoteResponse',
  'requestVoteResponse',
  'appendEntriesAccepted',
  'appendEntries',
] as const;

type DiskFault = 'slowDisk' | 'fastDisk' | 'syncFails' | 'batchesFail' | 'diskFull' | 'diskFree';
type LinkFault = 'cutOneWay' | 'isolate' | 'healLinks' | 'rough' | 'smooth';

export class Nemesis {
  readonly #options: NemesisOptions;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  act(): void {
    const fault = this.#choose();
    if (fault !== undefined) this.#strike(fault);
  }

  /** Everything works again, and who is down is started. */
  heal(): void {
    this.#options.trace.note('everything is healed');
    this.#setLinks(this.#all, this.#all, { isCut: false, lossRate: 0, duplicateRate: 0, reorders: false });
    this.#setLinks(this.#all, this.#all, { delayMsMin: 0, delayMsMax: this.#options.settings.delayMsMax });
    for (const member of this.#all) {
      Object.assign(member.mood, { syncMsMax: 1, batchMsMax: 1, syncFails: false, batchesFail: false });
      member.setFreeBytes(Number.POSITIVE_INFINITY);
      if (member.isPaused) member.resume();
      // As its log asks for.
      if (member.life?.refusesWrites === true) member.kill();
    }
    this.restartDown();
  }

  restartDown(): void {
    for (const member of this.#all) if (member.life === undefined && !member.isRemoved) member.start();
  }

  get #all(): readonly SimulatedMember[] {
    return this.#options.members();
  }

  #choose(): Fault | undefined {
    const { settings, prng } = this.#options;
    let total = 0;
    for (const weight of settings.weights.values()) total += weight;
    let at = fraction(prng) * total;
    for (const [fault, weight] of settings.weights) {
      at -= weight;
      if (at < 0) return fault;
    }
    return undefined;
  }

  #strike(fault: Fault): void {
    const { prng, operator } = this.#options;
    const running = this.#all.filter(({ life }) => life !== undefined);
    const down = this.#all.filter(({ life, isRemoved }) => life === undefined && !isRemoved);
    const one = running.length > 0 ? this.#oneOf(running) : undefined;
    switch (fault) {
      case 'kill':
        return one?.kill();
      case 'powerCut':
        return one?.cutPower();
      case 'powerCutAll':
        for (const member of running) member.cutPower();
        return;
      case 'bounce':
        if (one !== undefined && below(prng, 2) === 0) one.cutPower();
        else one?.kill();
        return one?.start();
      case 'dieSpeaking':
        return one?.dieAfter(pick(prng, PROMISES), below(prng, 2) === 0);
      case 'stop':
        return one?.stop();
      case 'restart':
        return down.length > 0 ? pick(prng, down).start() : undefined;
      case 'pause':
        return one?.isPaused === false ? one.pause() : undefined;
      case 'resume':
        return running.find(({ isPaused }) => isPaused)?.resume();
      case 'moveLeader':
      case 'addMember':
      case 'promote':
      case 'removeMember':
        return operator[fault]();
      case 'slowDisk':
      case 'fastDisk':
      case 'syncFails':
      case 'batchesFail':
      case 'diskFull':
      case 'diskFree':
        return one === undefined ? undefined : this.#strikeDisk(fault, one);
      case 'cutOneWay':
      case 'healLinks':
      case 'isolate':
      case 'rough':
      case 'smooth':
        return this.#strikeLinks(fault);
      default:
        return fault satisfies never;
    }
  }

  #strikeDisk(fault: DiskFault, member: SimulatedMember): void {
    const { prng, settings, trace } = this.#options;
    const { mood, name } = member;
    trace.note(`${name}: ${fault}`);
    switch (fault) {
      case 'slowDisk':
        mood.syncMsMax = pick(prng, SLOW_SYNC_MS);
        mood.batchMsMax = pick(prng, SLOW_SYNC_MS);
        return;
      case 'fastDisk':
        mood.syncMsMax = settings.syncMsMax;
        mood.batchMsMax = settings.syncMsMax;
        return;
      case 'syncFails':
        mood.syncFails = true;
        return;
      case 'batchesFail':
        mood.batchesFail = true;
        return;
      case 'diskFull':
        return member.setFreeBytes(below(prng, FREE_BYTES_MAX));
      case 'diskFree':
        return member.setFreeBytes(Number.POSITIVE_INFINITY);
      default:
        return fault satisfies never;
    }
  }

  #strikeLinks(fault: LinkFault): void {
    const { prng, settings, trace } = this.#options;
    const all = this.#all;
    const one = this.#oneOf(all);
    trace.note(`${fault} ${one.name}`);
    switch (fault) {
      case 'cutOneWay':
        return this.#setLinks([one], [this.#oneOf(all)], { isCut: true });
      case 'isolate': {
        // What a leader believes while others elect the next is where mistakes show.
        const leader = all.find(({ life }) => life?.node?.isLeader === true);
        const isolated = leader !== undefined && below(prng, 2) === 0 ? leader : one;
        this.#setLinks([isolated], all, { isCut: true });
        return this.#setLinks(all, [isolated], { isCut: true });
      }
      case 'healLinks':
        return this.#setLinks(all, all, { isCut: false });
      case 'rough':
        this.#setLinks([one], all, { lossRate: fraction(prng) / 3, duplicateRate: fraction(prng) / 3, reorders: true });
        return this.#setLinks(all, [one], { delayMsMax: settings.delayMsMax * 10 });
      case 'smooth':
        this.#setLinks(all, all, { lossRate: 0, duplicateRate: 0, reorders: false });
        return this.#setLinks(all, all, { delayMsMax: settings.delayMsMax });
      default:
        return fault satisfies never;
    }
  }

  #setLinks(
    from: readonly SimulatedMember[],
    to: readonly SimulatedMember[],
    change: Parameters<MemoryNetwork['setLink']>[2],
  ): void {
    const { network } = this.#options;
    for (const a of from) for (const b of to) if (a !== b) network.setLink(a.raftId, b.raftId, change);
  }

  #oneOf(members: readonly SimulatedMember[]): SimulatedMember {
    return pick(this.#options.prng, members);
  }
}
