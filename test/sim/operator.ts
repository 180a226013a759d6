/** Who runs the cluster: changes its members, through the API of some member, and starts and stops processes accordingly. */

import { type Prng, pick } from '../../src/base/index.ts';
import { raftId } from '../../src/codec/index.ts';
import type { MembershipChanges } from '../../src/node/index.ts';
import type { WorldClock } from './clock.ts';
import type { Birth, SimulatedMember } from './member.ts';
import { MEMBERS_MAX } from './settings.ts';
import type { Trace } from './trace.ts';

/** How often it is looked whether a member that was removed has no part any more. */
const LOOK_MS = 20;

export interface OperatorOptions {
  readonly clock: WorldClock;
  readonly prng: Prng;
  readonly trace: Trace;
  readonly members: () => readonly SimulatedMember[];
  readonly create: (birth: Birth, name: string) => SimulatedMember;
  readonly failed: (error: unknown) => void;
}

export class Operator {
  readonly #options: OperatorOptions;
  #created: number;
  /** Changes asked for and not answered. */
  #asked = 0;

  constructor(options: OperatorOptions, created: number) {
    this.#options = options;
    this.#created = created;
  }

  moveLeader(): void {
    const leader = this.#leader();
    const target = this.#some((member) => member !== leader);
    if (leader === undefined || target === undefined) return;
    this.#ask(leader, `leadership to ${target.name}`, (changes) => changes.moveLeader(target.id));
  }

  addMember(): void {
    const { prng, members, create } = this.#options;
    const asked = this.#some((member) => member.serving !== undefined);
    const isFull = members().filter(({ isRemoved }) => !isRemoved).length >= MEMBERS_MAX;
    if (asked?.serving === undefined || isFull || this.#asked > 0) return;
    const { serving } = asked;
    const name = `m${++this.#created}`;
    // A second voter must be there before it can be added: with two of them nothing is committed by one alone.
    const isAlone = serving.members().filter((member) => !member.isLearner).length === 1;
    const isLearner = pick(prng, [true, true, isAlone]);
    this.#ask(asked, `${isLearner ? 'learner' : 'member'} ${name} is to be added`, async (changes) => {
      const { id } = await changes.add([`http://${name}:2380`], isLearner);
      // The answer may come later than what it brought about was noticed.
      if (this.#options.members().some((member) => member.id === id)) return;
      const peers = serving.members().map((member) => ({ id: raftId(member.id), urls: member.peerUrls }));
      create({ id, firstMembers: [], peers }, name).start();
    });
  }

  promote(): void {
    const leader = this.#leader();
    const learner = this.#some((member) => member.life?.node?.isLearner === true);
    if (leader === undefined || learner === undefined) return;
    this.#ask(leader, `${learner.name} is to be promoted`, (changes) => changes.promote(learner.id));
  }

  removeMember(): void {
    const asked = this.#some((member) => member.serving !== undefined);
    const target = this.#some(() => true);
    if (asked === undefined || target === undefined || this.#asked > 0) return;
    target.isToGo = true;
    this.#ask(asked, `${target.name} is to be removed`, async (changes) => {
      await changes.remove(target.id);
      this.#endSoon(target);
    });
  }

  /** Ends the process of a member that was removed. */
  #endSoon(member: SimulatedMember): void {
    if (!this.#isOut(member)) {
      this.#options.clock.after(LOOK_MS, () => this.#endSoon(member));
      return;
    }
    member.isRemoved = true;
    member.kill();
  }

  /** Whether others can do without it: in a joint configuration it still has a vote, and two of two may be needed. */
  #isOut(member: SimulatedMember): boolean {
    return this.#options.members().some((other) => {
      const { voters, votersOutgoing } = other.log.durable.configuration;
      const isVoter = voters.includes(member.raftId) || votersOutgoing.length > 0;
      return other !== member && !other.isRemoved && voters.length > 0 && !isVoter;
    });
  }

  /**
   * Brings the processes into line with what the cluster says of itself: a change whose answer was lost may have been made. `asked` must
   * know of everything that is committed.
   */
  reconcile(asked: SimulatedMember): void {
    const { members, create } = this.#options;
    const known = asked.serving?.members() ?? [];
    if (known.length === 0) return;
    for (const member of members()) {
      if (member.isRemoved || known.some(({ id }) => id === member.id) || !this.#isOut(member)) continue;
      member.isRemoved = true;
      member.kill();
    }
    for (const { id, peerUrls } of known) {
      if (members().some((member) => member.id === id)) continue;
      const name = peerUrls[0]?.replace('http://', '').replace(':2380', '') ?? '';
      create({ id, firstMembers: [], peers: known.map((one) => ({ id: raftId(one.id), urls: one.peerUrls })) }, name);
    }
  }

  #leader(): SimulatedMember | undefined {
    return this.#some((member) => member.serving?.isLeader === true);
  }

  #some(which: (member: SimulatedMember) => boolean): SimulatedMember | undefined {
    const those = this.#options.members().filter((member) => !member.isRemoved && which(member));
    return those.length === 0 ? undefined : pick(this.#options.prng, those);
  }

  #ask(asked: SimulatedMember, what: string, change: (changes: MembershipChanges) => Promise<void>): void {
    const { trace, failed } = this.#options;
    const { life } = asked;
    const changes = asked.serving?.changes;
    if (changes === undefined || life === undefined) return;
    trace.note(`${asked.name} < ${what}`);
    this.#asked++;
    let isOpen = true;
    const close = (): void => {
      if (isOpen) this.#asked--;
      isOpen = false;
    };
    // A process that ends answers nobody.
    life.onEnd(close);
    change(changes)
      .then(
        () => trace.note(`${asked.name} > done: ${what}`),
        (error: unknown) => {
          if (!(error instanceof Error) || error.name !== 'RequestError') throw error;
          trace.note(`${asked.name} > ${what}: ${error.message}`);
        },
      )
      .catch(failed)
      .finally(close);
  }
}
