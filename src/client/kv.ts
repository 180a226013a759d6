/**
 * The requests of the KV service as plain data, and their answers. Built with the functions get, put, del and txn, sent by
 * the Client:
 *
 *     client.txn({
 *       compare: [{ key: 'lock', target: 'create', result: '=', to: 0 }],
 *       success: [put('lock', 'mine')],
 *       failure: [get('lock')],
 *     })
 */

import { etcdserverpb } from '../gen/etcd.js';
import { numberOf } from './integer.ts';
import { type BytesInput, bytesOfInput, type Extent, wireRange } from './key-input.ts';
import { leaseField } from './lease.ts';
import { type KeyValue, keyValueOf, maybeKeyValueOf } from './message.ts';

export interface GetOptions extends Extent {
  readonly limit?: number | undefined;
  /** The revision to read at; the newest if it is absent. */
  readonly revision?: number | undefined;
  readonly sort?: { readonly by: SortTarget; readonly order: 'ascend' | 'descend' } | undefined;
  /** Read the member's store as it is, without asking the cluster whether it is up to date. */
  readonly serializable?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
  readonly minModRevision?: number | undefined;
  readonly maxModRevision?: number | undefined;
  readonly minCreateRevision?: number | undefined;
  readonly maxCreateRevision?: number | undefined;
}

export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

export interface PutOptions {
  /** The key goes when this lease does. */
  readonly lease?: bigint | undefined;
  readonly prevKv?: boolean | undefined;
  /** Keep the present value (the key must exist). */
  readonly ignoreValue?: boolean | undefined;
  /** Keep the present lease (the key must exist). */
  readonly ignoreLease?: boolean | undefined;
}

export interface DelOptions extends Extent {
  readonly prevKv?: boolean | undefined;
}

/** The store's side, `target` of the key or of every key in the range, stands on the left of `result`. */
export type Compare = Pick<Extent, 'prefix' | 'fromKey' | 'end'> & { readonly key: BytesInput } & (
    | { readonly target: 'version' | 'create' | 'mod'; readonly result: CompareResult; readonly to: number }
    | { readonly target: 'value'; readonly result: CompareResult; readonly to: BytesInput }
  );
export type CompareResult = '=' | '!=' | '>' | '<';

export interface Txn {
  /** All must hold for `success` to be done. */
  readonly compare?: readonly Compare[];
  readonly success?: readonly Operation[];
  readonly failure?: readonly Operation[];
}

/** One operation of a transaction: the request as it goes on the wire. */
export type Operation = etcdserverpb.RequestOp.$Properties;

export interface GetResult {
  readonly kind: 'get';
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
  /** Whether the limit cut the answer short. */
  readonly more: boolean;
  /** Keys in the range, whatever the limit and the revision bounds left of them. */
  readonly count: number;
}

export interface PutResult {
  readonly kind: 'put';
  readonly revision: number;
  readonly previous: KeyValue | undefined;
}

export interface DelResult {
  readonly kind: 'del';
  readonly revision: number;
  readonly deleted: number;
  readonly previous: readonly KeyValue[];
}

export interface TxnResult {
  readonly kind: 'txn';
  readonly revision: number;
  readonly succeeded: boolean;
  /** Of the branch that was done, in its order. */
  readonly results: readonly OperationResult[];
}

export type OperationResult = GetResult | PutResult | DelResult | TxnResult;

const { SortTarget, SortOrder } = etcdserverpb.RangeRequest;
const { CompareResult, CompareTarget } = etcdserverpb.Compare;

const SORT_TARGETS = {
  key: SortTarget.KEY,
  version: SortTarget.VERSION,
  create: SortTarget.CREATE,
  mod: SortTarget.MOD,
  value: SortTarget.VALUE,
} as const;
const SORT_ORDERS = { ascend: SortOrder.ASCEND, descend: SortOrder.DESCEND } as const;
const COMPARE_RESULTS = {
  '=': CompareResult.EQUAL,
  '>': CompareResult.GREATER,
  '<': CompareResult.LESS,
  '!=': CompareResult.NOT_EQUAL,
} as const;

export function get(key: BytesInput, options: GetOptions = {}): Operation {
  return { request: 'request_range', request_range: rangeRequest(key, options) };
}

export function put(key: BytesInput, value: BytesInput, options: PutOptions = {}): Operation {
  return { request: 'request_put', request_put: putRequest(key, value, options) };
}

