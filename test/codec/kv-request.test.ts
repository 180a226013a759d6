import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RequestError } from '../../src/base/index.ts';
import {
  decodeCompaction,
  decodeDeleteRange,
  decodePut,
  decodeRange,
  decodeTxn,
  joined,
  NESTED_TXNS_MAX,
  ProtocolError,
  ProtoWriter,
} from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';
import type { Operation, TxnOperation } from '../../src/mvcc/index.ts';

const RANGE_ENDS = { one: '', all: '\0' } as const;

const bytes = fc.uint8Array({ maxLength: 6 }).map((array) => Buffer.from(array));
const int64 = fc.oneof(fc.integer(), fc.maxSafeInteger());
const lease = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const rangeEnd = fc.oneof(fc.constant(Buffer.from(RANGE_ENDS.one)), fc.constant(Buffer.from(RANGE_ENDS.all)), bytes);

const rangeRequest = fc.record(
  {
    key: bytes,
    range_end: rangeEnd,
    limit: int64,
    revision: int64,
    sort_order: fc.nat(2),
    sort_target: fc.nat(4),
    serializable: fc.boolean(),
    keys_only: fc.boolean(),
    count_only: fc.boolean(),
    min_mod_revision: int64,
    max_mod_revision: int64,
    min_create_revision: int64,
    max_create_revision: int64,
  },
  { requiredKeys: [] },
);
const putRequest = fc.record(
  { key: bytes, value: bytes, lease, prev_kv: fc.boolean(), ignore_value: fc.boolean(), ignore_lease: fc.boolean() },
  { requiredKeys: [] },
);
const deleteRequest = fc.record({ key: bytes, range_end: rangeEnd, prev_kv: fc.boolean() }, { requiredKeys: [] });
const compare = fc.record({ key: bytes, range_end: rangeEnd, result: fc.nat(3), target: fc.nat(4) }).chain((base) =>
  fc
    .oneof(
      int64.map((version) => ({ version })),
      int64.map((create_revision) => ({ create_revision })),
      int64.map((mod_revision) => ({ mod_revision })),
      bytes.map((value) => ({ value })),
      lease.map((value) => ({ lease: value })),
      fc.constant({}),
    )
    .map((operand) => ({ ...base, ...operand })),
);
const { txn: txnRequest } = fc.letrec<{ txn: object; op: object }>((tie) => ({
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
  op: fc.oneof(
    { maxDepth: 3 },
    fc.constant({}),
    rangeRequest.map((request_range) => ({ request_range })),
    putRequest.map((request_put) => ({ request_put })),
    deleteRequest.map((request_delete_range) => ({ request_delete_range })),
    tie('txn').map((request_txn) => ({ request_txn })),
  ),
}));

// ---- The twin: the generated classes decode, and what they give is put into our words. ----

const latin1 = (value: Uint8Array): string => Buffer.from(value).toString('latin1');
const number = (value: unknown): number => Number(String(value));

function range(key: Uint8Array, end: Uint8Array): object {
  const text = latin1(end);
  return { key: latin1(key), end: text === '' ? undefined : text === '\0' ? '\u0100' : text };
}

function expectedRange(m: pb.RangeRequest): object {
  return {
    kind: 'range',
    range: range(m.key, m.range_end),
    limit: Math.max(number(m.limit), 0),
    revision: number(m.revision),
    sortOrder: ['none', 'ascend', 'descend'][m.sort_order],
    sortTarget: ['key', 'version', 'create', 'mod', 'value'][m.sort_target],
    serializable: m.serializable,
    keysOnly: m.keys_only,
    countOnly: m.count_only,
    minModRevision: number(m.min_mod_revision),
    maxModRevision: number(m.max_mod_revision),
    minCreateRevision: number(m.min_create_revision),
    maxCreateRevision: number(m.max_create_revision),
  };
}

function expectedPut(m: pb.PutRequest): object {
  return {
    kind: 'put',
    key: latin1(m.key),
    value: latin1(m.value),
    lease: BigInt(String(m.lease)),
    prevKv: m.prev_kv,
    ignoreValue: m.ignore_value,
    ignoreLease: m.ignore_lease,
  };
}

