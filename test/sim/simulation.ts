/**
 * A whole cluster in one thread, on the real code of the node, from a seed: clock, network, disks and whatever goes wrong are simulated.
 *
 *     one step   the clock fires one timer (a tick, a message, a sync that ends, something that a client or the nemesis does)
 *                whatever that sets off runs until nothing is left to run (promises included)
 *                everybody who did something is looked at (consensus.ts), the answers are held against the history (clients.ts)
 *
 * At the end everything is healed. Then all members must come to the same state, every watcher to the end of the history, and nothing
 * that was acknowledged may be missing.
 */

import { below, type Prng, SeededPrng } from '../../src/base/index.ts';
import type { ClusterMember, Node } from '../../src/node/index.ts';
import { MemoryNetwork } from '../../src/peer/index.ts';
import { Clients } from './clients.ts';
import { WorldClock } from './clock.ts';
import type { Codes } from './code.ts';
import { Consensus } from './consensus.ts';
import { History } from './history.ts';
import { LeaseOwners } from './lease-owners.ts';
import { type Birth, SimulatedMember, type Surroundings } from './member.ts';
import type { MemberLog } from './member-log.ts';
import { Nemesis } from './nemesis.ts';
import { Operator } from './operator.ts';
import { type Settings, settingsOf } from './settings.ts';
import { Trace } from './trace.ts';
import { ensure, Violation } from './violation.ts';
import { Watchers } from './watchers.ts';

export interface SimulationOptions {
  readonly codes: Codes;
  /** Whether anything goes wrong. */
  readonly faults?: boolean;
  /** For those who want to read all of it. */
  readonly keepsTrace?: boolean;
}

export interface Outcome {
  readonly seed: number;
  /** What must not be, and is; undefined if nothing. */
  readonly violation: string | undefined;
  readonly trace: Trace;
  readonly counts: Readonly<Record<string, number>>;
}

/** Once healed, the cluster must be of one mind within so much of its time. */
const HEALING_MS_MAX = 60_000;
/** How often it is looked whether it is. */
const HEALING_LOOK_MS = 50;
/** A write now and then that no one could lose any more. */
const HEALING_WRITE_MS = 2000;
const WATCHERS_EVERY_MS = 30;
const LEASES_EVERY_MS = 60;
const HASH_EVERY_MS = 500;

