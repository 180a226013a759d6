import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyOf } from '../../src/base/index.ts';
import { mvccpb } from '../../src/gen/etcd.js';
import { decodeKeyValue, encodeKeyValue } from '../../src/mvcc/index.ts';

const revision = fc.oneof(fc.nat(300), fc.maxSafeNat());
const pair = fc.record({
  key: fc.uint8Array({ maxLength: 200 }).map(keyOf),
  createRevision: revision,
  modRevision: revision,
  version: revision,
  value: fc.uint8Array({ maxLength: 300 }),
  lease: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
});

test('a pair is encoded as any other protobuf encoder does it, and is decoded again', () => {
  fc.assert(
    fc.property(pair, (kv) => {
      const bytes = encodeKeyValue(kv);
      const theirs = mvccpb.KeyValue.encode(
        mvccpb.KeyValue.fromObject({
          key: Buffer.from(kv.key, 'latin1'),
          create_revision: String(kv.createRevision),
          mod_revision: String(kv.modRevision),
          version: String(kv.version),
          value: kv.value,
          lease: String(kv.lease),
        }),
      ).finish();
      // Not compared byte by byte: that encoder also writes the fields that are zero, if they were set.
      expect(decodeKeyValue(new Uint8Array(theirs))).toEqual(kv);
      expect(decodeKeyValue(bytes)).toEqual(kv);
      const decoded = mvccpb.KeyValue.decode(bytes);
      expect(keyOf(decoded.key)).toBe(kv.key);
      expect([decoded.create_revision, decoded.mod_revision, decoded.version, decoded.lease].map(String)).toEqual(
        [kv.createRevision, kv.modRevision, kv.version, kv.lease].map(String),
      );
      expect(new Uint8Array(decoded.value)).toEqual(kv.value);
    }),
    { seed: 5, numRuns: 500 },
  );
});

test('bytes that are cut short are noticed', () => {
  const bytes = encodeKeyValue({
    key: 'key',
    createRevision: 2,
    modRevision: 300,
    version: 1,
    value: new Uint8Array(5),
    lease: 1n,
  });
  expect(() => decodeKeyValue(bytes.subarray(0, bytes.length - 1))).toThrow('ends within');
  expect(() => decodeKeyValue(bytes.subarray(0, 3))).toThrow('ends within a field');
  expect(() => decodeKeyValue(Uint8Array.of(0x38, 1))).toThrow('unknown field tag');
});