export function del(key: BytesInput, options: DelOptions = {}): Operation {
  return { request: 'request_delete_range', request_delete_range: deleteRequest(key, options) };
}

/** A transaction within a transaction. */
export function txn(inner: Txn): Operation {
  return { request: 'request_txn', request_txn: txnRequest(inner) };
}

export function rangeRequest(key: BytesInput, options: GetOptions): etcdserverpb.RangeRequest.$Properties {
  return {
    ...wireRange(key, options),
    limit: options.limit ?? 0,
    revision: options.revision ?? 0,
    sort_order: options.sort === undefined ? SortOrder.NONE : SORT_ORDERS[options.sort.order],
    sort_target: options.sort === undefined ? SortTarget.KEY : SORT_TARGETS[options.sort.by],
    serializable: options.serializable ?? false,
    keys_only: options.keysOnly ?? false,
    count_only: options.countOnly ?? false,
    min_mod_revision: options.minModRevision ?? 0,
    max_mod_revision: options.maxModRevision ?? 0,
    min_create_revision: options.minCreateRevision ?? 0,
    max_create_revision: options.maxCreateRevision ?? 0,
  };
}

export function putRequest(
  key: BytesInput,
  value: BytesInput,
  options: PutOptions,
): etcdserverpb.PutRequest.$Properties {
  return {
    key: bytesOfInput(key),
    value: bytesOfInput(value),
    // The generated code makes of the text what it takes itself.
    lease: etcdserverpb.PutRequest.fromObject({ lease: leaseField(options.lease ?? 0n) }).lease,
    prev_kv: options.prevKv ?? false,
    ignore_value: options.ignoreValue ?? false,
    ignore_lease: options.ignoreLease ?? false,
  };
}

export function deleteRequest(key: BytesInput, options: DelOptions): etcdserverpb.DeleteRangeRequest.$Properties {
  return { ...wireRange(key, options), prev_kv: options.prevKv ?? false };
}

export function txnRequest(txn: Txn): etcdserverpb.TxnRequest.$Properties {
  return {
    compare: (txn.compare ?? []).map(wireCompare),
    success: [...(txn.success ?? [])],
    failure: [...(txn.failure ?? [])],
  };
}

function wireCompare(compare: Compare): etcdserverpb.Compare.$Properties {
  const side = { ...wireRange(compare.key, compare), result: COMPARE_RESULTS[compare.result] };
  switch (compare.target) {
    case 'version':
      return { ...side, target: CompareTarget.VERSION, target_union: 'version', version: compare.to };
    case 'create':
      return { ...side, target: CompareTarget.CREATE, target_union: 'create_revision', create_revision: compare.to };
    case 'mod':
      return { ...side, target: CompareTarget.MOD, target_union: 'mod_revision', mod_revision: compare.to };
    case 'value':
      return { ...side, target: CompareTarget.VALUE, target_union: 'value', value: bytesOfInput(compare.to) };
    default:
      return compare satisfies never;
  }
}

export function getResult(response: etcdserverpb.RangeResponse.$Properties): GetResult {
  return {
    kind: 'get',
    revision: numberOf(response.header?.revision),
    kvs: (response.kvs ?? []).map(keyValueOf),
    more: response.more ?? false,
    count: numberOf(response.count),
  };
}

export function putResult(response: etcdserverpb.PutResponse.$Properties): PutResult {
  return { kind: 'put', revision: numberOf(response.header?.revision), previous: maybeKeyValueOf(response.prev_kv) };
}

export function delResult(response: etcdserverpb.DeleteRangeResponse.$Properties): DelResult {
  return {
    kind: 'del',
    revision: numberOf(response.header?.revision),
    deleted: numberOf(response.deleted),
    previous: (response.prev_kvs ?? []).map(keyValueOf),
  };
}

export function txnResult(response: etcdserverpb.TxnResponse.$Properties): TxnResult {
  return {
    kind: 'txn',
    revision: numberOf(response.header?.revision),
    succeeded: response.succeeded ?? false,
    results: (response.responses ?? []).map(operationResult),
  };
}

function operationResult(op: etcdserverpb.ResponseOp.$Properties): OperationResult {
  if (op.response_range) return getResult(op.response_range);
  if (op.response_put) return putResult(op.response_put);
  if (op.response_delete_range) return delResult(op.response_delete_range);
  return txnResult(op.response_txn ?? {});
}
