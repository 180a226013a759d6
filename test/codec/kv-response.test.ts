import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodeDeleteRangeResponse,
  encodeHeaderOnly,
  encodePutResponse,
  encodeRangeResponse,
  encodeRangeStreamResponse,
  encodeTxnResponse,
  joined,
  type ResponseHeader,
} from '../../src/codec/index.ts';
import { mvccpb, etcdserverpb as pb } from '../../src/gen/etcd.js';
import type { DeleteRangeResult, OperationResult, PutResult, RangeResult, TxnResult } from '../../src/mvcc/index.ts';

const count = fc.nat(2 ** 31 - 1);
const kv = fc
  .record({ key: fc.nat(255), bytes: fc.oneof(fc.nat(30), fc.integer({ min: 4000, max: 5000 })) })
  .map(({ key, bytes }) =>
    mvccpb.KeyValue.encode({ key: Buffer.from([key]), value: Buffer.alloc(bytes, key) }).finish(),
  );
const kvs = fc.array(kv, { maxLength: 6 });

const header: fc.Arbitrary<ResponseHeader> = fc.record({
  clusterId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  memberId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  revision: fc.nat(),
  term: fc.nat(),
});
const rangeResult: fc.Arbitrary<RangeResult> = fc.record({
  kind: fc.constant('range'),
  kvs,
  more: fc.boolean(),
  count,
  revision: count,
});
const putResult: fc.Arbitrary<PutResult> = fc.record({
  kind: fc.constant('put'),
  prevKv: fc.option(kv, { nil: undefined }),
  revision: count,
});
const deleteResult: fc.Arbitrary<DeleteRangeResult> = fc.record({
  kind: fc.constant('deleteRange'),
  deleted: count,
  prevKvs: kvs,
  revision: count,
});
const { txn: txnResult } = fc.letrec<{ txn: TxnResult; any: OperationResult }>((tie) => ({
  txn: fc.record({
    kind: fc.constant('txn'),
    succeeded: fc.boolean(),
    results: fc.array(tie('any'), { maxLength: 4 }),
    revision: count,
  }),
  any: fc.oneof({ maxDepth: 4 }, rangeResult, putResult, deleteResult, tie('txn')),
}));

// ---- The twin: the same answers as the generated classes encode them. ----

const kvOf = (bytes: Uint8Array): mvccpb.KeyValue => mvccpb.KeyValue.decode(bytes);
const wireHeader = (h: ResponseHeader): object => ({
  cluster_id: h.clusterId.toString(),
  member_id: h.memberId.toString(),
  revision: h.revision,
  raft_term: h.term,
});
const wireRange = (r: RangeResult): object => ({ kvs: r.kvs.map(kvOf), more: r.more, count: r.count });
const wirePut = (r: PutResult): object => (r.prevKv === undefined ? {} : { prev_kv: kvOf(r.prevKv) });
const wireDelete = (r: DeleteRangeResult): object => ({ deleted: r.deleted, prev_kvs: r.prevKvs.map(kvOf) });
const wireTxn = (r: TxnResult): object => ({ succeeded: r.succeeded, responses: r.results.map(wireOp) });

function wireOp(r: OperationResult): object {
  const inner = { revision: r.revision };
  if (r.kind === 'range') return { response_range: { header: inner, ...wireRange(r) } };
  if (r.kind === 'put') return { response_put: { header: inner, ...wirePut(r) } };
  if (r.kind === 'deleteRange') return { response_delete_range: { header: inner, ...wireDelete(r) } };
  return { response_txn: { header: {}, ...wireTxn(r) } };
}

/** Without zeros, which a generated encoder writes if they were set and ours never does. */
const canonical = (object: unknown): unknown =>
  JSON.parse(JSON.stringify(object, (_, v: unknown) => (v === 0 || v === '0' || v === false ? undefined : v)));

function same(decoded: unknown, expected: unknown): void {
  expect(canonical(decoded)).toEqual(canonical(expected));
}

test('the answers are what the generated classes read back', () => {
  fc.assert(
    fc.property(header, rangeResult, putResult, deleteResult, (h, range, put, del) => {
      same(
        pb.RangeResponse.decode(joined(encodeRangeResponse(h, range))),
        pb.RangeResponse.fromObject({ header: wireHeader(h), ...wireRange(range) }),
      );
      same(
        pb.PutResponse.decode(joined(encodePutResponse(h, put))),
        pb.PutResponse.fromObject({ header: wireHeader(h), ...wirePut(put) }),
      );
      same(
        pb.DeleteRangeResponse.decode(joined(encodeDeleteRangeResponse(h, del))),
        pb.DeleteRangeResponse.fromObject({ header: wireHeader(h), ...wireDelete(del) }),
      );
      same(
        pb.CompactionResponse.decode(joined(encodeHeaderOnly(h))),
        pb.CompactionResponse.fromObject({ header: wireHeader(h) }),
      );
    }),
    { seed: 21, numRuns: 300 },
  );
});

test('a TxnResponse, nested and all, is what the generated class reads back', () => {
  fc.assert(
    fc.property(header, txnResult, (h, txn) => {
      const decoded = pb.TxnResponse.decode(joined(encodeTxnResponse(h, txn)));
      const expected = pb.TxnResponse.fromObject({ header: wireHeader(h), ...wireTxn(txn) });
      expect(canonical(decoded)).toEqual(canonical(expected));
    }),
    { seed: 22, numRuns: 200 },
  );
});

test('only the last message of a range stream has a header and counts', () => {
  const pair = mvccpb.KeyValue.encode({ key: Buffer.from('k') }).finish();
  const result: RangeResult = { kind: 'range', kvs: [pair], more: true, count: 9, revision: 3 };
  const h: ResponseHeader = { clusterId: 1n, memberId: 2n, revision: 3, term: 4 };
  const first = pb.RangeStreamResponse.decode(joined(encodeRangeStreamResponse(undefined, result)));
  const last = pb.RangeStreamResponse.decode(joined(encodeRangeStreamResponse(h, result)));
  expect(canonical(first)).toEqual({ range_response: { kvs: [{ key: 'aw==' }] } });
  expect(canonical(last)).toEqual({
    range_response: {
      header: { cluster_id: '1', member_id: '2', revision: '3', raft_term: '4' },
      kvs: [{ key: 'aw==' }],
      more: true,
      count: '9',
    },
  });
});