/** Lets run whatever can run without the clock: an immediate comes when no promise is left to be looked at. */
const quiet = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export class Simulation {
  readonly #seed: number;
  readonly #settings: Settings;
  readonly #prng: Prng;
  readonly #clock = new WorldClock();
  readonly #trace: Trace;
  readonly #network: MemoryNetwork;
  readonly #history = new History();
  readonly #logs = new Map<string, MemberLog>();
  readonly #consensus = new Consensus(this.#history, this.#logs);
  readonly #clients: Clients;
  readonly #watchers: Watchers;
  readonly #owners: LeaseOwners;
  readonly #nemesis: Nemesis;
  readonly #operator: Operator;
  readonly #around: Surroundings;
  readonly #members: SimulatedMember[] = [];
  readonly #stepped = new Set<SimulatedMember>();
  /** 'revision/compacted' -> the hash that all must have. */
  readonly #hashes = new Map<string, number>();
  #hashesCompared = 0;
  #violation: unknown;
  #isHealed = false;

  constructor(seed: number, { codes, faults = true, keepsTrace = false }: SimulationOptions) {
    this.#seed = seed;
    this.#prng = new SeededPrng(seed);
    const settings = settingsOf(this.#prng, { faults });
    this.#settings = settings;
    const trace = new Trace(() => this.#clock.now(), keepsTrace);
    this.#trace = trace;
    const failed = (error: unknown): void => {
      this.#violation ??= error;
    };
    this.#network = new MemoryNetwork(this.#clock, this.#newPrng());
    const members = (): readonly SimulatedMember[] => this.#members;
    const shared = { settings, trace, members, failed, history: this.#history };
    this.#around = {
      code: settings.isNarrow ? codes.narrow : codes.wide,
      clock: this.#clock,
      network: this.#network,
      settings,
      trace,
      stepped: (member) => void this.#stepped.add(member),
      says: (member) => {
        const look = member.look();
        if (look !== undefined && member.life !== undefined) this.#consensus.says(look, member.life.marks);
      },
      sent: (member, message) => this.#consensus.sent(member.log, message),
      entered: (entry, termBefore) => this.#consensus.entered(entry, termBefore),
      failed,
      ending: (member) => {
        const look = member.look();
        if (look !== undefined && member.life !== undefined) this.#consensus.led(look, member.life.marks);
      },
      ended: (life) => {
        this.#clients.ended(life);
        this.#watchers.ended(life);
        this.#owners.forget(life);
      },
    };
    this.#clients = new Clients({ ...shared, prng: this.#newPrng() });
    this.#watchers = new Watchers({ ...shared, prng: this.#newPrng(), clock: this.#clock });
    this.#owners = new LeaseOwners({ ...shared, prng: this.#newPrng(), clock: this.#clock });
    const create = (birth: Birth, name: string): SimulatedMember => this.#create(birth, name);
    this.#operator = new Operator({ ...shared, prng: this.#newPrng(), clock: this.#clock, create }, settings.members);
    const { operator, network } = { operator: this.#operator, network: this.#network };
    this.#nemesis = new Nemesis({ ...shared, prng: this.#newPrng(), operator, network });
  }

  async run(): Promise<Outcome> {
    const noticed = (error: unknown): void => {
      this.#violation ??= error;
    };
    process.on('unhandledRejection', noticed);
    try {
      this.#begin();
      await this.#stepUntil(() => this.#clock.now() >= this.#settings.durationMs);
      await this.#heal();
    } catch (error) {
      this.#violation ??= error;
    } finally {
      process.off('unhandledRejection', noticed);
    }
    return { seed: this.#seed, violation: this.#describeViolation(), trace: this.#trace, counts: this.#counts() };
  }

  // ---- The cluster ----

  #begin(): void {
    const { members, clients, thinkMs, faultEveryMs } = this.#settings;
    const firstMembers = Array.from({ length: members }, (_, i): ClusterMember => {
      const name = `m${i + 1}`;
      return { id: BigInt(i + 1), name: '', peerUrls: [`http://${name}:2380`], clientUrls: [], isLearner: false };
    });
    for (const [i, { id }] of firstMembers.entries()) this.#create({ id, firstMembers, peers: [] }, `m${i + 1}`);
    for (const member of this.#members) member.start();
    for (let i = 0; i < clients; i++) this.#every(thinkMs, () => this.#isHealed || this.#clients.act());
    this.#every(WATCHERS_EVERY_MS, () => this.#isHealed || this.#watchers.act());
    this.#every(LEASES_EVERY_MS, () => this.#isHealed || this.#owners.act());
    this.#every(HASH_EVERY_MS, () => this.#compareHashes());
    if (this.#settings.weights.size > 0) this.#every(faultEveryMs, () => this.#isHealed || this.#nemesis.act());
  }

  /** Again and again, about every so many milliseconds. */
  #every(ms: number, act: () => void): void {
    // Quarters of an odd number: seldom the same moment as something else.
    const delay = (below(this.#prng, 2 * ms) * 4 + 1) / 4;
    this.#clock.after(delay, () => {
      act();
      this.#every(ms, act);
    });
  }

  #create(birth: Birth, name: string): SimulatedMember {
    const member = new SimulatedMember(this.#around, birth, name, this.#newSeed());
    const { delayMsMax } = this.#settings;
    for (const other of this.#members) {
      this.#network.setLink(member.raftId, other.raftId, { delayMsMax });
      this.#network.setLink(other.raftId, member.raftId, { delayMsMax });
    }
    this.#members.push(member);
    this.#logs.set(member.raftId, member.log);
    return member;
  }

  #newSeed(): number {
    return this.#prng.next();
  }

  #newPrng(): Prng {
    return new SeededPrng(this.#newSeed());
  }

  // ---- Steps ----

  async #stepUntil(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      this.#clock.step();
      await quiet();
      this.#look();
      if (this.#violation !== undefined) throw this.#violation;
    }
  }

  #look(): void {
    for (const member of this.#stepped) {
      const look = member.look();
      if (look !== undefined && member.life !== undefined) this.#consensus.looked(look, member.life.marks);
    }
    this.#stepped.clear();
    this.#clients.look();
  }

  #compareHashes(): void {
    const nodes = this.#nodes;
    if (nodes.length === 0) return;
    const revision = Math.min(...nodes.map((node) => node.revision));
    for (const node of nodes) if (revision >= node.store.compactRevision) void this.#hash(node, revision);
  }

  async #hash(node: Node, revision: number): Promise<void> {
    try {
      const { hash, compactRevision, hashRevision } = await node.hashKv(revision);
      const place = `${hashRevision}/${compactRevision}`;
      const known = this.#hashes.get(place) ?? hash;
      if (this.#hashes.has(place)) this.#hashesCompared++;
      this.#hashes.set(place, known);
      ensure(hash === known, () => `at revision ${place} the hash of ${node.memberId} is ${hash}, of another ${known}`);
    } catch (error) {
      this.#violation ??= error;
    }
  }

  get #nodes(): Node[] {
    return this.#members.flatMap(({ serving }) => (serving === undefined ? [] : [serving]));
  }

  // ---- The end ----

  async #heal(): Promise<void> {
    this.#isHealed = true;
    this.#nemesis.heal();
    const from = this.#clock.now();
    let nextLook = from;
    let nextWrite = from;
    await this.#stepUntil(() => {
      const now = this.#clock.now();
      if (now < nextLook) return false;
      nextLook = now + HEALING_LOOK_MS;
      ensure(
        now < from + HEALING_MS_MAX,
        () => `not of one mind ${HEALING_MS_MAX} ms after healing:\n${this.#describe()}`,
      );
      this.#reconcile();
      this.#nemesis.restartDown();
      this.#watchers.hurry();
      if (this.#isOfOneMind()) return true;
      if (now >= nextWrite) {
        nextWrite = now + HEALING_WRITE_MS;
        for (const member of this.#members)
          this.#clients.write(member, { kind: 'put', key: 'healed', value: `${now}` });
      }
      return false;
    });
    this.#clients.checkFates();
    this.#watchers.checkGauges(this.#nodes);
    this.#compareHashes();
    await quiet();
    if (this.#violation !== undefined) throw this.#violation;
  }

  #reconcile(): void {
    const isComplete = (member: SimulatedMember): boolean => member.look()?.applied === this.#history.lastIndex;
    const leader = this.#members.find((member) => member.serving?.isLeader === true && isComplete(member));
    if (leader !== undefined) this.#operator.reconcile(leader);
  }

  #isOfOneMind(): boolean {
    const wanted = this.#members.filter(({ isRemoved }) => !isRemoved);
    const isThere = (member: SimulatedMember): boolean => member.look()?.applied === this.#history.lastIndex;
    return (
      wanted.every((member) => member.serving !== undefined && isThere(member)) &&
      this.#clients.isQuiet &&
      this.#owners.isQuiet &&
      this.#watchers.isQuiet(this.#nodes)
    );
  }

  #describe(): string {
    const lines = this.#members.map((member) => {
      const look = member.look();
      if (look === undefined) return `${member.name} is ${member.isRemoved ? 'removed' : 'down'}`;
      const { term, commit, applied, isLeader } = look;
      const serves = member.serving === undefined ? 'does not serve' : 'serves';
      return `${member.name} ${serves}, term ${term}${isLeader ? ' as leader' : ''}, commit ${commit}, applied ${applied}`;
    });
    return [...lines, `of ${this.#history.lastIndex} entries`, this.#watchers.describeUnquiet(this.#nodes)].join('\n');
  }

  #describeViolation(): string | undefined {
    const violation = this.#violation;
    if (violation === undefined) return undefined;
    if (violation instanceof Violation) return violation.message;
    if (!(violation instanceof Error)) return JSON.stringify(violation);
    const cause = violation.cause instanceof Error ? `\n${violation.cause.stack}` : '';
    return `${violation.stack}${cause}`;
  }

  #counts(): Readonly<Record<string, number>> {
    return {
      ms: Math.round(this.#clock.now()),
      steps: this.#clock.steps,
      entries: this.#history.lastIndex,
      revision: this.#history.revision,
      compacted: this.#history.compacted,
      leaders: this.#consensus.leaders,
      members: this.#members.length,
      lives: this.#members.reduce((sum, { lives }) => sum + lives, 0),
      writes: this.#clients.writes,
      acknowledged: this.#clients.acknowledgedWrites,
      reads: this.#clients.answeredReads,
      events: this.#watchers.events,
      cancels: this.#watchers.cancels,
      resumed: this.#watchers.resumed,
      slowWatchers: this.#watchers.slowest,
      pendingEvents: this.#watchers.pendingMost,
      renewals: this.#owners.renewed,
      leasesEnded: this.#owners.ended,
      hashes: this.#hashesCompared,
      snapshots: this.#members.filter(({ snapshots }) => snapshots > 0).length,
    };
  }
}

/** Runs the simulation of a seed to its end, or to the first thing that must not be. */
export function simulate(seed: number, options: SimulationOptions): Promise<Outcome> {
  return new Simulation(seed, options).run();
}
