/** What the services see of this member. */

import type { Author, AuthStore } from '../auth/index.ts';
import type { Bytes, ErrorCode, Key } from '../base/index.ts';
import type { InternalKind, LeaseTime } from '../codec/index.ts';
import type {
  Alarm,
  AuthResult,
  ClusterMember,
  CompactionStarted,
  LeaseGrantResult,
  MachineRequest,
  MachineResult,
} from '../machine/index.ts';
import type { RangeOperation, RangeResult, TxnOperation, TxnResult } from '../mvcc/index.ts';
import type { StateSnapshot } from '../storage/index.ts';
import type { Identification } from './identification.ts';

/** A request for the log: the encoded request message, as it came or as it was rebuilt. */
export interface Proposal {
  readonly kind: InternalKind;
  readonly request: Bytes;
  /** On whose behalf: NOBODY, if nobody is given. */
  readonly by?: Author;
  /** The request decoded, if whoever proposes has looked at it anyway: it is not decoded again to be applied here. Must not change. */
  readonly asked?: MachineRequest;
}

/** What applying an entry came to. */
export type Outcome =
  | {
      readonly ok: true;
      readonly result: Exclude<MachineResult, CompactionStarted | AuthResult> | CompactionResult | AuthOutcome;
    }
  | { readonly ok: false; readonly error: ErrorCode };

export interface CompactionResult {
  readonly kind: 'compaction';
  readonly revision: number;
  /** Resolves when the old revisions are gone from the disk. */
  readonly removed: Promise<void>;
}

export type { LeaseTime } from '../codec/index.ts';
export type { Alarm, AlarmResult, ClusterMember, LeaseGrantResult } from '../machine/index.ts';
export interface AuthOutcome extends AuthResult {
  /** Of the entry. */
  readonly index: number;
}

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

/** Leases, wherever the leader is. Ids are int64s, times are in seconds. Each method rejects with a RequestError. */
export interface LeaseAccess {
  /** Id 0n: one is chosen. The TTL may be longer than was asked for. */
  grant(id: bigint, ttl: number, by: Author): Promise<LeaseGrantResult>;
  /** Deletes the lease's keys with it. Resolves to the store's revision after that. */
  revoke(id: bigint, by: Author): Promise<number>;
  /** Begins the TTL of each anew. Resolves to the TTLs, 0 for a lease that is gone. */
  renew(ids: readonly bigint[]): Promise<readonly number[]>;
  timeOf(id: bigint, withKeys: boolean): Promise<LeaseTime>;
  list(): Promise<readonly bigint[]>;
  /** The keys that hang on a lease, as of what this member has applied. */
  keysOf(id: bigint): Iterable<Key>;
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
  /** Reads the store as it is: at once if that is soon done, else in slices. Read linearizably by calling readIndex first. Throws or rejects. */
  range(operation: RangeOperation): RangeResult | Promise<RangeResult>;
  /** A transaction that only reads. */
  readTxn(operation: TxnOperation): Promise<TxnResult>;
  hashKv(revision: number): Promise<HashAt>;
  status(): MemberStatus;
  /** The whole state as of now, to be sent elsewhere. To be closed by whoever asked for it. */
  snapshot(): Promise<StateSnapshot>;
  members(): readonly ClusterMember[];
  readonly changes: MembershipChanges;
  readonly leases: LeaseAccess;
  /** Who may do what, as of what this member has applied. Another object after a snapshot. */
  readonly auth: AuthStore;
  readonly identification: Identification;
}
