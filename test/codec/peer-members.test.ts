import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePeerMembers, encodePeerMembers, ProtocolError } from '../../src/codec/index.ts';
import { watchraftpb as pb } from '../../src/gen/etcd.js';

const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const urls = fc.array(fc.string(), { maxLength: 3 });
const members = fc.record({
  clusterId: id,
  members: fc.array(fc.record({ id, name: fc.string(), peerUrls: urls, clientUrls: urls, isLearner: fc.boolean() }), {
    maxLength: 4,
  }),
});

test('the members come out as they went in, and are what the protocol file says', () => {
  fc.assert(
    fc.property(members, (sent) => {
      const bytes = encodePeerMembers(sent);
      expect(decodePeerMembers(bytes)).toEqual(sent);
      const read = pb.PeerMembersResponse.toObject(pb.PeerMembersResponse.decode(bytes), {
        longs: String,
        arrays: true,
        defaults: true,
      });
      expect(read).toEqual({
        cluster_id: String(sent.clusterId),
        members: sent.members.map((member) => ({
          id: String(member.id),
          name: member.name,
          peer_urls: member.peerUrls,
          client_urls: member.clientUrls,
          is_learner: member.isLearner,
        })),
      });
    }),
    { seed: 11, numRuns: 300 },
  );
});

test('garbage is an error', () => {
  expect(() => decodePeerMembers(Uint8Array.of(0x12, 9))).toThrow(ProtocolError);
});
