/** What is proposed to a leader that has just fallen, before anybody has noticed but its connection. */

import { afterEach, expect, test } from 'vitest';
import { RequestError } from '../../src/base/index.ts';
import { raftId } from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';
import type { Outcome } from '../../src/node/index.ts';
import { MemoryCluster, type MemoryMember } from '../support/memory-cluster.ts';

let cluster: MemoryCluster;
afterEach(async () => {
  await cluster.end();
  expect(cluster.errors).toEqual([]);
});

async function started(): Promise<{ leader: MemoryMember; follower: MemoryMember; other: MemoryMember }> {
  cluster = new MemoryCluster(3);
  await cluster.start();
  const leader = await cluster.leader();
  const [follower, other] = cluster.followers() as [MemoryMember, MemoryMember];
  return { leader, follower, other };
}

function put(member: MemoryMember): Promise<Outcome> {
  const request = pb.PutRequest.encode({ key: Buffer.from('k'), value: Buffer.from('v') }).finish();
  return member.node.propose({ kind: 'put', request });
}

test('a write that finds its leader out of reach is kept for the next one', async () => {
  const { leader, follower } = await started();
  await leader.kill();
  expect(follower.node.leader).toBe(leader.id);
  await cluster.settled(put(follower));
  expect(follower.node.leader).not.toBe(leader.id);
});

test('and goes to the same one, if that is back in time', async () => {
  const { leader, follower, other } = await started();
  // Heard, so that there is no election; not reached.
  cluster.network.setLink(raftId(follower.id), raftId(leader.id), { isCut: true });
  const written = put(follower);
  await cluster.pass(500);
  cluster.network.setLink(raftId(follower.id), raftId(leader.id), { isCut: false });
  await cluster.settled(written);
  expect([follower.node.leader, other.node.leader]).toEqual([leader.id, leader.id]);
});

test('it is refused in the end, definitely', async () => {
  const { leader, follower, other } = await started();
  await other.kill();
  await leader.kill();
  const error = await cluster.settled(put(follower)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RequestError);
  expect(error).toMatchObject({ code: 'noLeader', definite: true });
});
