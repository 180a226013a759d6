/**
 * The replicated log as the node sees it: the seam between consensus and the state machine.
 *
 *     proposer --propose--> log --committed--> applier
 *     reader   --readIndex-> log
 *
 * SoloLog is the log of a cluster of one: what is on its own disk is committed. With Raft the same four words hold among
 * several members.
 */

import type { Bytes } from '../base/index.ts';
import type { Entry } from '../codec/index.ts';

export interface LogOwner {
  /** These entries are committed and on disk. Called in order, each entry once. */
  committed(entries: readonly Entry[]): void;
  /** The log can take no more entries, now or ever: the member must stop. */
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
  readonly committedIndex: number;
  /**
   * Appends the data of one entry. `refused` is called if it is certain that the entry is not and never will be in the log;
   * else it turns up among the committed ones, sooner or later, or its fate is open (the caller's time limit decides).
   */
  propose(data: Bytes, refused: (error: Error) => void): void;
  /** The index up to which this member must have applied to see everything acknowledged before the call. */
  readIndex(): Promise<number>;
  /** Everything up to here is on disk in the store: the log may forget it. */
  release(stored: StoredPosition): Promise<void>;
  close(): Promise<void>;
}
