import { expect, test } from 'vitest';
import { clusterIdOf, memberIdOf } from '../../src/cli/index.ts';

/** As etcd 3.4.23 said them in its log when started with these URLs and this token. */
test.each([
  {
    token: 'etcd-cluster',
    members: [{ urls: ['http://localhost:2380'], id: 0x8e9e05c52164694dn }],
    cluster: 0xcdf818194e3a8c32n,
  },
  {
    token: 'etcd-cluster',
    members: [{ urls: ['http://127.0.0.1:24502'], id: 0x4913d2ad4bc95fe2n }],
    cluster: 0x8efe355ac1ca6934n,
  },
  {
    token: 'tok',
    members: [
      { urls: ['http://127.0.0.1:24503', 'http://127.0.0.1:24502'], id: 0x8d42646490c5d37n },
      { urls: ['http://127.0.0.1:24504'], id: 0xa4801a9019791aacn },
    ],
    cluster: 0x8d7d64e4647b38e4n,
  },
])('ids are those that etcd computes: $token, $members', ({ token, members, cluster }) => {
  const ids = members.map(({ urls }) => memberIdOf(urls, token));
  expect(ids).toEqual(members.map(({ id }) => id));
  expect(clusterIdOf(ids)).toBe(cluster);
  expect(clusterIdOf(ids.toReversed())).toBe(cluster);
});
