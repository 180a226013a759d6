/** A start that ends before a first member's first entry is on disk must not keep it from beginning. */

import { expect, test } from 'vitest';
import { MemoryCluster, type MemoryMember } from '../support/memory-cluster.ts';

/** What a start leaves that ends once the log is made. */
async function cutShort(member: MemoryMember, clusterId?: bigint): Promise<void> {
  const { wal, backend } = await member.open(undefined, clusterId);
  await wal.close();
  await backend.close();
}

test.each([1, 3])('a cluster of %i begins though all were killed once their logs were made', async (count) => {
  const cluster = new MemoryCluster(count);
  for (const member of cluster.members) await cutShort(member);
  await cluster.start();
  const leader = await cluster.leader();
  await cluster.settled(leader.node.readIndex());
  expect(leader.node.members()).toHaveLength(count);
  await cluster.end();
  expect(cluster.errors).toEqual([]);
});

test('one whose log was made for another cluster, which it was to join, does not begin this one', async () => {
  const cluster = new MemoryCluster(1);
  const [member] = cluster.members as [MemoryMember];
  await cutShort(member, 99n);
  await member.start();
  await cluster.pass(20_000);
  expect([member.node.leader, member.node.members()]).toEqual([0n, []]);
  await cluster.end();
});
