/**
 * What can be asked of the store, as plain data: the requests of the KV service without their encoding.
 * codec/ makes these from bytes; rpc/ validates them; the machine carries them out.
 */

import type { Bytes, Key, KeyRange } from '../base/index.ts';

export type SortOrder = 'none' | 'ascend' | 'descend';
export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

export interface RangeOperation {
  readonly kind: 'range';
  readonly range: KeyRange;
  /** 0 for no limit. */
  readonly limit: number;
  /** 0 or less for the newest. */
  readonly revision: number;
  readonly sortOrder: SortOrder;
  readonly sortTarget: SortTarget;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Each 0 for no bound. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export interface PutOperation {
  readonly kind: 'put';
  readonly key: Key;
  readonly value: Bytes;
  readonly lease: bigint;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export interface DeleteRangeOperation {
  readonly kind: 'deleteRange';
  readonly range: KeyRange;
  readonly prevKv: boolean;
}

export type CompareResult = 'equal' | 'greater' | 'less' | 'notEqual';

/** What is compared with: the store's side (target) is on the left of `result`. */
export type CompareOperand =
  | { readonly target: 'version' | 'create' | 'mod'; readonly number: number }
  | { readonly target: 'value'; readonly value: Bytes }
  | { readonly target: 'lease'; readonly lease: bigint };

export interface Compare {
  readonly range: KeyRange;
  readonly result: CompareResult;
  readonly operand: CompareOperand;
}

export interface TxnOperation {
  readonly kind: 'txn';
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure: readonly Operation[];
}

/** An operation within a transaction. `empty` is a RequestOp with nothing set, which validation refuses. */
export type Operation =
  | RangeOperation
  | PutOperation
  | DeleteRangeOperation
  | TxnOperation
  | { readonly kind: 'empty' };

// ---- What came of it. Every KeyValue is encoded bytes (mvccpb.KeyValue). ----

export interface RangeResult {
  readonly kind: 'range';
  readonly kvs: readonly Bytes[];
  readonly more: boolean;
  /** Keys in the range before limit and revision filters. */
  readonly count: number;
  /** The store's current revision when the range was read (for the header; not the revision read at). */
  readonly revision: number;
}

export interface PutResult {
  readonly kind: 'put';
  readonly prevKv: Bytes | undefined;
  /** For the header: the revision after the operation. */
  readonly revision: number;
}

export interface DeleteRangeResult {
  readonly kind: 'deleteRange';
  readonly deleted: number;
  readonly prevKvs: readonly Bytes[];
  readonly revision: number;
}

export interface TxnResult {
  readonly kind: 'txn';
  readonly succeeded: boolean;
  readonly results: readonly OperationResult[];
  readonly revision: number;
}

export type OperationResult = RangeResult | PutResult | DeleteRangeResult | TxnResult;
