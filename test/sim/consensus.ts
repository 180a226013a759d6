/**
 * What must hold among members whose state is known from outside: their logs (member-log.ts), what they send, and what they say of
 * themselves. Thesis figure 3.2, and the promises about disks that it rests on.
 *
 * - Log matching: entries of the same index and term hold the same, and follow the same.
 * - At most one leader a term; nobody votes twice in a term; nobody votes, or accepts entries, before that is on disk.
 * - A leader has everything that was committed before its term. What it commits is on the disks of a majority (of both, in a joint one).
 * - What is committed never changes, and is the same for all. Nothing is applied that is not committed and on the own disk.
 * - A store is at exactly the revision that the entries applied have made.
 */

import { type Bytes, equalBytes } from '../../src/base/index.ts';
import { type Entry, raftId } from '../../src/codec/index.ts';
import type { Message } from '../../src/raft/index.ts';
import type { History } from './history.ts';
import type { MemberLog } from './member-log.ts';
import { ensure } from './violation.ts';

/** What a running member says of itself. */
export interface Look {
  readonly id: string;
  readonly log: MemberLog;
  readonly isLeader: boolean;
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  readonly revision: number;
  readonly compacted: number;
  /** The last entry of the newest snapshot that it has been sent: the log may be behind it while that is being installed. */
  readonly snapshot: number;
}

/** What must not go back within one life. */
export interface LifeMarks {
  term: number;
  commit: number;
  /** What it had committed when it was last seen to lead. */
  leaderCommit: number;
  ledTerm: number;
  applied: number;
  /** A commit that its configuration does not allow, as far as that is written yet: a change may have been proposed in this very turn. */
  doubt: Doubt | undefined;
}

interface Doubt {
  readonly what: string;
  readonly isSettled: () => boolean;
}

export class Consensus {
  readonly #history: History;
  readonly #logs: ReadonlyMap<string, MemberLog>;
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  /** By index, the term in which it was first known to be committed. */
  readonly #committedDuring: number[] = [0];

  /** Every entry that was ever in a log, by 'index/term'. */
  readonly #entries = new Map<string, { readonly data: Bytes; readonly termBefore: number | undefined }>();

  constructor(history: History, logs: ReadonlyMap<string, MemberLog>) {
    this.#history = history;
    this.#logs = logs;
  }

  get leaders(): number {
    return this.#leaders.size;
  }

  /** Somebody's log takes an entry in, behind one of `termBefore` (undefined: that one is gone). By induction, whole logs match. */
  entered({ index, term, data }: Entry, termBefore: number | undefined): void {
    const place = `${index}/${term}`;
    const known = this.#entries.get(place);
    if (known === undefined) {
      this.#entries.set(place, { data: Uint8Array.from(data), termBefore });
      return;
    }
    ensure(equalBytes(known.data, data), () => `there are two entries ${place}, and they are not the same`);
    const follows = termBefore === undefined || known.termBefore === undefined || termBefore === known.termBefore;
    ensure(follows, () => `entry ${place} follows one of term ${known.termBefore}, and one of term ${termBefore}`);
  }

  /** A member lets a message go. */
  sent(log: MemberLog, message: Message): void {
    const { from, to, term, kind } = message;
    const { durable } = log;
    if (kind === 'requestVoteResponse' && message.granted) this.#voted(log, from, term, to);
    if (kind === 'requestVote') this.#voted(log, from, term, from);
    if (kind === 'appendEntriesAccepted') {
      ensure(
        durable.lastIndex >= message.index,
        () => `${from} acknowledges entry ${message.index}, with only ${durable.lastIndex} on its disk`,
      );
    }
    if (kind === 'appendEntries' || kind === 'heartbeat') {
      ensure(durable.term >= term, () => `${from} leads term ${term}, with only term ${durable.term} on its disk`);
    }
  }

  /** After every step of a member. */
  looked(look: Look, marks: LifeMarks): void {
    const { id, term, commit, applied } = look;
    ensure(term >= marks.term, () => `the term of ${id} goes back from ${marks.term} to ${term}`);
    ensure(commit >= marks.commit, () => `the commit index of ${id} goes back from ${marks.commit} to ${commit}`);
    ensure(applied >= marks.applied, () => `the applied index of ${id} goes back from ${marks.applied} to ${applied}`);
    // What a follower takes for committed may be in messages of this turn, which it has not written yet: it is checked as it is applied.
    this.led(look, marks);
    if (applied > marks.applied) this.#applies(look, marks.applied);
    this.#standsWhere(look);
    marks.term = term;
    marks.commit = commit;
    marks.applied = applied;
  }

  /** What a member has done as a leader; also to be looked at when it dies in the middle of a step. */
  led(look: Look, marks: LifeMarks): void {
    const ledBefore = marks.ledTerm === look.term;
    // One that has just committed its own removal leads no more.
    if (look.isLeader) marks.ledTerm = look.term;
    if (marks.ledTerm !== look.term) return;
    this.#leads(look);
    if (look.commit > marks.leaderCommit) {
      const committed = look.log.appended.termAt(look.commit);
      ensure(
        !ledBefore || committed === look.term,
        () => `${look.id} leads term ${look.term} and commits ${look.commit}/${committed}, of an earlier one`,
      );
      this.#commits(look, marks);
    }
    marks.leaderCommit = look.commit;
  }

