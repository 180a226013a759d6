/**
 * One member of a Raft cluster, as a pure state machine: messages, ticks and proposals in, Ready out. No I/O, no time but
 * ticks, no chance but the Prng it is given: the same calls give the same answers.
 *
 * A companion to Ongaro's thesis, "Consensus: Bridging Theory and Practice" (2014). Where to find what:
 *
 *     3.4, 9.6, 4.2.3  election.ts       3.5, 3.6.2, 10.2.1  replication.ts, progress.ts, inflight.ts    3.10  transfer.ts
 *     3.5              follower.ts, log.ts      4            configuration.ts, conf-change.ts, quorum.ts
 *     5                compact, installSnapshot 6.4          read-index.ts      3.8, 10.2.1   ready.ts, outbox.ts
 *
 * This file is the dispatcher: it compares terms, passes each message to its part, and gathers the Ready. All methods are synchronous.
 * They throw InvariantError where this member or another has broken the protocol; the owner must stop then.
 */

import { assert, type Bytes, unreachable } from '../base/index.ts';
import { ApplyingBytes } from './applying.ts';
import type { ConfigurationChange } from './conf-change.ts';
import { type Configuration, configurationOf, EMPTY_CONFIGURATION } from './configuration.ts';
import { campaign, ignoresVote, onRequestVote, onRequestVoteResponse, standForElection } from './election.ts';
import type { MemberId } from './entry.ts';
import { onAppendEntries, onHeartbeat, onInstallSnapshot } from './follower.ts';
import type { Message, MessageOf, Proposal, Ticket } from './message.ts';
import { onPropose, onProposeResponse, type ProposeResult, propose } from './proposal.ts';
import type { Ready, SoftState, Status, Stored, Write } from './ready.ts';
import {
  checkQuorum,
  onAppendEntriesAccepted,
  onAppendEntriesRejected,
  onHeartbeatResponse,
  onOwnLogStable,
  onSnapshotReport,
  replicate,
  sendHeartbeats,
} from './replication.ts';
import { type Leadership, type RaftOptions, RaftState } from './state.ts';
import { beginTransfer, offerLeadership, type TransferResult, tickTransfer, transferLeadership } from './transfer.ts';

/** What a member of a new cluster starts from: every first member the same. The configuration is the log's first entry, committed (4.4). */
export function bootstrapped(voters: readonly MemberId[], data: Bytes): Stored {
  return {
    hardState: { term: 1, vote: undefined, commit: 1 },
    snapshot: { index: 0, term: 0, configuration: EMPTY_CONFIGURATION },
    entries: [{ kind: 'configuration', index: 1, term: 1, configuration: configurationOf(voters), data }],
  };
}

/** What a member starts from that joins a running cluster: nothing. It learns everything from the leader. */
export const JOINING: Stored = {
  hardState: { term: 0, vote: undefined, commit: 0 },
  snapshot: { index: 0, term: 0, configuration: EMPTY_CONFIGURATION },
  entries: [],
};

type MessageForLeader = MessageOf<
  'transferLeadership' | 'appendEntriesAccepted' | 'appendEntriesRejected' | 'heartbeatResponse'
>;

function isVoteRequest(message: Message): message is MessageOf<'requestVote' | 'requestPreVote'> {
  return message.kind === 'requestVote' || message.kind === 'requestPreVote';
}

/** Whether the message's term is one that its sender is in. That of a pre-vote and of its grant is only a question. */
function raisesTerm(message: Message): boolean {
  return !(message.kind === 'requestPreVote' || (message.kind === 'requestPreVoteResponse' && message.granted));
}

export class Raft {
  readonly #state: RaftState;
  /** The hard state as the last write has it. */
  #hardState: Stored['hardState'];
  #softState: SoftState;
  #writeNumber = 0;
  #persistedNumber = 0;
  /** Bytes of entries that were handed out for applying and are not reported yet. */
  readonly #applying = new ApplyingBytes();

  constructor(options: RaftOptions) {
    this.#state = new RaftState(options);
    this.#hardState = options.stored.hardState;
    this.#softState = { role: 'follower', term: this.#state.term, leader: undefined };
  }

  get id(): MemberId {
    return this.#state.id;
  }

  get term(): number {
    return this.#state.term;
  }

  get leader(): MemberId | undefined {
    return this.#state.leader;
  }

