/**
 * The replicated log as the node sees it: the seam between consensus and the state machine.
 *
 *     proposer --propose--> log --committed--> applier --applied--> log
 *     reader   --readIndex-> log
 *
 * RaftLog is the one there is, for a cluster of one as for a cluster of five.
 */

import type { Bytes, RequestError } from '../base/index.ts';
import type { OutgoingSnapshot } from '../peer/index.ts';
import type { Entry, MemberId, SnapshotMark, SoftState } from '../raft/index.ts';

/** A snapshot, and the entry after which the state was what it holds. */
export interface TakenSnapshot {
  readonly position: StoredPosition;
  readonly snapshot: OutgoingSnapshot;
}

export interface LogOwner {
  /** These entries are committed and on this member's disk. Called in order, each entry once. */
  committed(entries: readonly Entry[]): void;
  /** These are in the log now, on their way to the disk. Some may yet be replaced. */
  logged(entries: readonly Entry[]): void;
  /** The whole state as of some applied entry, for a member that the log cannot help any more. */
  takeSnapshot(): Promise<TakenSnapshot>;
  /** Raft has taken a snapshot in place of the state: make it so, durably. */
  installSnapshot(mark: SnapshotMark): Promise<void>;
  snapshotNotSent(to: MemberId, error: Error): void;
  /** Role, term or leader have changed. */
  leadershipChanged(state: SoftState): void;
  /** Nobody can know any more what is on this member's disk: it must stop. */
  failed(error: Error): void;
}

/** The last entry that the store holds. */
export interface StoredPosition {
  readonly index: number;
  readonly term: number;
}

export interface ReplicatedLog {
  readonly term: number;
  /** 0n while there is none. */
  readonly leader: bigint;
  readonly isLeader: boolean;
  readonly committedIndex: number;
  /**
   * Appends the data of one entry. `failed` is called with a definite error if the entry is not and never will be in the log, with an
   * indefinite one if that cannot be known. Else it turns up among the committed ones.
   */
  propose(data: Bytes, failed: (error: RequestError) => void): void;
  /** Like propose, but only by the leader of this term, itself: fails definitely, with notLeader, if this member is not that. */
  proposeAsLeader(term: number, data: Bytes, failed: (error: RequestError) => void): void;
  /** The index up to which this member must have applied to see everything acknowledged before the call. Rejects with RequestError. */
  readIndex(): Promise<number>;
  /** Everything up to `index` has been applied. */
  applied(index: number): void;
  /** Everything up to here is on disk in the store: the log may forget it. */
  release(stored: StoredPosition): Promise<void>;
  close(): Promise<void>;
}