  /**
   * Before the messages of a turn leave, and before anything is applied: by now the log has taken in whatever the leader goes by. Until here it
   * may have heard several messages, with a change of membership among them that is in nobody's log yet, and have committed by that.
   */
  says(look: Look, marks: LifeMarks): void {
    this.led(look, marks);
    const { doubt } = marks;
    marks.doubt = undefined;
    if (doubt !== undefined) ensure(doubt.isSettled(), () => doubt.what);
  }

  #voted({ durable }: MemberLog, voter: string, term: number, candidate: string): void {
    const place = `${term}/${voter}`;
    const known = this.#votes.get(place) ?? candidate;
    ensure(known === candidate, () => `${voter} votes in term ${term} for ${known} and for ${candidate}`);
    this.#votes.set(place, candidate);
    ensure(
      durable.term > term || (durable.term === term && raftId(durable.vote) === candidate),
      () =>
        `${voter} votes in term ${term} for ${candidate}; on its disk is term ${durable.term}, vote ${durable.vote}`,
    );
  }

  #leads({ id, term, log }: Look): void {
    const known = this.#leaders.get(term);
    ensure(known === undefined || known === id, () => `${known} and ${id} both lead term ${term}`);
    if (known !== undefined) return;
    this.#leaders.set(term, id);
    for (let index = 1; index <= this.#history.lastIndex; index++) {
      if ((this.#committedDuring[index] ?? 0) < term) this.#checkHas(id, log, term, index);
    }
  }

  #checkHas(id: string, { appended }: MemberLog, term: number, index: number): void {
    const wanted = this.#history.termAt(index) ?? 0;
    ensure(
      appended.has(index, wanted),
      () => `${id} leads term ${term} without committed ${index}/${wanted} (has ${appended.termAt(index)})`,
    );
  }

  #commits({ id, log, term, commit }: Look, marks: LifeMarks): void {
    const { appended } = log;
    ensure(commit <= appended.lastIndex, () => `${id} commits ${commit}, and its log ends with ${appended.lastIndex}`);
    const from = Math.max(marks.leaderCommit, appended.start.index) + 1;
    for (let index = from; index <= commit; index++) this.#commitsEntry(id, log, term, index);
    if (appended.termAt(commit) !== term) return;
    const doubt = this.#majorityDoubt(id, log, commit, term);
    if (!doubt.isSettled()) marks.doubt = doubt;
  }

  #commitsEntry(id: string, { appended }: MemberLog, term: number, index: number): void {
    const entry = appended.entryAt(index);
    ensure(entry !== undefined, () => `${id} has committed ${index} without having it`);
    const known = this.#history.termAt(index);
    if (known !== undefined) {
      ensure(known === entry.term, () => `committed ${index}/${known} is ${index}/${entry.term} at ${id}`);
      return;
    }
    this.#committedDuring[index] = term;
    this.#history.commit(entry);
    for (const [leadTerm, leader] of this.#leaders) {
      const leaderLog = this.#logs.get(leader);
      const leads = leadTerm > term && leaderLog?.appended.term === leadTerm;
      if (leads) this.#checkHas(leader, leaderLog, leadTerm, index);
    }
  }

  /** The definition of committed, word for word. */
  #majorityDoubt(id: string, log: MemberLog, index: number, term: number): Doubt {
    const having = [...this.#logs].filter(([, { durable }]) => durable.has(index, term)).map(([member]) => member);
    return {
      what: `${id} commits ${index}/${term}, which only ${having.join(' ')} have on disk`,
      isSettled: () => {
        const { voters, votersOutgoing } = log.appended.configuration;
        const isMajority = (group: readonly string[]): boolean =>
          group.length === 0 || group.filter((voter) => having.includes(voter)).length * 2 > group.length;
        return isMajority(voters) && isMajority(votersOutgoing);
      },
    };
  }

  #applies({ id, log, applied, commit, snapshot }: Look, before: number): void {
    const { durable } = log;
    // The first entry, of who the first members are, is everybody's from the start.
    if (this.#history.lastIndex === 0) this.#commitsEntry(id, log, 0, 1);
    ensure(applied <= commit, () => `${id} has applied ${applied}, with ${commit} committed`);
    // What came with a snapshot need not be in the log; that it is right is seen from the revision.
    for (let index = Math.max(before, snapshot) + 1; index <= applied; index++) {
      const { term } = this.#history.at(index);
      ensure(durable.has(index, term), () => `${id} has applied ${index}/${term}, not on its disk yet`);
    }
  }

  #standsWhere({ id, applied, revision, compacted }: Look): void {
    const effect = this.#history.at(applied);
    ensure(
      revision === effect.revision,
      () => `${id} is at revision ${revision} after entry ${applied}; it should be ${effect.revision}`,
    );
    ensure(
      compacted === effect.compacted,
      () => `${id} is compacted at ${compacted} after entry ${applied}; it should be ${effect.compacted}`,
    );
  }
}
