import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Author, NOBODY } from '../../src/auth/index.ts';
import {
  decodeAlarm,
  decodeInternalRequest,
  encodeAlarm,
  encodeInternalRequest,
  type InternalKind,
  internalRequestBytes,
  internalRequestId,
  ProtocolError,
} from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';

const kind = fc.constantFrom<InternalKind>('put', 'deleteRange', 'txn', 'compaction', 'alarm');
const request = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.nat(70_000).map((n) => new Uint8Array(n)),
);

test('what is wrapped is unwrapped, and within the bound on its size', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), kind, request, (id, of, bytes) => {
      const encoded = encodeInternalRequest({ id, kind: of, request: bytes, by: NOBODY });
      expect(encoded.length).toBeLessThanOrEqual(internalRequestBytes(bytes.length));
      expect(internalRequestId(encoded)).toBe(id);
      const decoded = decodeInternalRequest(encoded);
      expect({ ...decoded, request: Buffer.from(decoded.request).equals(bytes) }).toEqual({
        id,
        kind: of,
        request: true,
        by: NOBODY,
      });
    }),
    { seed: 31, numRuns: 300 },
  );
});

test('it is an InternalRaftRequest', () => {
  const put = pb.PutRequest.encode({ key: Buffer.from('k'), value: Buffer.from('v') }).finish();
  const decoded = pb.InternalRaftRequest.decode(
    encodeInternalRequest({ id: 1000, kind: 'put', request: put, by: NOBODY }),
  );
  expect(decoded.toJSON()).toEqual({ header: { ID: '1000' }, put: { key: 'aw==', value: 'dg==' } });
});

test('one that etcd made is read, and a kind that we do not know keeps its number', () => {
  const header = { ID: 77, username: 'root', auth_revision: 3 };
  const encoded = pb.InternalRaftRequest.encode({ ID: 5, header, range: { limit: 9 } }).finish();
  const request_ = pb.RangeRequest.encode({ limit: 9 }).finish();
  expect(decodeInternalRequest(encoded)).toMatchObject({
    id: 77,
    kind: 'unknown',
    field: 3,
    request: expect.anything(),
  });
  expect(Buffer.from(decodeInternalRequest(encoded).request)).toEqual(Buffer.from(request_));
});

test('an entry of nothing is of an unknown kind', () => {
  expect(decodeInternalRequest(new Uint8Array(0))).toMatchObject({
    id: 0,
    kind: 'unknown',
    field: 0,
    request: new Uint8Array(0),
  });
});

test('an id of more bits than ours has no owner', () => {
  const encoded = pb.InternalRaftRequest.encode(
    pb.InternalRaftRequest.fromObject({ header: { ID: '18446744073709551615' }, put: {} }),
  ).finish();
  expect(decodeInternalRequest(encoded).id).toBe(0);
});

test('garbage is a ProtocolError or an entry', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        decodeInternalRequest(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { seed: 32, numRuns: 2000 },
  );
});

test('an AlarmRequest goes both ways', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('get' as const, 'activate' as const, 'deactivate' as const),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.constantFrom('none' as const, 'nospace' as const, 'corrupt' as const),
      (action, memberId, alarm) => {
        const operation = { kind: 'alarm' as const, action, memberId, alarm };
        const encoded = encodeAlarm(operation);
        expect(decodeAlarm(encoded)).toEqual(operation);
        const wire = pb.AlarmRequest.decode(encoded);
        expect([wire.action, String(wire.memberID), wire.alarm]).toEqual([
          ['get', 'activate', 'deactivate'].indexOf(action),
          memberId.toString(),
          ['none', 'nospace', 'corrupt'].indexOf(alarm),
        ]);
      },
    ),
    { seed: 33 },
  );
});

test('on whose behalf a request is made goes with it', () => {
  const authors: readonly Author[] = [NOBODY, 'member', { username: 'al\u00efce', authRevision: 300 }];
  for (const by of authors) {
    const request = encodeAlarm({ kind: 'alarm', action: 'get', memberId: 1n, alarm: 'none' });
    expect(decodeInternalRequest(encodeInternalRequest({ id: 9, kind: 'alarm', request, by })).by).toEqual(by);
  }
});
