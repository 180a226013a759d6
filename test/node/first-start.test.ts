/** A start that ends before a first member's first entry is on disk must not keep it from beginning. */

import { expect, test } from 'vitest';
import { MemoryCluster } from '../support/memory-cluster.ts';

test.each([1, 3])('a cluster of %i begins though all were killed once their logs were made', async (count) => {
  const cluster = new MemoryCluster(count);
  for (const member of cluster.members) {
    const { wal, backend } = await member.open();
    await wal.close();
    await backend.close();
  }
  await cluster.start();
  const leader = await cluster.leader();
  await cluster.settled(leader.node.readIndex());
  expect(leader.node.members()).toHaveLength(count);
  await cluster.end();
  expect(cluster.errors).toEqual([]);
});
