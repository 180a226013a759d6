/**
 * What must hold in a Raft cluster at every moment (thesis figure 3.2), checked by somebody who sees all members at once and shares no
 * code with src/raft:
 *
 * - Election safety: at most one leader a term; nobody votes twice in a term.
 * - Log matching: an index and a term name one entry, with one entry before it.
 * - Leader completeness: a leader has everything that was committed in terms before its own.
 * - A leader never has two configurations that are not committed; at a committed index all know the same one.
 * - Nothing is applied that is not on the own disk.
 * - Committed entries never change, and what a leader commits is on the disks of a majority (of both, in a joint configuration).
 * - State machine safety: everybody applies the same, in the same order, without a gap.
 * - A read index is not older than anything that was committed when the read was asked for.
 * - A refused proposal is nowhere; an appended one is applied where it was appended, or reported as lost.
 */

import type { Entry, MemberId, Message, Raft, Ready, Ticket } from '../../src/raft/index.ts';
import type { ClusterMember, ClusterObserver, MachineState } from './raft-cluster.ts';
import { contentOf } from './raft-cluster.ts';

interface Committed {
  readonly term: number;
  /** The term that the cluster was in, as far as the first member to know of the commit knew. */
  readonly during: number;
}

export class RaftChecker implements ClusterObserver {
  readonly #members: () => ReadonlyMap<MemberId, ClusterMember>;
  readonly #leaders = new Map<number, MemberId>();
  readonly #votes = new Map<string, MemberId>();
  /** 'index/term' -> content, and the term before. */
  readonly #entries = new Map<string, { content: string; previousTerm: number | undefined }>();
  /** Per member and life, the indexes of configurations in its log that are not committed. */
  readonly #configurations = new Map<string, readonly number[]>();
  /** At a committed index, the configuration in force. */
  readonly #configurationAt = new Map<number, string>();
  readonly #committed = new Map<number, Committed>();
  /** Per member and life, how far its commit index was checked. */
  readonly #commitSeen = new Map<string, number>();
  readonly #digests = new Map<number, number>();
  readonly #refused = new Set<string>();
  /** 'member/life/ticket' -> the highest committed index when the read was asked for. */
  readonly #reads = new Map<string, number>();
  readonly #forwarded = new Map<string, readonly string[]>();
  /** 'member/life' -> index -> the term that the member, as leader, was promised for a proposal. */
  readonly #appended = new Map<string, Map<number, number>>();
  commitMax = 0;
  readsAnswered = 0;

  constructor(members: () => ReadonlyMap<MemberId, ClusterMember>) {
    this.#members = members;
  }

  // ---- What the cluster reports ----

  onReady(member: ClusterMember, ready: Ready): void {
    const raft = member.running;
    for (const entry of ready.write?.entries ?? []) this.#checkEntry(entry, raft.termAt(entry.index - 1));
    this.#checkConfigurations(member, raft, ready);
    for (const entry of ready.committed) {
      expect(member.hasDurably(entry), `${member.id} is to apply ${entry.index}/${entry.term}, not on its disk yet`);
    }
    const appended = this.#appendedBy(member);
    for (const { index, term } of ready.lost) if (appended.get(index) === term) appended.delete(index);
    for (const { ticket, index } of ready.reads) this.#checkRead(member, ticket, index);
    for (const { ticket, answer } of ready.proposals) {
      const contents = this.#forwarded.get(keyOf(member, ticket)) ?? [];
      if (answer.kind === 'refused') for (const content of contents) this.#refused.add(content);
    }
  }

  onSent(message: Message): void {
    const { from, to, term, kind } = message;
    if (kind === 'requestVoteResponse' && message.granted) this.#checkVote(from, term, to);
    if (kind === 'requestVote') this.#checkVote(from, term, from);
  }

  onApplied(member: ClusterMember, entry: Entry, state: MachineState): void {
    this.#checkDigest(member, state);
    const content = contentOf(entry);
    expect(!this.#refused.has(content), `${content} was refused, and is applied at ${entry.index}`);
    const appended = this.#appendedBy(member);
    const term = appended.get(entry.index);
    expect(term === undefined || term === entry.term, `${member.id} was not told that ${entry.index}/${term} is lost`);
    appended.delete(entry.index);
  }

  onInstalled(member: ClusterMember, state: MachineState): void {
    this.#checkDigest(member, state);
  }

  // ---- What the clients did ----

  noteRead(member: ClusterMember, ticket: Ticket): void {
    this.#reads.set(keyOf(member, ticket), this.commitMax);
  }

  noteProposed(member: ClusterMember, contents: readonly string[], result: ReturnType<Raft['propose']>): void {
    if (result.kind === 'refused') for (const content of contents) this.#refused.add(content);
    if (result.kind === 'forwarded') this.#forwarded.set(keyOf(member, result.ticket), contents);
    if (result.kind !== 'appended') return;
    for (let i = 0; i < contents.length; i++) this.#appendedBy(member).set(result.index + i, result.term);
  }

  // ---- After every step of a member ----

  check(member: ClusterMember): void {
    const { raft } = member;
    if (raft === undefined) return;
    if (raft.isLeader) this.#checkLeader(member, raft);
    this.#checkCommit(member, raft);
  }

  #checkLeader(member: ClusterMember, raft: Raft): void {
    const known = this.#leaders.get(raft.term);
    expect(known === undefined || known === member.id, `${known} and ${member.id} both lead term ${raft.term}`);
    if (known !== undefined) return;
    this.#leaders.set(raft.term, member.id);
    for (const [index, { term, during }] of this.#committed) {
      if (during < raft.term) this.#checkHas(member, raft, index, term);
    }
  }

