/**
 * What members say to each other. The words are the thesis's (figure 3.1, 4.2.1, 6.4, 9.6, 3.10).
 *
 * Messages may be lost, delayed and reordered. They may arrive twice, but for `propose`: the entries of one that came
 * twice would be in the log twice. A stream over TCP that is not resent after a break is enough.
 */

import type { Bytes } from '../base/index.ts';
import type { ConfigurationChange } from './conf-change.ts';
import type { Entry, MemberId, SnapshotMark } from './entry.ts';

/** Names a request (a forwarded proposal, a read) until it is answered. Unique to a member's life: a restart begins elsewhere. */
export type Ticket = number;

/** Asks for a vote (3.4), or, with the kind of a pre-vote, whether one would be given (9.6): then `term` is the term to come. */
export interface RequestVote {
  readonly kind: 'requestVote' | 'requestPreVote';
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The leader itself wants this election (3.10): the lease of 4.2.3 does not protect it. */
  readonly transfer: boolean;
}

/** A granted pre-vote repeats the term it was asked for; a refusal carries the voter's own. */
export interface RequestVoteResponse {
  readonly kind: 'requestVoteResponse' | 'requestPreVoteResponse';
  readonly granted: boolean;
}

/** The entries after (prevIndex, prevTerm), possibly none, and how far the leader has committed. */
export interface AppendEntries {
  readonly kind: 'appendEntries';
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  /** It only tells the commit index: that the log agrees has been said, or is on its way, so it is answered only where it does not. */
  readonly quiet: boolean;
}

/** The sender's log agrees with the leader's up to `index`, and is on disk that far. */
export interface AppendEntriesAccepted {
  readonly kind: 'appendEntriesAccepted';
  readonly index: number;
}

/** The sender has no such previous entry. It may agree at `agreeIndex`, where it has `agreeTerm` (Log.agreeingIndex). */
export interface AppendEntriesRejected {
  readonly kind: 'appendEntriesRejected';
  readonly prevIndex: number;
  readonly agreeIndex: number;
  readonly agreeTerm: number;
}

/** Keeps the leader's place, tells the commit index as far as the member is known to have the log, and asks for `round` to be confirmed (6.4). */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly commit: number;
  readonly round: number;
}

export interface HeartbeatResponse {
  readonly kind: 'heartbeatResponse';
  readonly round: number;
}

/** The member needs what the log does not hold any more (5). The state itself goes another way; see Ready.messages. */
export interface InstallSnapshot {
  readonly kind: 'installSnapshot';
  readonly snapshot: SnapshotMark;
}

/** The receiver is to begin an election at once (3.10). */
export interface TimeoutNow {
  readonly kind: 'timeoutNow';
}

/** Asks the leader to hand over to `target`. */
export interface TransferLeadership {
  readonly kind: 'transferLeadership';
  readonly target: MemberId;
}

/** Something that a member wants in the log. */
export type Proposal =
  | { readonly kind: 'normal'; readonly data: Bytes }
  | { readonly kind: 'configuration'; readonly change: ConfigurationChange; readonly data: Bytes };

/** Proposals on their way to the leader. */
export interface Propose {
  readonly kind: 'propose';
  readonly ticket: Ticket;
  readonly proposals: readonly Proposal[];
}

/** Why a proposal was refused. Every refusal is definite: it is in no log and never will be. */
export type Refusal =
  | 'noLeader'
  | 'transferring'
  | 'tooManyUncommitted'
  | 'tooManyForwarded'
  | 'changePending'
  | 'notJoint'
  | 'noVoters'
  | 'noChange'
  | 'learnerBehind'
  | 'invalidChange';

/** Where the first of the proposals stands (the others follow it), or why none of them does. */
export type ProposeAnswer =
  | { readonly kind: 'appended'; readonly index: number; readonly term: number }
  | { readonly kind: 'refused'; readonly reason: Refusal };

export interface ProposeResponse {
  readonly kind: 'proposeResponse';
  readonly ticket: Ticket;
  readonly answer: ProposeAnswer;
}

/** Asks the leader for a read index (6.4). */
export interface ReadIndex {
  readonly kind: 'readIndex';
  readonly ticket: Ticket;
}

/** Once the receiver has applied `index`, it may serve the read. Undefined: refused, ask again. */
export interface ReadIndexResponse {
  readonly kind: 'readIndexResponse';
  readonly ticket: Ticket;
  readonly index: number | undefined;
}

export type MessageBody =
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesAccepted
  | AppendEntriesRejected
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow
  | TransferLeadership
  | Propose
  | ProposeResponse
  | ReadIndex
  | ReadIndexResponse;

/** From, to, and the sender's term. */
export interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: number;
}

export type Message = Envelope & MessageBody;

/** The message of one kind. */
export type MessageOf<Kind extends MessageBody['kind']> = Envelope & Extract<MessageBody, { kind: Kind }>;
