/**
 * Changes of membership that operators ask for. Each is checked here, before it is proposed, against the membership as this member knows it;
 * Raft lets only one change be under way at a time, so what was checked still holds when it is appended.
 *
 * A change that could cost the cluster its quorum is refused: counting only members that have started, a majority must remain (--strict-reconfig-check).
 */

import { createHash } from 'node:crypto';
import { type Clock, type ErrorCode, RequestError } from '../base/index.ts';
import { encodeMemberUpdate, raftId } from '../codec/index.ts';
import { type ClusterMember, encodeMembershipChange, type Membership } from '../machine/index.ts';
import type { MemberChange } from '../raft/index.ts';
import type { Outcome } from './member.ts';
import type { Proposer } from './proposer.ts';
import type { RaftLog } from './raft-log.ts';

/** A learner may be promoted when it has so much of the leader's log. */
const READY_FRACTION = 0.9;

/** How long a transfer of leadership may take, in election timeouts of the caller's clock. */
const TRANSFER_LOOK_MS = 20;

export interface MembershipChangesOptions {
  readonly clock: Clock;
  readonly membership: () => Membership;
  readonly proposer: Proposer;
  readonly log: RaftLog;
  readonly memberId: bigint;
  readonly clusterId: bigint;
  /** --max-learners */
  readonly learnersMax: number;
  /** --strict-reconfig-check */
  readonly strict: boolean;
  /** How long a transfer of leadership may take. */
  readonly transferMs: number;
}

export class MembershipChanges {
  readonly #options: MembershipChangesOptions;

  constructor(options: MembershipChangesOptions) {
    this.#options = options;
  }

  /** Rejects with RequestError peerUrlExists, tooManyLearners, notEnoughStarted, unhealthy, memberIdExists. */
  async add(peerUrls: readonly string[], isLearner: boolean): Promise<ClusterMember> {
    const { clock, membership, learnersMax } = this.#options;
    const members = membership().list();
    if (members.some((member) => member.peerUrls.some((url) => peerUrls.includes(url)))) fail('peerUrlExists');
    if (isLearner && members.filter((member) => member.isLearner).length >= learnersMax) fail('tooManyLearners');
    if (!isLearner) this.#checkAddition(members);
    const member: ClusterMember = {
      id: this.#newId(peerUrls, clock.wall()),
      name: '',
      peerUrls,
      clientUrls: [],
      isLearner,
    };
    if (membership().get(member.id) !== undefined || membership().wasRemoved(member.id)) fail('memberIdExists');
    await this.#propose(
      { kind: isLearner ? 'addLearner' : 'addVoter', id: raftId(member.id) },
      { added: [member], removed: [] },
    );
    return member;
  }

  /** Rejects with RequestError memberNotFound, notEnoughStarted. */
  async remove(id: bigint): Promise<void> {
    const member = this.#known(id);
    const voters = this.#voters().filter((voter) => voter.id !== id);
    if (voters.length === 0 && !member.isLearner) fail('notEnoughStarted');
    if (this.#options.strict && !member.isLearner) this.#checkQuorum(voters, this.#started(voters));
    await this.#propose({ kind: 'remove', id: raftId(id) }, { added: [], removed: [id] });
  }

  /** To be asked of the leader. Rejects with RequestError memberNotFound, memberNotLearner, learnerNotReady. */
  async promote(id: bigint): Promise<void> {
    const member = this.#known(id);
    if (!member.isLearner) fail('memberNotLearner');
    const { progress, lastIndex } = this.#options.log.status();
    const learner = progress.find((one) => one.id === raftId(id));
    if (learner === undefined || learner.match < READY_FRACTION * lastIndex) fail('learnerNotReady');
    await this.#propose(
      { kind: 'addVoter', id: raftId(id) },
      { added: [{ ...member, isLearner: false }], removed: [] },
    );
  }

  /** Rejects with RequestError memberNotFound, peerUrlExists. */
  async update(id: bigint, peerUrls: readonly string[]): Promise<void> {
    this.#known(id);
    const others = this.#options
      .membership()
      .list()
      .filter((member) => member.id !== id);
    if (others.some((member) => member.peerUrls.some((url) => peerUrls.includes(url)))) fail('peerUrlExists');
    const request = encodeMemberUpdate({ kind: 'memberUpdate', id, peerUrls });
    settled(await this.#options.proposer.propose({ kind: 'memberUpdate', request }));
  }

  /** Rejects with RequestError notLeader, badLeaderTransferee, timeout. */
  async moveLeader(target: bigint): Promise<void> {
    const { clock, log, transferMs } = this.#options;
    if (!log.isLeader) fail('notLeader');
    const member = this.#options.membership().get(target);
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
    return this.#options.membership().get(id) ?? fail('memberNotFound');
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
    if (!this.#allActive()) fail('unhealthy');
  }

  #checkQuorum(voters: readonly ClusterMember[], started: number): void {
    if (started < Math.floor(voters.length / 2) + 1) fail('notEnoughStarted');
  }

  /** Whether the leader hears of every voter. Others cannot tell, and leave it to the leader's log. */
  #allActive(): boolean {
    const { log, memberId } = this.#options;
    const self = raftId(memberId);
    const { configuration, progress } = log.status();
    return progress.every(({ id, active }) => active || id === self || !configuration.voters.includes(id));
  }

  #newId(peerUrls: readonly string[], wallMs: number): bigint {
    const seed = [...peerUrls].sort().join('') + this.#options.clusterId.toString(16) + Math.floor(wallMs / 1000);
    return createHash('sha1').update(seed).digest().readBigUInt64BE(0);
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

function fail(code: ErrorCode): never {
  throw new RequestError(code);
}

function settled(outcome: Outcome): void {
  if (!outcome.ok) fail(outcome.error);
}
