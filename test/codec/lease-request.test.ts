import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyOf } from '../../src/base/index.ts';
import {
  decodeAddressedQuestion,
  decodeLeaseCheckpoint,
  decodeLeaseGrant,
  decodeLeaseKeepAlive,
  decodeLeaseRevoke,
  decodePeerAnswer,
  decodePeerQuestion,
  encodeAddressedQuestion,
  encodeLeaseCheckpoint,
  encodeLeaseGrant,
  encodeLeaseKeepAlive,
  encodeLeaseKeepAliveResponse,
  encodeLeaseRevoke,
  encodePeerAnswer,
  encodePeerQuestion,
  type PeerAnswer,
  type PeerQuestion,
} from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';

const id = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
const ttl = fc.integer({ min: 0, max: 9_000_000_000 });

test('the requests of the log are those of etcd’s protocol', () => {
  fc.assert(
    fc.property(
      id,
      ttl,
      fc.array(fc.record({ id, remainingTtl: ttl }), { maxLength: 5 }),
      (some, seconds, checkpoints) => {
        const grant = { kind: 'leaseGrant' as const, id: some, ttl: seconds };
        expect(decodeLeaseGrant(encodeLeaseGrant(grant))).toEqual(grant);
        const granted = pb.LeaseGrantRequest.encode(pb.LeaseGrantRequest.fromObject({ TTL: seconds, ID: `${some}` }));
        expect(decodeLeaseGrant(granted.finish())).toEqual(grant);
        const revoke = { kind: 'leaseRevoke' as const, id: some };
        expect(decodeLeaseRevoke(encodeLeaseRevoke(revoke))).toEqual(revoke);
        const written = { kind: 'leaseCheckpoint' as const, checkpoints };
        expect(decodeLeaseCheckpoint(encodeLeaseCheckpoint(written))).toEqual(written);
        const message = pb.LeaseCheckpointRequest.fromObject({
          checkpoints: checkpoints.map((one) => ({ ID: `${one.id}`, remaining_TTL: one.remainingTtl })),
        });
        expect(decodeLeaseCheckpoint(pb.LeaseCheckpointRequest.encode(message).finish())).toEqual(written);
      },
    ),
    { seed: 51, numRuns: 300 },
  );
});

test('keepalives and their answers are those of etcd’s protocol', () => {
  const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
  const count = fc.integer({ min: 0, max: 2 ** 50 });
  const header = fc.record({ clusterId: uint64, memberId: uint64, revision: count, term: count });
  fc.assert(
    fc.property(id, ttl, header, (some, seconds, head) => {
      const asked = pb.LeaseKeepAliveRequest.encode(pb.LeaseKeepAliveRequest.fromObject({ ID: `${some}` })).finish();
      expect(decodeLeaseKeepAlive(asked)).toBe(some);
      expect(decodeLeaseKeepAlive(encodeLeaseKeepAlive(some))).toBe(some);
      const answer = pb.LeaseKeepAliveResponse.decode(encodeLeaseKeepAliveResponse(head, some, seconds));
      const said = pb.LeaseKeepAliveResponse.toObject(answer, { longs: String, defaults: true });
      expect(said).toEqual({
        header: {
          cluster_id: `${head.clusterId}`,
          member_id: `${head.memberId}`,
          revision: `${head.revision}`,
          raft_term: `${head.term}`,
        },
        ID: `${some}`,
        TTL: `${seconds}`,
      });
    }),
    { seed: 52, numRuns: 300 },
  );
});

test('questions between members and their answers come through', () => {
  const question: fc.Arbitrary<PeerQuestion> = fc.oneof(
    fc.record({ kind: fc.constant('renewLeases' as const), ids: fc.array(id) }),
    fc.record({ kind: fc.constant('leaseTime' as const), id, withKeys: fc.boolean() }),
  );
  const key = fc.uint8Array({ maxLength: 5 }).map(keyOf);
  const time = fc.record({ ttl: fc.integer({ min: -1, max: 9e9 }), grantedTtl: ttl, keys: fc.array(key) });
  const answer: fc.Arbitrary<PeerAnswer> = fc.oneof(
    fc.record({ kind: fc.constant('renewedLeases' as const), ttls: fc.array(ttl) }),
    fc.record({ kind: fc.constant('leaseTime' as const), time }),
    fc.constant<PeerAnswer>({ kind: 'refused' }),
  );
  fc.assert(
    fc.property(question, answer, (asked, answered) => {
      const hello = { clusterId: 1n, from: 2n, to: 3n, protocol: 1 };
      const sent = decodeAddressedQuestion(encodeAddressedQuestion({ hello, question: encodePeerQuestion(asked) }));
      expect(sent.hello).toEqual(hello);
      expect(decodePeerQuestion(sent.question)).toEqual(asked);
      expect(decodePeerAnswer(encodePeerAnswer(answered))).toEqual(answered);
    }),
    { seed: 52, numRuns: 300 },
  );
});

test('what a newer version asks is no question of ours, and what it answers is no answer', () => {
  expect(decodePeerQuestion(Uint8Array.of(0x7a, 0))).toBeUndefined();
  expect(decodePeerAnswer(Uint8Array.of(0x7a, 0))).toEqual({ kind: 'refused' });
});
