import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOf } from '../../../src/base/index.ts';
import { etcdserverpb as pb } from '../../../src/gen/etcd.js';
import { jsonOf } from '../../../src/rpc/http/gateway/json-answer.ts';
import { JsonError, requestOf } from '../../../src/rpc/http/gateway/json-request.ts';
import { JsonValues } from '../../../src/rpc/http/gateway/json-values.ts';
import { GATEWAY_PATHS } from '../../../src/rpc/http/gateway/paths.ts';
import { Shapes } from '../../../src/rpc/http/gateway/shape.ts';
import { METHOD_TABLE } from '../../../src/rpc/index.ts';

const shapes = new Shapes();
const RANGE = shapes.method('/etcdserverpb.KV/Range');
const TXN = shapes.method('/etcdserverpb.KV/Txn');
const GRANT = shapes.method('/etcdserverpb.Lease/LeaseGrant');

const asRange = (text: string): object =>
  pb.RangeRequest.toObject(pb.RangeRequest.decode(requestOf(RANGE.request, text)), { longs: String, bytes: String });

test('every method that etcd has in its gateway has a path, and each path a method', () => {
  for (const [path, name] of GATEWAY_PATHS) {
    expect(METHOD_TABLE.has(name), path).toBe(true);
    expect(shapes.method(name).response.fields.length, name).toBeGreaterThan(0);
  }
  const missing = [...METHOD_TABLE.keys()].filter((name) => ![...GATEWAY_PATHS.values()].includes(name));
  expect(missing).toEqual([
    '/grpc.health.v1.Health/Check',
    '/etcdserverpb.KV/RangeStream',
    '/grpc.health.v1.Health/Watch',
  ]);
});

test('a request may name its fields and say its values in any of the ways of proto’s JSON', () => {
  const expected = { key: 'Zm8=', range_end: 'AA==', limit: '7', sort_order: 2, keys_only: true };
  for (const text of [
    '{"key":"Zm8=","range_end":"AA==","limit":"7","sort_order":"DESCEND","keys_only":true}',
    '{"key":"Zm8","rangeEnd":"AA","limit":7,"sortOrder":2,"keysOnly":true,"revision":null,"unknown":{"a":[1]}}',
  ]) {
    expect(asRange(text)).toEqual(expected);
  }
  expect(asRange('{"key":"_-8="}')).toEqual({ key: '/+8=' });
  expect(asRange('null')).toEqual({});
});

test('integers of 64 bits are exact, as text or not', () => {
  for (const id of ['9223372036854775807', '-9223372036854775808', '9007199254740993']) {
    for (const text of [`{"ID":${id},"TTL":1}`, `{"ID":"${id}","TTL":1}`]) {
      expect(String(pb.LeaseGrantRequest.decode(requestOf(GRANT.request, text)).ID)).toBe(id);
    }
  }
  expect(asRange('{"key":"Zm8=","unknown":"a 12345678901234567890 \\" b"}')).toEqual({ key: 'Zm8=' });
});

test.each([
  ['{', 'is no JSON'],
  ['[1]', 'must be an object'],
  ['5', 'must be an object'],
  ['{"key":5}', 'key must be base64'],
  ['{"key":"!!"}', 'illegal base64 data in key'],
  ['{"key":"Zm9vY"}', 'illegal base64 data in key'],
  ['{"limit":1.5}', 'limit must be an integer'],
  ['{"limit":"x"}', 'limit must be an integer'],
  ['{"limit":"9223372036854775808999"}', 'limit must be an integer'],
  ['{"limit":"99999999999999999999"}', 'limit is out of range'],
  ['{"keys_only":"true"}', 'keys_only must be true or false'],
  ['{"sort_order":"NOPE"}', 'unknown value "NOPE" for enum SortOrder'],
])('%s is refused', (text, reason) => {
  expect(() => requestOf(RANGE.request, text)).toThrow(JsonError);
  expect(() => requestOf(RANGE.request, text)).toThrow(reason);
});

test('an answer says what is not a default, and messages even if they are empty', () => {
  const answer = pb.TxnResponse.encode(
    pb.TxnResponse.fromObject({
      succeeded: false,
      header: { revision: 0, raft_term: 3, cluster_id: '18446744073709551615' },
      responses: [
        { response_put: {} },
        { response_range: { kvs: [{ key: bytesOf('a'), value: bytesOf(''), lease: '-1' }], more: true } },
      ],
    }),
  ).finish();
  expect(JSON.parse(jsonOf(TXN.response, answer))).toEqual({
    header: { cluster_id: '18446744073709551615', raft_term: '3' },
    responses: [{ response_put: {} }, { response_range: { kvs: [{ key: 'YQ==', lease: '-1' }], more: true } }],
  });
});

test('texts are found however they are cut into pieces', () => {
  const text = fc.oneof(
    fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.integer(),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), fc.array(fc.nat({ max: 12 })), (given, cuts) => {
      const bytes = Buffer.from(given.map((one) => JSON.stringify(one)).join('\n '));
      const values = new JsonValues();
      const found: string[] = [];
      let at = 0;
      for (const cut of cuts) {
        found.push(...values.push(bytes.subarray(at, at + cut)));
        at += cut;
      }
      found.push(...values.push(bytes.subarray(at)));
      const last = values.finish();
      if (last !== undefined) found.push(last);
      expect(found.map((one) => JSON.parse(one) as unknown)).toEqual(
        given.map((one) => JSON.parse(JSON.stringify(one)) as unknown),
      );
    }),
  );
});
