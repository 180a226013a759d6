/**
 * What the owner has to do for the core, and in which order. The owner's whole loop:
 *
 *     on a message, a tick, a proposal:   raft.step(..) / raft.tick() / raft.propose(..)
 *     then, while raft.hasReady:          ready = raft.ready()
 *                                         if ready.write: begin writing it; when it is synced, raft.persisted(write.number)
 *                                         send ready.messages
 *                                         install ready.snapshot, apply ready.committed in order, raft.appliedTo(index)
 *                                         answer what ready.reads, ready.proposals, ready.lost tell
 *
 * Nobody has to wait for the disk but the disk's own queue. Writes are numbered and are done in the order of their
 * numbers; any number may be under way, and the owner may sync several at once and report the last. What must not leave before a
 * write is done is held back inside the core (outbox.ts) and comes out of a later Ready. So a leader's appends go out while its own
 * write is under way, and it counts itself for the commit only when that write is done (thesis 10.2.1).
 *
 *     leader      propose x -> ready {write 1: x, messages: append x to 2, 3}
 *                 2 and 3 answer -> commit x (a majority without the leader itself: safe)
 *                 persisted(1)   -> ready {committed: x}                 applied only once it is on the own disk too
 */

import type { Configuration } from './configuration.ts';
import type { Entry, MemberId, Position, SnapshotMark } from './entry.ts';
import type { Message, ProposeAnswer, Ticket } from './message.ts';
import type { ProgressState } from './progress.ts';

/** What a member must never forget (thesis figure 3.1). The commit index is not such a thing; it only saves time after a restart. */
export interface HardState {
  readonly term: number;
  /** Whom it voted for in this term. */
  readonly vote: MemberId | undefined;
  readonly commit: number;
}

/** What a member finds on its disk when it starts. */
export interface Stored {
  readonly hardState: HardState;
  /** Where the log begins: the newest snapshot, or index 0, term 0 and the initial configuration. */
  readonly snapshot: SnapshotMark;
  /** Without gaps, from snapshot.index + 1. */
  readonly entries: readonly Entry[];
}

/**
 * One write to the log on disk. Every write needs a sync before `persisted`: it exists only because of something that is promised.
 * Within it the order is snapshot, entries, hard state: a write torn by a crash has promised nothing yet and may end anywhere.
 */
export interface Write {
  readonly number: number;
  /** The log is to be replaced by this snapshot, whose state the owner has received already. It must be durable with this write. */
  readonly snapshot: SnapshotMark | undefined;
  /** To append. If the first one's index is not beyond the log's end, they replace everything from there on. */
  readonly entries: readonly Entry[];
  /** Undefined: unchanged. */
  readonly hardState: HardState | undefined;
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

export interface SoftState {
  readonly role: Role;
  readonly term: number;
  readonly leader: MemberId | undefined;
}

/** A read that may be served once `index` is applied; undefined: refused or given up, ask again. */
export interface ReadOutcome {
  readonly ticket: Ticket;
  readonly index: number | undefined;
}

/** What became of a forwarded proposal. Unknown: the leader changed or nothing was heard; it may be in the log or not. */
export interface ForwardOutcome {
  readonly ticket: Ticket;
  readonly answer: ProposeAnswer | { readonly kind: 'unknown' };
}

export interface Ready {
  /** Role, term or leader have changed. Nothing to write, no order to keep. */
  readonly softState: SoftState | undefined;

  /** To be written and synced, after all writes before it; then `persisted(write.number)`. */
  readonly write: Write | undefined;

  /**
   * May be sent at once, before the write: what depends on it is not among them. Order matters only for speed.
   * For `installSnapshot` the owner sends the state along, and reports with `reportSnapshot` how it went. It may send a later
   * state than the one named, up to what it has applied, if it changes `snapshot` in the message accordingly. The receiver steps the message
   * once it has the whole state.
   */
  readonly messages: readonly Message[];

  /** To be installed in place of the whole state, before `committed`, and once the write is done. Then `appliedTo(snapshot.index)`. */
  readonly snapshot: SnapshotMark | undefined;

  /** To be applied, in order, at the owner's pace. On this member's disk already, so there is no need to wait for anything. */
  readonly committed: readonly Entry[];

  readonly reads: readonly ReadOutcome[];

  /** About proposals this member forwarded. */
  readonly proposals: readonly ForwardOutcome[];

  /**
   * Positions that fell out of this member's log because another leader's entries, or a snapshot, took their place. Who proposed
   * there must be told something indefinite: the same entry may live on in another log and still be committed.
   */
  readonly lost: readonly Position[];
}

/** What a leader knows of a member. */
export interface MemberProgress {
  readonly id: MemberId;
  readonly state: ProgressState;
  readonly match: number;
  readonly next: number;
  /** Heard of since the last check of the quorum. */
  readonly active: boolean;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
}

/** A look at a member, for status requests, metrics and traces. */
export interface Status {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: number;
  readonly vote: MemberId | undefined;
  readonly leader: MemberId | undefined;
  readonly offset: number;
  readonly applied: number;
  readonly commit: number;
  readonly stable: number;
  readonly lastIndex: number;
  readonly configuration: Configuration;
  readonly configurationIndex: number;
  /** Of the leader: every other member and itself, sorted by id. Empty otherwise. */
  readonly progress: readonly MemberProgress[];
  readonly transferee: MemberId | undefined;
}
