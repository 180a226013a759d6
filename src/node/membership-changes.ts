/**
 * Changes of membership that operators ask of any member. Each is checked here, before it is proposed, against the membership as it is now (a read index:
 * the member that is asked may be behind);
 * Raft lets only one change be under way at a time, so what was checked still holds when it is appended.
 *
 * A change that could cost the cluster its quorum is refused (--strict-reconfig-check): a majority of voters must remain that have started and are
 * there, and nothing is added while a voter is away.
 */

import { createHash } from 'node:crypto';
import { type Clock, type ErrorCode, type Failpoints, RequestError } from '../base/index.ts';
import { encodeMemberUpdate, raftId } from '../codec/index.ts';
import { type ClusterMember, encodeMembershipChange, type Membership } from '../machine/index.ts';
import type { MemberChange, MemberId } from '../raft/index.ts';
import type { Outcome } from './member.ts';
import type { Proposer } from './proposer.ts';
import type { RaftLog } from './raft-log.ts';

/** How long a transfer of leadership may take, in election timeouts of the caller's clock. */
const TRANSFER_LOOK_MS = 20;

export interface MembershipChangesOptions {
  readonly clock: Clock;
  readonly membership: () => Membership;
  readonly proposer: Proposer;
  /** Resolves when this member has applied everything acknowledged before. */
  readonly readIndex: () => Promise<void>;
  readonly log: RaftLog;
  /** Whether this member reaches that one. */
  readonly isConnected: (id: MemberId) => boolean;
  readonly memberId: bigint;
  readonly clusterId: bigint;
  /** --max-learners */
  readonly learnersMax: number;
  /** --strict-reconfig-check */
  readonly strict: boolean;
  /** How long a transfer of leadership may take. */
  readonly transferMs: number;
  readonly failpoints?: Failpoints | undefined;
}

export class MembershipChanges {
  readonly #options: MembershipChangesOptions;

  constructor(options: MembershipChangesOptions) {
    this.#options = options;
  }

