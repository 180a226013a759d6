import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyOf } from '../../src/base/index.ts';
import { decodeWatchRequest, ProtocolError } from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';

const bytes = fc.uint8Array({ maxLength: 6 }).map((array) => Buffer.from(array));
const int64 = fc.oneof(fc.integer(), fc.maxSafeInteger());

const request = fc.oneof(
  fc.constant({}),
  fc.constant({ progress_request: {} }),
  fc.record({ watch_id: int64 }, { requiredKeys: [] }).map((cancel) => ({ cancel_request: cancel })),
  fc
    .record(
      {
        key: bytes,
        range_end: bytes,
        start_revision: int64,
        progress_notify: fc.boolean(),
        filters: fc.array(fc.nat(3), { maxLength: 4 }),
        prev_kv: fc.boolean(),
        watch_id: int64,
        fragment: fc.boolean(),
      },
      { requiredKeys: [] },
    )
    .map((create) => ({ create_request: create })),
);

const encode = (fields: object): Buffer =>
  Buffer.from(pb.WatchRequest.encode(pb.WatchRequest.fromObject(fields)).finish());

/** The twin: the generated classes decode, and what they give is put into our words. */
function expected(encoded: Uint8Array): object {
  const { request_union: kind, create_request, cancel_request } = pb.WatchRequest.decode(encoded);
  if (kind === 'progress_request') return { kind: 'progress' };
  if (kind === 'cancel_request') return { kind: 'cancel', watchId: BigInt(String(cancel_request?.watch_id ?? 0)) };
  if (kind === undefined) return { kind: 'unknown' };
  const filters = (create_request?.filters ?? []).map(Number);
  return {
    kind: 'create',
    key: keyOf(create_request?.key ?? Buffer.alloc(0)),
    rangeEnd: keyOf(create_request?.range_end ?? Buffer.alloc(0)),
    watchId: Number(String(create_request?.watch_id ?? 0)),
    startRevision: Number(String(create_request?.start_revision ?? 0)),
    progressNotify: create_request?.progress_notify ?? false,
    options: {
      noPut: filters.includes(0),
      noDelete: filters.includes(1),
      prevKv: create_request?.prev_kv ?? false,
      fragment: create_request?.fragment ?? false,
    },
  };
}

test('a WatchRequest is read as the generated class reads it', () => {
  fc.assert(
    fc.property(request, (fields) => {
      const encoded = encode(fields);
      expect(decodeWatchRequest(encoded)).toEqual(expected(encoded));
    }),
    { seed: 15, numRuns: 1000 },
  );
});

test('filters are read packed and one at a time', () => {
  const create = [0x28, 0, 0x2a, 2, 7, 1, 0x2a, 0];
  const options = { noPut: true, noDelete: true, prevKv: false, fragment: false };
  expect(decodeWatchRequest(Uint8Array.of(0x0a, create.length, ...create))).toMatchObject({ options });
  expect(() => decodeWatchRequest(Uint8Array.of(0x0a, 3, 0x2a, 1, 0x80, 0))).toThrow(ProtocolError);
});

test('of several requests in one the last counts, and nothing of the others', () => {
  const both = [encode({ create_request: { key: Buffer.from('a'), prev_kv: true } })];
  both.push(encode({ create_request: { range_end: Buffer.from('b') } }));
  const second = both[1] as Buffer;
  expect(decodeWatchRequest(Buffer.concat(both))).toEqual(decodeWatchRequest(second));
  expect(decodeWatchRequest(Buffer.concat([...both, encode({ progress_request: {} })]))).toEqual({ kind: 'progress' });
});

test('an id keeps all of its bits in a cancellation', () => {
  const watchId = -(2n ** 63n) + 1n;
  const encoded = pb.WatchRequest.encode(pb.WatchRequest.fromObject({ cancel_request: { watch_id: `${watchId}` } }));
  expect(decodeWatchRequest(encoded.finish())).toEqual({ kind: 'cancel', watchId });
});

test('cut or changed anywhere, a request is refused as none, or is what the generated class reads', () => {
  let refused = 0;
  let read = 0;
  fc.assert(
    fc.property(request, fc.nat(), fc.nat(255), fc.boolean(), (fields, where, byte, cut) => {
      const encoded = encode(fields);
      if (encoded.length === 0) return;
      const at = where % encoded.length;
      if (!cut) encoded[at] = byte;
      const damaged = cut ? encoded.subarray(0, at) : encoded;
      let decoded: object;
      try {
        decoded = decodeWatchRequest(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        refused++;
        return;
      }
      try {
        expect(decoded).toEqual(expected(damaged));
        read++;
      } catch (error) {
        // Of groups, which are long out of use, we do not ask that their ends have the numbers of their beginnings.
        if (!String(error).includes('invalid end group tag')) throw error;
      }
    }),
    { seed: 16, numRuns: 5000 },
  );
  expect(Math.min(refused, read)).toBeGreaterThan(500);
});
