/**
 * Requests as clients send them, each with a number of its own in a field that no one knows and everyone passes over: by it an entry
 * of the log is recognised, whatever it asks.
 */

import { type Bytes, bytesOf, KEY_INFINITY, type KeyRange, unreachable } from '../../src/base/index.ts';
import { type InternalKind, ProtoReader } from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';
import type { Proposal } from '../../src/node/index.ts';
import { machineRequest } from '../../src/node/machine-request.ts';

/** What a client can ask for, and the history can work out by itself. */
export type Change =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'deleteRange'; readonly range: KeyRange };

export interface Condition {
  readonly key: string;
  readonly target: 'version' | 'mod';
  readonly result: 'equal' | 'greater' | 'less';
  readonly number: number;
}

export type WriteRequest =
  | Change
  | {
      readonly kind: 'txn';
      readonly compare: readonly Condition[];
      readonly success: readonly Change[];
      readonly failure: readonly Change[];
    }
  | { readonly kind: 'compaction'; readonly revision: number };

const NUMBER_FIELD = 1000;

/** The request under a number above 0, for Member.propose: decoded as well, as the services hand it over. */
export function proposalOf(number: number, request: WriteRequest): Proposal {
  const kind: InternalKind = request.kind;
  const bytes = Buffer.concat([encode(request), numbered(number)]);
  return { kind, request: bytes, asked: machineRequest(kind, bytes) };
}

/** The number of the request in an entry; undefined if it has none. */
export function numberOf(request: Bytes): number | undefined {
  let number: number | undefined;
  const reader = new ProtoReader(request);
  while (reader.next()) {
    if (reader.field === NUMBER_FIELD) number = reader.number();
    else reader.skip();
  }
  return number;
}

function numbered(number: number): Bytes {
  const bytes: number[] = [];
  for (const value of [NUMBER_FIELD * 8, number]) {
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
    bytes.push(rest);
  }
  return Uint8Array.from(bytes);
}

function encode(request: WriteRequest): Bytes {
  switch (request.kind) {
    case 'put':
      return pb.PutRequest.encode(putOf(request)).finish();
    case 'deleteRange':
      return pb.DeleteRangeRequest.encode(rangeOf(request.range)).finish();
    case 'txn':
      return pb.TxnRequest.encode({
        compare: request.compare.map(compareOf),
        success: request.success.map(operationOf),
        failure: request.failure.map(operationOf),
      }).finish();
    case 'compaction':
      return pb.CompactionRequest.encode({ revision: request.revision }).finish();
    default:
      return unreachable(request);
  }
}

function putOf({ key, value }: { readonly key: string; readonly value: string }): pb.IPutRequest {
  return { key: bytesOf(key), value: bytesOf(value) };
}

function rangeOf({ key, end }: KeyRange): { key: Bytes; range_end: Bytes } {
  return { key: bytesOf(key), range_end: bytesOf(end === undefined ? '' : end === KEY_INFINITY ? '\0' : end) };
}

function operationOf(change: Change): pb.IRequestOp {
  if (change.kind === 'put') return { request_put: putOf(change) };
  return { request_delete_range: rangeOf(change.range) };
}

const { CompareResult, CompareTarget } = pb.Compare;
const RESULTS = { equal: CompareResult.EQUAL, greater: CompareResult.GREATER, less: CompareResult.LESS } as const;

function compareOf({ key, target, result, number }: Condition): pb.ICompare {
  const compared = { key: bytesOf(key), result: RESULTS[result] };
  return target === 'version'
    ? { ...compared, target: CompareTarget.VERSION, version: number }
    : { ...compared, target: CompareTarget.MOD, mod_revision: number };
}