  /** Rejects with RequestError peerUrlExists, tooManyLearners, notEnoughStarted, unhealthy. */
  async add(peerUrls: readonly string[], isLearner: boolean): Promise<ClusterMember> {
    const { clock, membership, learnersMax } = this.#options;
    await this.#options.readIndex();
    const members = membership().list();
    if (members.some((member) => member.peerUrls.some((url) => peerUrls.includes(url)))) fail('peerUrlExists');
    if (isLearner && members.filter((member) => member.isLearner).length >= learnersMax) fail('tooManyLearners');
    if (!isLearner) this.#checkAddition(members);
    this.#checkAllConnected();
    const member: ClusterMember = {
      id: this.#newId(peerUrls, Math.floor(clock.wall() / 1000)),
      name: '',
      peerUrls,
      clientUrls: [],
      isLearner,
    };
    await this.#propose(
      { kind: isLearner ? 'addLearner' : 'addVoter', id: raftId(member.id) },
      { added: [member], removed: [] },
    );
    return member;
  }

  /** Rejects with RequestError memberNotFound, notEnoughStarted, unhealthy. */
  async remove(id: bigint): Promise<void> {
    await this.#options.readIndex();
    const member = this.#known(id);
    const voters = this.#voters().filter((voter) => voter.id !== id);
    if (voters.length === 0 && !member.isLearner) fail('notEnoughStarted');
    if (!member.isLearner) this.#checkRemoval(voters);
    await this.#propose({ kind: 'remove', id: raftId(id) }, { added: [], removed: [id] });
  }

  /** Rejects with RequestError memberNotFound, memberNotLearner, notEnoughStarted, learnerNotReady: the leader's log knows whether the learner has enough of it. */
  async promote(id: bigint): Promise<void> {
    await this.#options.readIndex();
    const member = this.#known(id);
    if (!member.isLearner) fail('memberNotLearner');
    const voters = this.#voters();
    // A learner that has caught up has started.
    if (this.#options.strict) this.#checkQuorum([...voters, member], this.#started(voters) + 1);
    await this.#propose(
      { kind: 'addVoter', id: raftId(id) },
      { added: [{ ...member, isLearner: false }], removed: [] },
    );
  }

  /** Rejects with RequestError memberNotFound, peerUrlExists. */
  async update(id: bigint, peerUrls: readonly string[]): Promise<void> {
    await this.#options.readIndex();
    this.#known(id);
    const others = this.#options
      .membership()
      .list()
      .filter((member) => member.id !== id);
    if (others.some((member) => member.peerUrls.some((url) => peerUrls.includes(url)))) fail('peerUrlExists');
    const request = encodeMemberUpdate({ kind: 'memberUpdate', id, peerUrls });
    settled(await this.#options.proposer.propose({ kind: 'memberUpdate', request, by: 'member' }));
  }

  /** Rejects with RequestError notLeader, badLeaderTransferee, timeout. */
  async moveLeader(target: bigint): Promise<void> {
    const { clock, failpoints, log, transferMs } = this.#options;
    await failpoints?.reach('beforeMoveLeader');
    if (!log.isLeader) fail('notLeader');
    const member = this.#options.membership().get(target);
    await failpoints?.reach('afterIsMemberExist');
    if (member === undefined || member.isLearner) fail('badLeaderTransferee');
    if (log.leader === target) return;
    log.transferLeadership(raftId(target));
    const deadline = clock.now() + transferMs;
    while (log.leader !== target) {
      if (clock.now() >= deadline) fail('timeout');
      await new Promise<void>((resolve) => void clock.after(TRANSFER_LOOK_MS, resolve));
    }
  }

  /** Hands leadership to the voter that is furthest, if there is one; for a leader that is about to stop. Never rejects. */
  async handOver(): Promise<void> {
    const { log, memberId } = this.#options;
    if (!log.isLeader) return;
    const self = raftId(memberId);
    const { configuration, progress } = log.status();
    const furthest = progress
      .filter(({ id, active }) => id !== self && active && configuration.voters.includes(id))
      .reduce<{ id: string; match: number } | undefined>(
        (best, one) => ((best?.match ?? -1) < one.match ? one : best),
        undefined,
      );
    if (furthest === undefined) return;
    await this.moveLeader(BigInt(`0x${furthest.id}`)).catch((error: unknown) => {
      if (!(error instanceof RequestError)) throw error;
    });
  }

  #known(id: bigint): ClusterMember {
    const member = this.#options.membership().get(id);
    this.#options.failpoints?.hit('afterIsMemberExist');
    return member ?? fail('memberNotFound');
  }

  #voters(): readonly ClusterMember[] {
    return this.#options
      .membership()
      .list()
      .filter(({ isLearner }) => !isLearner);
  }

  #started(members: readonly ClusterMember[]): number {
    return members.filter(({ name }) => name !== '').length;
  }

  /** With one more voter, which has not started, a majority of all must have. A cluster of one may grow to two. */
  #checkAddition(members: readonly ClusterMember[]): void {
    if (!this.#options.strict) return;
    const voters = members.filter(({ isLearner }) => !isLearner);
    const started = this.#started(voters);
    if (started === 1 && voters.length === 1) return;
    this.#checkQuorum([...voters, ...voters.slice(0, 1)], started);
  }

  /** Of the voters that stay a majority must have started, and be there. */
  #checkRemoval(staying: readonly ClusterMember[]): void {
    if (!this.#options.strict) return;
    this.#checkQuorum(staying, this.#started(staying));
    if (staying.filter((voter) => this.#isConnected(voter)).length < quorumOf(staying)) fail('unhealthy');
  }

  #checkQuorum(voters: readonly ClusterMember[], started: number): void {
    if (started < quorumOf(voters)) fail('notEnoughStarted');
  }

  #checkAllConnected(): void {
    const isWhole = this.#voters().every((voter) => this.#isConnected(voter));
    if (this.#options.strict && !isWhole) fail('unhealthy');
  }

  /** Whether this member reaches that one. As in etcd, each judges by its own connections. */
  #isConnected({ id }: ClusterMember): boolean {
    return id === this.#options.memberId || this.#options.isConnected(raftId(id));
  }

  /** An id is never used again: one that was added, removed and added within a second gets the id of the next second. */
  #newId(peerUrls: readonly string[], wallSeconds: number): bigint {
    const seed = [...peerUrls].sort().join('') + this.#options.clusterId.toString(16) + wallSeconds;
    const id = createHash('sha1').update(seed).digest().readBigUInt64BE(0);
    const membership = this.#options.membership();
    const isTaken = membership.get(id) !== undefined || membership.wasRemoved(id);
    return isTaken ? this.#newId(peerUrls, wallSeconds + 1) : id;
  }

  async #propose(
    change: MemberChange,
    members: { added: readonly ClusterMember[]; removed: readonly bigint[] },
  ): Promise<void> {
    const { log, proposer } = this.#options;
    const outcome = await proposer.track((proposal, failed) => {
      log.proposeConfiguration(
        { kind: 'change', changes: [change] },
        encodeMembershipChange({ proposal, ...members }),
        failed,
      );
    });
    settled(outcome);
  }
}

const quorumOf = (voters: readonly unknown[]): number => Math.floor(voters.length / 2) + 1;

function fail(code: ErrorCode): never {
  throw new RequestError(code);
}

function settled(outcome: Outcome): void {
  if (!outcome.ok) fail(outcome.error);
}