const expectedDelete = (m: pb.DeleteRangeRequest): object => ({
  kind: 'deleteRange',
  range: range(m.key, m.range_end),
  prevKv: m.prev_kv,
});

function expectedCompare(m: pb.Compare): object {
  const target = ['version', 'create', 'mod', 'value', 'lease'][m.target];
  const operand =
    target === 'value'
      ? { target, value: m.target_union === 'value' ? latin1(m.value ?? Buffer.alloc(0)) : '' }
      : target === 'lease'
        ? { target, lease: m.target_union === 'lease' ? BigInt(String(m.lease)) : 0n }
        : { target, number: expectedNumber(m, target) };
  return { range: range(m.key, m.range_end), result: ['equal', 'greater', 'less', 'notEqual'][m.result], operand };
}

function expectedNumber(m: pb.Compare, target: string | undefined): number {
  if (target === 'version' && m.target_union === 'version') return number(m.version);
  if (target === 'create' && m.target_union === 'create_revision') return number(m.create_revision);
  if (target === 'mod' && m.target_union === 'mod_revision') return number(m.mod_revision);
  return 0;
}

function expectedTxn(m: pb.TxnRequest): object {
  const branch = (ops: readonly pb.RequestOp.$Properties[]): object[] =>
    ops.map((op) => {
      const full = pb.RequestOp.decode(pb.RequestOp.encode(op).finish());
      if (full.request_range) return expectedRange(full.request_range as pb.RangeRequest);
      if (full.request_put) return expectedPut(full.request_put as pb.PutRequest);
      if (full.request_delete_range) return expectedDelete(full.request_delete_range as pb.DeleteRangeRequest);
      if (full.request_txn) return expectedTxn(full.request_txn as pb.TxnRequest);
      return { kind: 'empty' };
    });
  return {
    kind: 'txn',
    compare: m.compare.map((one) => expectedCompare(one as pb.Compare)),
    success: branch(m.success),
    failure: branch(m.failure),
  };
}

/** An operation with its values as text, so that views and copies are the same. */
function readable(operation: unknown): unknown {
  return JSON.parse(
    JSON.stringify(operation, (_, value: unknown) => {
      if (typeof value === 'bigint') return `${value}n`;
      if (value instanceof Object && 'type' in value && value.type === 'Buffer' && 'data' in value) {
        return latin1(Uint8Array.from(value.data as number[]));
      }
      return value instanceof Uint8Array ? latin1(value) : value;
    }),
  );
}

test('a RangeRequest is read as the generated class reads it', () => {
  fc.assert(
    fc.property(rangeRequest, (request) => {
      const encoded = pb.RangeRequest.encode(pb.RangeRequest.fromObject(request)).finish();
      expect(readable(decodeRange(encoded))).toEqual(readable(expectedRange(pb.RangeRequest.decode(encoded))));
    }),
    { seed: 11, numRuns: 500 },
  );
});

test('a PutRequest and a DeleteRangeRequest are read as the generated classes read them', () => {
  fc.assert(
    fc.property(putRequest, deleteRequest, (put, del) => {
      const encodedPut = pb.PutRequest.encode(pb.PutRequest.fromObject(put)).finish();
      expect(readable(decodePut(encodedPut))).toEqual(readable(expectedPut(pb.PutRequest.decode(encodedPut))));
      const encodedDelete = pb.DeleteRangeRequest.encode(pb.DeleteRangeRequest.fromObject(del)).finish();
      expect(readable(decodeDeleteRange(encodedDelete))).toEqual(
        readable(expectedDelete(pb.DeleteRangeRequest.decode(encodedDelete))),
      );
    }),
    { seed: 12, numRuns: 500 },
  );
});

test('a TxnRequest is read as the generated class reads it', () => {
  fc.assert(
    fc.property(txnRequest, (request) => {
      const encoded = pb.TxnRequest.encode(pb.TxnRequest.fromObject(request)).finish();
      expect(readable(decodeTxn(encoded))).toEqual(readable(expectedTxn(pb.TxnRequest.decode(encoded))));
    }),
    { seed: 13, numRuns: 300 },
  );
});