  /** The commit index. */
  get commit(): number {
    return this.#state.log.commit;
  }

  get isLeader(): boolean {
    return this.#state.standing.role === 'leader';
  }

  // ---- What comes in ----

  /** One tick has passed. */
  tick(): void {
    const state = this.#state;
    state.expireForwarded();
    state.electionElapsed++;
    if (state.standing.role === 'leader') {
      this.#tickLeader(state.standing);
    } else if (state.electionElapsed >= state.electionTimeout) {
      if (state.promotable) {
        campaign(state);
      } else {
        state.setLeader(undefined);
        state.resetElectionTimer();
      }
    }
  }

  /** A message from another member. */
  step(message: Message): void {
    const state = this.#state;
    assert(message.to === state.id, `message for ${message.to} came to ${state.id}`);
    if (isVoteRequest(message) && ignoresVote(state, message)) return;
    if (message.term > state.term) {
      if (raisesTerm(message)) state.becomeFollower(message.term, undefined);
    } else if (message.term < state.term && this.#refusesStale(message)) {
      return;
    }
    this.#dispatch(message);
  }

  /** Wants these in the log, in this order and next to each other. */
  propose(data: readonly Bytes[]): ProposeResult {
    assert(data.length > 0, 'nothing to propose');
    const proposals = data.map((one): Proposal => ({ kind: 'normal', data: one }));
    return propose(this.#state, proposals);
  }

  /** Wants a change of membership. `data` comes back with the entry, for the owner. */
  proposeConfigurationChange(change: ConfigurationChange, data: Bytes): ProposeResult {
    return propose(this.#state, [{ kind: 'configuration', change, data }]);
  }

  /** Asks for a read index (6.4): the answer is in Ready.reads under this ticket. Undefined: refused, no leader or too many reads wait. */
  readIndex(): Ticket | undefined {
    const state = this.#state;
    const { standing, leader } = state;
    const ticket = state.nextTicket();
    if (standing.role === 'leader') return standing.reads.add({ from: state.id, ticket }) ? ticket : undefined;
    if (leader === undefined || state.forwardedReads.size >= state.limits.readsWaitingMax) return undefined;
    state.noteForwarded(state.forwardedReads, ticket);
    state.send(leader, { kind: 'readIndex', ticket });
    return ticket;
  }

  /** Wants `target` to lead (3.10). Whether it came to lead shows in Ready.softState. */
  transferLeadership(target: MemberId): TransferResult {
    return transferLeadership(this.#state, target);
  }

  /** Begins to campaign now, as if the election timeout had passed. */
  campaign(): void {
    campaign(this.#state);
  }

  /** Lets `ticks` of the first election timeout pass at once, at most up to the shortest timeout: a cluster that starts has no leader to wait for. */
  fastForward(ticks: number): void {
    const state = this.#state;
    if (state.leader !== undefined || state.standing.role !== 'follower') return;
    const latest = state.limits.electionTicks - 1;
    state.electionElapsed = Math.max(state.electionElapsed, Math.min(state.electionElapsed + ticks, latest));
  }

  /** Write `number` and all before it are synced. */
  persisted(number: number): void {
    assert(
      number > this.#persistedNumber && number <= this.#writeNumber,
      `write ${number} is not under way (${this.#persistedNumber} to ${this.#writeNumber})`,
    );
    this.#persistedNumber = number;
    this.#state.log.writesDone(number);
    this.#release();
    const { standing } = this.#state;
    if (standing.role === 'leader') onOwnLogStable(this.#state, standing);
  }

  /** Everything up to `index` is applied. */
  appliedTo(index: number): void {
    this.#state.log.appliedTo(index);
    this.#applying.free(index);
  }

  /** The sending of a snapshot to `to` has ended; `arrived` tells whether the member has the whole of it. */
  reportSnapshot(to: MemberId, arrived: boolean): void {
    const { standing } = this.#state;
    if (standing.role === 'leader') onSnapshotReport(standing, to, arrived);
  }

  /** Forgets log entries up to `index`, which must be applied and safe in the owner's state. Those who lack them will need a snapshot. */
  compact(index: number): void {
    const { log, configurations } = this.#state;
    if (index <= log.offset.index) return;
    log.compact(index);
    configurations.compact(index);
  }

  // ---- What comes out ----

  /** Whether there is anything in a Ready now. */
  get hasReady(): boolean {
    this.#gather();
    const state = this.#state;
    return (
      state.outbox.hasFree ||
      this.#hasWrite() ||
      (state.log.hasApplicable && this.#applying.bytes < state.limits.applyingBytesMax) ||
      state.reads.length > 0 ||
      state.proposals.length > 0 ||
      state.lost.length > 0 ||
      this.#softStateNow() !== undefined
    );
  }

  /** Hands over everything there is to do, once. See ready.ts for what is to be done with it. */
  ready(): Ready {
    this.#gather();
    const state = this.#state;
    const write = this.#takeWrite();
    const softState = this.#softStateNow();
    if (softState !== undefined) this.#softState = softState;
    const mayApply = this.#applying.bytes < state.limits.applyingBytesMax;
    const committed = mayApply ? state.log.takeApplicable(state.limits.committedBytesMax) : [];
    this.#applying.add(committed);
    const { reads, proposals, lost } = state;
    state.reads = [];
    state.proposals = [];
    state.lost = [];
    const messages = state.outbox.takeFree();
    return { softState, write, messages, snapshot: write?.snapshot, committed, reads, proposals, lost };
  }

  /** The configuration after the entry at `index`, which must not be compacted: what belongs into a snapshot at `index`. */
  configurationAt(index: number): Configuration {
    return this.#state.configurations.at(index);
  }

  /** The term of the entry at `index`; undefined if it is compacted or not there. */
  termAt(index: number): number | undefined {
    return this.#state.log.termAt(index);
  }

  status(): Status {
    const { id, term, vote, leader, log, configuration, configurations, standing } = this.#state;
    const progress = standing.role === 'leader' ? [...standing.progress] : [];
    return {
      id,
      role: standing.role,
      term,
      vote,
      leader,
      offset: log.offset.index,
      applied: log.applied,
      commit: log.commit,
      stable: log.stable,
      lastIndex: log.lastIndex,
      configuration,
      configurationIndex: configurations.latestIndex,
      progress: progress
        .map(([id, { state, match, next, active, inflight }]) => {
          return { id, state, match, next, active, inflightMessages: inflight.messages, inflightBytes: inflight.bytes };
        })
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
      transferee: standing.role === 'leader' ? standing.transfer?.target : undefined,
    };
  }

  // ---- Within ----

  #tickLeader(leadership: Leadership): void {
    const state = this.#state;
    tickTransfer(state, leadership);
    if (state.electionElapsed >= state.limits.electionTicks) {
      state.electionElapsed = 0;
      if (!checkQuorum(state, leadership)) {
        state.becomeFollower(state.term, undefined);
        return;
      }
    }
    leadership.heartbeatElapsed++;
    if (leadership.heartbeatElapsed >= state.limits.heartbeatTicks) sendHeartbeats(state, leadership);
  }

  /**
   * A message of an earlier term. Its sender is told of the later one, if it needs to know to make way or to catch up. Requests that only want a leader
   * are as good as ever. Returns whether that was all.
   */
  #refusesStale(message: Message): boolean {
    const state = this.#state;
    switch (message.kind) {
      case 'appendEntries':
      case 'installSnapshot':
        state.send(message.from, { kind: 'appendEntriesRejected', prevIndex: 0, agreeIndex: 0, agreeTerm: 0 });
        return true;
      case 'heartbeat':
        state.send(message.from, { kind: 'heartbeatResponse', round: 0 });
        return true;
      case 'requestVote':
      case 'requestPreVote':
      case 'transferLeadership':
      case 'propose':
      case 'proposeResponse':
      case 'readIndex':
      case 'readIndexResponse':
        return false;
      case 'requestVoteResponse':
      case 'requestPreVoteResponse':
      case 'appendEntriesAccepted':
      case 'appendEntriesRejected':
      case 'heartbeatResponse':
      case 'timeoutNow':
        return true;
      default:
        return unreachable(message);
    }
  }

  #dispatch(message: Message): void {
    const state = this.#state;
    switch (message.kind) {
      case 'requestVote':
      case 'requestPreVote':
        return onRequestVote(state, message);
      case 'requestVoteResponse':
      case 'requestPreVoteResponse':
        return onRequestVoteResponse(state, message);
      case 'appendEntries':
        this.#follow(message.from);
        return onAppendEntries(state, message);
      case 'heartbeat':
        this.#follow(message.from);
        return onHeartbeat(state, message);
      case 'installSnapshot':
        this.#follow(message.from);
        return onInstallSnapshot(state, message);
      case 'timeoutNow':
        if (state.standing.role === 'follower' && state.promotable) standForElection(state, true);
        return;
      case 'propose':
        return onPropose(state, message);
      case 'proposeResponse':
        return onProposeResponse(state, message);
      case 'readIndexResponse':
        if (state.forwardedReads.delete(message.ticket)) {
          state.reads.push({ ticket: message.ticket, index: message.index });
        }
        return;
      case 'readIndex':
        this.#takeRead(message);
        return;
      case 'transferLeadership':
      case 'appendEntriesAccepted':
      case 'appendEntriesRejected':
      case 'heartbeatResponse':
        if (state.standing.role === 'leader') this.#dispatchToLeader(state.standing, message);
        return;
      default:
        return unreachable(message);
    }
  }

  #dispatchToLeader(leadership: Leadership, message: MessageForLeader): void {
    const state = this.#state;
    switch (message.kind) {
      case 'transferLeadership':
        beginTransfer(state, leadership, message.target);
        return;
      case 'appendEntriesAccepted':
        return onAppendEntriesAccepted(state, leadership, message);
      case 'appendEntriesRejected':
        return onAppendEntriesRejected(state, leadership, message);
      case 'heartbeatResponse':
        return onHeartbeatResponse(state, leadership, message);
      default:
        return unreachable(message);
    }
  }

  /** A member has forwarded a read. */
  #takeRead({ from, ticket }: MessageOf<'readIndex'>): void {
    const { standing } = this.#state;
    if (standing.role === 'leader' && standing.reads.add({ from, ticket })) return;
    this.#state.answerRead(from, ticket, undefined);
  }

  /** The leader of this term has spoken. */
  #follow(leader: MemberId): void {
    const state = this.#state;
    assert(state.standing.role !== 'leader', `${leader} and ${state.id} both lead term ${state.term}`);
    assert(
      state.leader === undefined || state.leader === leader,
      `${leader} and ${state.leader} both lead term ${state.term}`,
    );
    if (state.standing.role !== 'follower') state.becomeFollower(state.term, leader);
    state.setLeader(leader);
    state.electionElapsed = 0;
  }

