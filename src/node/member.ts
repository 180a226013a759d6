/** What the services see of this member. */

import type { Bytes, ErrorCode } from '../base/index.ts';
import type { InternalKind } from '../codec/index.ts';
import type { Alarm, AlarmResult, ClusterMember, MembershipResult } from '../machine/index.ts';
import type { OperationResult, RangeOperation, RangeResult, TxnOperation, TxnResult } from '../mvcc/index.ts';
import type { StateSnapshot } from '../storage/index.ts';

/** A request for the log: the encoded request message, as it came or as it was rebuilt. */
export interface Proposal {
  readonly kind: InternalKind;
  readonly request: Bytes;
}

/** What applying an entry came to. */
export type Outcome =
  | { readonly ok: true; readonly result: OperationResult | CompactionResult | AlarmResult | MembershipResult }
  | { readonly ok: false; readonly error: ErrorCode };

export interface CompactionResult {
  readonly kind: 'compaction';
  readonly revision: number;
  /** Resolves when the old revisions are gone from the disk. */
  readonly removed: Promise<void>;
}

export type { Alarm, AlarmResult, ClusterMember } from '../machine/index.ts';

export interface MemberStatus {
  readonly leader: bigint;
  readonly term: number;
  readonly committedIndex: number;
  readonly appliedIndex: number;
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  readonly quotaBytes: number;
  readonly isLearner: boolean;
  readonly alarms: readonly Alarm[];
}

export interface HashAt {
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

/** Changes of membership and of leadership. Each is in force when it resolves, and rejects with a RequestError if it is not. */
export interface MembershipChanges {
  add(peerUrls: readonly string[], isLearner: boolean): Promise<ClusterMember>;
  remove(id: bigint): Promise<void>;
  promote(id: bigint): Promise<void>;
  update(id: bigint, peerUrls: readonly string[]): Promise<void>;
  moveLeader(target: bigint): Promise<void>;
}

/** Each method that fails rejects with a RequestError. */
export interface Member {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** The store's revision and the term, for headers. */
  readonly revision: number;
  readonly term: number;
  /** 0n while this member knows of none. */
  readonly leader: bigint;
  readonly isLearner: boolean;
  /** Logs the request, applies it and says what came of it. Rejects definitely where the request was never logged. */
  propose(proposal: Proposal): Promise<Outcome>;
  /** Resolves when this member's store holds everything that had been acknowledged before the call. */
  readIndex(): Promise<void>;
  /** Reads the store as it is, in slices. Read linearizably by calling readIndex first. */
  range(operation: RangeOperation): Promise<RangeResult>;
  /** A transaction that only reads. */
  readTxn(operation: TxnOperation): Promise<TxnResult>;
  hashKv(revision: number): Promise<HashAt>;
  status(): MemberStatus;
  /** The whole state as of now, to be sent elsewhere. To be closed by whoever asked for it. */
  snapshot(): Promise<StateSnapshot>;
  members(): readonly ClusterMember[];
  readonly changes: MembershipChanges;
}
