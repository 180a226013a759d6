/**
 * The ids of a new cluster and its members, by etcd's rule: every member computes the same ones from the same flags, with
 * nobody asked.
 *
 *     member id    first 8 bytes of SHA-1 over its peer URLs, sorted, end to end, then the cluster token
 *     cluster id   first 8 bytes of SHA-1 over all member ids, sorted, each as 8 bytes
 *
 * All numbers big-endian. So members of one address are another member in another cluster, if its token differs.
 */

import { createHash } from 'node:crypto';

function firstEightBytes(input: Buffer): bigint {
  return createHash('sha1').update(input).digest().readBigUInt64BE(0);
}

export function memberIdOf(peerUrls: readonly string[], clusterToken: string): bigint {
  return firstEightBytes(Buffer.from([...peerUrls].sort().join('') + clusterToken));
}

export function clusterIdOf(memberIds: readonly bigint[]): bigint {
  const input = Buffer.alloc(8 * memberIds.length);
  const sorted = [...memberIds].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (const [at, id] of sorted.entries()) input.writeBigUInt64BE(id, 8 * at);
  return firstEightBytes(input);
}