  /** What is done once for a whole turn: appends, rounds of reads, the end of a transfer; and what held messages wait for. */
  #gather(): void {
    const state = this.#state;
    if (state.standing.role === 'leader') {
      replicate(state, state.standing);
      offerLeadership(state, state.standing);
    }
    if (state.outbox.hasUntagged && !this.#hasWrite()) {
      // They wait for the writes under way, or for nothing.
      state.outbox.tag(this.#writeNumber);
      this.#release();
    }
  }

  /** Sends what the writes done so far allow, or steps it if it is for this member itself. */
  #release(): void {
    for (const message of this.#state.outbox.release(this.#persistedNumber)) {
      if (message.to === this.#state.id) this.step(message);
      else this.#state.outbox.send(message);
    }
  }

  #hasWrite(): boolean {
    const { term, vote, log, snapshot } = this.#state;
    const { term: writtenTerm, vote: writtenVote } = this.#hardState;
    return term !== writtenTerm || vote !== writtenVote || log.hasUnwritten || snapshot !== undefined;
  }

  /** The commit index is not worth a write of its own; it goes along with others. */
  #takeWrite(): Write | undefined {
    if (!this.#hasWrite()) return undefined;
    const state = this.#state;
    this.#writeNumber++;
    const { term, vote, snapshot } = state;
    const before = this.#hardState;
    const hardState = { term, vote, commit: state.log.commit };
    const isChanged = term !== before.term || vote !== before.vote || hardState.commit !== before.commit;
    this.#hardState = hardState;
    state.snapshot = undefined;
    state.outbox.tag(this.#writeNumber);
    return {
      number: this.#writeNumber,
      snapshot,
      entries: state.log.takeUnwritten(this.#writeNumber),
      hardState: isChanged ? hardState : undefined,
    };
  }

  #softStateNow(): SoftState | undefined {
    const { standing, term, leader } = this.#state;
    const before = this.#softState;
    if (before.role === standing.role && before.term === term && before.leader === leader) return undefined;
    return { role: standing.role, term, leader };
  }
}