  #checkHas(member: ClusterMember, raft: Raft, index: number, term: number): void {
    const { offset } = raft.status();
    expect(
      index <= offset || raft.termAt(index) === term,
      `${member.id} leads term ${raft.term} without committed ${index}/${term} (has ${raft.termAt(index)})`,
    );
  }

  #checkCommit(member: ClusterMember, raft: Raft): void {
    const key = `${member.id}/${member.lives}`;
    const seen = this.#commitSeen.get(key) ?? 0;
    if (raft.commit <= seen) return;
    const status = raft.status();
    this.#commitSeen.set(key, status.commit);
    for (let index = Math.max(seen, status.offset) + 1; index <= status.commit; index++) {
      this.#checkCommitted(member, raft, index);
    }
    const configuration = JSON.stringify(raft.configurationAt(status.commit));
    const known = this.#configurationAt.get(status.commit) ?? configuration;
    expectEqual(configuration, known, `the configuration at ${status.commit} as ${member.id} sees it`);
    this.#configurationAt.set(status.commit, known);
    const term = raft.termAt(status.commit);
    if (raft.isLeader && term === raft.term) this.#checkDurable(member, raft, status.commit, term);
    this.commitMax = Math.max(this.commitMax, status.commit);
  }

  #checkCommitted(member: ClusterMember, raft: Raft, index: number): void {
    const term = raft.termAt(index);
    const known = this.#committed.get(index);
    expect(term !== undefined, `${member.id} has committed ${index} without having it`);
    if (known !== undefined) {
      expectEqual(term, known.term, `the term of committed entry ${index} at ${member.id}`);
      return;
    }
    this.#committed.set(index, { term, during: raft.term });
    for (const other of this.#members().values()) {
      if (other.raft?.isLeader === true && other.raft.term > raft.term) this.#checkHas(other, other.raft, index, term);
    }
  }

  /** The definition of committed, word for word. */
  #checkDurable(member: ClusterMember, raft: Raft, index: number, term: number): void {
    const { configuration } = raft.status();
    for (const voters of [configuration.voters, configuration.votersOutgoing]) {
      const having = voters.filter((id) => this.#members().get(id)?.hasDurably({ index, term }) === true);
      expect(
        voters.length === 0 || having.length * 2 > voters.length,
        `${member.id} commits ${index}/${term}, which of ${voters.join(' ')} only [${having.join(' ')}] have on disk`,
      );
    }
  }

  #checkEntry(entry: Entry, previousTerm: number | undefined): void {
    const key = `${entry.index}/${entry.term}`;
    const content = contentOf(entry);
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { content, previousTerm });
      return;
    }
    expectEqual(content, known.content, `the content of ${key}`);
    if (previousTerm === undefined) return;
    if (known.previousTerm !== undefined) expectEqual(previousTerm, known.previousTerm, `the term before ${key}`);
    known.previousTerm = previousTerm;
  }

  /** One change at a time (4.1, 4.3): a leader never has two configurations in its log that are not committed. */
  #checkConfigurations(member: ClusterMember, raft: Raft, ready: Ready): void {
    const entries = ready.write?.entries ?? [];
    const [first] = entries;
    if (first === undefined) return;
    const key = `${member.id}/${member.lives}`;
    const before = this.#configurations.get(key) ?? [];
    const added = entries.filter((entry) => entry.kind === 'configuration').map((entry) => entry.index);
    const { commit } = raft;
    const uncommitted = [...before.filter((index) => index < first.index), ...added].filter((index) => index > commit);
    this.#configurations.set(key, uncommitted);
    expect(
      !raft.isLeader || uncommitted.length <= 1,
      `${member.id} leads with uncommitted configurations at ${uncommitted.join(' ')}`,
    );
  }

  #checkVote(voter: MemberId, term: number, candidate: MemberId): void {
    const key = `${voter}/${term}`;
    const known = this.#votes.get(key) ?? candidate;
    expectEqual(candidate, known, `the vote of ${voter} in term ${term}`);
    this.#votes.set(key, candidate);
  }

  #checkDigest(member: ClusterMember, { index, digest }: MachineState): void {
    const known = this.#digests.get(index) ?? digest;
    expectEqual(digest, known, `the state of ${member.id} at ${index}`);
    this.#digests.set(index, digest);
  }

  #checkRead(member: ClusterMember, ticket: Ticket, index: number | undefined): void {
    const key = keyOf(member, ticket);
    const least = this.#reads.get(key);
    expect(least !== undefined, `${member.id} got an answer to a read it did not ask for, or a second one`);
    this.#reads.delete(key);
    this.readsAnswered++;
    expect(
      index === undefined || index >= least,
      `a read at ${member.id} got ${index}, with ${least} committed before`,
    );
  }

  #appendedBy(member: ClusterMember): Map<number, number> {
    const key = `${member.id}/${member.lives}`;
    const appended = this.#appended.get(key) ?? new Map<number, number>();
    this.#appended.set(key, appended);
    return appended;
  }
}

const keyOf = (member: ClusterMember, ticket: Ticket): string => `${member.id}/${member.lives}/${ticket}`;

function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`unsafe: ${what}`);
}

function expectEqual(actual: unknown, wanted: unknown, what: string): void {
  expect(actual === wanted, `${what}: ${String(actual)}, not ${String(wanted)}`);
}