test('a CompactionRequest is read', () => {
  const encoded = pb.CompactionRequest.encode({ revision: -7, physical: true }).finish();
  expect(decodeCompaction(encoded)).toEqual({ kind: 'compaction', revision: -7, physical: true });
});

test('cut or changed anywhere, a request is refused as what it is, or is another request', () => {
  fc.assert(
    fc.property(txnRequest, fc.nat(), fc.nat(255), fc.boolean(), (request, where, byte, cut) => {
      const encoded = Buffer.from(pb.TxnRequest.encode(pb.TxnRequest.fromObject(request)).finish());
      if (encoded.length === 0) return;
      const at = where % encoded.length;
      if (!cut) encoded[at] = byte;
      const damaged = cut ? encoded.subarray(0, at) : encoded;
      for (const decode of [decodeTxn, decodeRange, decodePut, decodeDeleteRange, decodeCompaction]) {
        try {
          decode(damaged);
        } catch (error) {
          expect(error instanceof ProtocolError || (error instanceof RequestError && error.code.length > 0)).toBe(true);
        }
      }
    }),
    { seed: 14, numRuns: 3000 },
  );
});

test.each([
  ['an unknown sort order', { key: Buffer.from('k'), sort_order: 9 }, 'invalidSortOption'],
  ['an unknown sort target', { key: Buffer.from('k'), sort_target: 5 }, 'invalidSortOption'],
  ['a negative sort target', { key: Buffer.from('k'), sort_target: -1 }, 'invalidSortOption'],
  ['an unknown order and no key', { sort_order: 9 }, 'emptyKey'],
])('%s is refused', (_, request, code) => {
  const encoded = pb.RangeRequest.encode(request).finish();
  expect(() => decodeRange(encoded)).toThrow(expect.objectContaining({ code }));
});

const key = Buffer.from('k');
const onlyCompare = (one: object): TxnOperation['compare'][number] | undefined =>
  decodeTxn(pb.TxnRequest.encode({ compare: [one] }).finish()).compare[0];
const ALWAYS = { result: 'greater', operand: { target: 'version', number: -1 } };
const NEVER = { result: 'less', operand: { target: 'version', number: 0 } };
const IF_THERE = { result: 'greater', operand: { target: 'version', number: 0 } };

test.each([
  ['unknown result', { key, result: 9, target: 0, version: 7 }, ALWAYS],
  ['unknown result of a value', { key, result: 9, target: 3, value: Buffer.from('v') }, IF_THERE],
  ['unknown target, equal', { key, result: 0, target: 9, version: 7 }, ALWAYS],
  ['unknown target, not equal', { key, result: 3, target: 9, version: 7 }, NEVER],
  ['unknown target and result', { key, result: 9, target: 9 }, ALWAYS],
])('a compare with an %s comes to what it comes to in etcd', (_, wire, expected) => {
  expect(onlyCompare(wire)).toEqual({ range: { key: 'k', end: undefined }, ...expected });
});

/** A TxnRequest with `depth` others inside it, one in the other. */
function nestedTxn(depth: number): Uint8Array {
  const writer = new ProtoWriter();
  for (let i = 0; i < depth; i++) {
    writer.messageField(4, 0);
    writer.messageField(2, 0);
  }
  return joined(writer.finish());
}

test('transactions nest as deep as they may and no deeper', () => {
  let depth = 0;
  let operation: Operation | undefined = decodeTxn(nestedTxn(NESTED_TXNS_MAX));
  while (operation?.kind === 'txn' && operation.success.length > 0) {
    operation = operation.success[0];
    depth++;
  }
  expect(depth).toBe(NESTED_TXNS_MAX);
  expect(() => decodeTxn(nestedTxn(NESTED_TXNS_MAX + 1))).toThrow(new RequestError('tooManyOps'));
  expect(() => decodeTxn(nestedTxn(100_000))).toThrow(new RequestError('tooManyOps'));
});
