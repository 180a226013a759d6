import { afterEach, expect, test } from 'vitest';
import { NOBODY } from '../../src/auth/index.ts';
import { type ErrorCode, RequestError } from '../../src/base/index.ts';
import { raftId } from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';
import { CHECKPOINT_INTERVAL_MS, LEASE_EXPIRIES_PER_SECOND_MAX } from '../../src/lease/index.ts';
import type { Outcome } from '../../src/node/index.ts';
import { LEASE_TICK_MS } from '../../src/node/lease-keeper.ts';
import {
  ELECTION_TICKS,
  MemoryCluster,
  type MemoryClusterOptions,
  type MemoryMember,
  PROPOSAL_TIMEOUT_MS,
  TICK_MS,
} from '../support/memory-cluster.ts';

const ELECTION_MS = ELECTION_TICKS * TICK_MS;

let cluster: MemoryCluster;
afterEach(async () => {
  await cluster.end();
  expect(cluster.errors).toEqual([]);
});

async function started(
  count = 3,
  options?: MemoryClusterOptions,
): Promise<{ leader: MemoryMember; followers: readonly MemoryMember[] }> {
  cluster = new MemoryCluster(count, options);
  await cluster.start();
  const leader = await cluster.leader();
  return { leader, followers: cluster.followers() };
}

function put(member: MemoryMember, key: string, lease: bigint): Promise<Outcome> {
  const request = pb.PutRequest.encode(
    pb.PutRequest.fromObject({ key: Buffer.from(key), value: Buffer.from('v'), lease: lease.toString() }),
  ).finish();
  return cluster.settled(member.node.propose({ kind: 'put', request }));
}

const grant = async (member: MemoryMember, id: bigint, ttl: number): Promise<number> =>
  (await cluster.settled(member.node.leases.grant(id, ttl, NOBODY))).ttl;
const renew = (member: MemoryMember, ...ids: bigint[]): Promise<readonly number[]> =>
  cluster.settled(member.node.leases.renew(ids));
const ttl = async (member: MemoryMember, id: bigint): Promise<number> =>
  (await cluster.settled(member.node.leases.timeOf(id, false))).ttl;
/** As this member has applied them. */
const list = (member: MemoryMember): Promise<readonly bigint[]> => cluster.settled(member.node.leases.list());

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await cluster.settled(promise);
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

test('a lease is granted and kept alive through any member, and ends on all at one revision', async () => {
  const { leader, followers } = await started();
  const [one, two] = followers as [MemoryMember, MemoryMember];
  expect(await grant(one, 7n, 5)).toBe(5);
  await put(two, 'a', 7n);
  await put(one, 'b', 7n);
  for (let i = 0; i < 4; i++) {
    await cluster.pass(3000);
    expect(await renew([one, two, leader, one][i] as MemoryMember, 7n)).toEqual([5]);
  }
  expect(await cluster.settled(two.node.leases.timeOf(7n, true))).toMatchObject({ grantedTtl: 5, keys: ['a', 'b'] });
  await cluster.pass(4500);
  expect(await list(two)).toEqual([7n]);
  await cluster.pass(1500);
  for (const member of cluster.members) {
    expect(await list(member)).toEqual([]);
    expect([member.node.revision, member.node.store.keys]).toEqual([4, 0]);
    expect(await renew(member, 7n)).toEqual([0]);
    expect(await ttl(member, 7n)).toBe(-1);
  }
  expect(leader.node.leases.counts).toEqual({ renewed: 4, expired: 1 });
});

test('what is refused', async () => {
  const { leader } = await started(1);
  expect(await grant(leader, 7n, 60)).toBe(60);
  expect(await codeOf(leader.node.leases.grant(7n, 60, NOBODY))).toBe('leaseExists');
  expect(await codeOf(leader.node.leases.grant(0n, 9_000_000_001, NOBODY))).toBe('leaseTtlTooLarge');
  expect(await codeOf(leader.node.leases.revoke(8n, NOBODY))).toBe('leaseNotFound');
  expect(await put(leader, 'a', 8n)).toEqual({ ok: false, error: 'leaseNotFound' });
});

test('a TTL is no shorter than an election and a half, an id that is chosen is a positive int64', async () => {
  const { leader } = await started(1);
  expect(await grant(leader, 7n, -5)).toBe(2);
  const ids = new Set<bigint>();
  for (let i = 0; i < 20; i++) ids.add((await cluster.settled(leader.node.leases.grant(0n, 60, NOBODY))).id);
  expect(ids.size).toBe(20);
  for (const id of ids) expect(id > 0n && id < 2n ** 63n).toBe(true);
});

test('a lease that a follower has just heard of is known to the leader that is asked for it', async () => {
  // The leader commits first and may apply later: a keepalive must not find the lease gone.
  const { leader, followers } = await started();
  const [one] = followers as [MemoryMember];
  for (let id = 1n; id < 30n; id++) {
    const renewed = one.node.leases.grant(id, 60, NOBODY).then(() => one.node.leases.renew([id]));
    expect(await cluster.settled(renewed)).toEqual([60]);
  }
  expect(leader.node.leases.counts.renewed).toBe(29);
});

test('the next leader lets a lease live its TTL and an election more, and then ends it', async () => {
  const { leader } = await started();
  await grant(leader, 7n, 5);
  await put(leader, 'a', 7n);
  await cluster.pass(4000);
  await leader.kill();
  const next = await cluster.leader();
  await cluster.pass(4900);
  expect(await list(next)).toEqual([7n]);
  expect(await ttl(next, 7n)).toBeLessThanOrEqual(6);
  await cluster.pass(ELECTION_MS + 1500);
  expect(await list(next)).toEqual([]);
  await leader.start();
  await cluster.pass(1000);
  for (const member of cluster.members) expect([member.node.store.keys, member.node.revision]).toEqual([0, 3]);
});

test('a leader that was deposed and does not know it renews nothing and ends nothing', async () => {
  const { leader, followers } = await started();
  const [one] = followers as [MemoryMember];
  await grant(leader, 7n, 5);
  await grant(leader, 8n, 5);
  await cluster.pass(4000);
  cluster.isolate(leader);
  const stale = leader.node.leases.renew([8n]).catch((error: unknown) => error);
  await cluster.until(() => followers.some(({ node }) => node.isLeader));
  // Past the end of both, as the old leader had it. One of them its successor renews.
  for (let i = 0; i < 3; i++) {
    await cluster.pass(2000);
    expect(await renew(one, 7n)).toEqual([5]);
  }
  expect(await cluster.settled(stale)).toBeInstanceOf(RequestError);
  expect(await list(one)).toContain(7n);
  cluster.isolate(leader, false);
  await cluster.until(() => leader.node.leader !== 0n && leader.node.leader !== leader.id);
  await cluster.pass(2000);
  expect(await list(leader)).toEqual([7n]);
  expect(await renew(leader, 7n)).toEqual([5]);
});

test('a lease whose end is in the log, and may be committed any time, is not renewed any more', async () => {
  const { leader, followers } = await started();
  await grant(leader, 7n, 5);
  await put(leader, 'a', 7n);
  // They answer heartbeats, and acknowledge nothing.
  const letGo = followers.map(({ disk }) => disk.holdSyncs());
  await cluster.pass(5000 + PROPOSAL_TIMEOUT_MS);
  for (let ms = 0; ms < 2000; ms += LEASE_TICK_MS) {
    expect(await renew(leader, 7n)).toEqual([0]);
    await cluster.pass(LEASE_TICK_MS);
  }
  for (const go of letGo) go();
  await cluster.pass(1000);
  expect(await list(leader)).toEqual([]);
});

test('a keepalive that finds no leader waits for one, and gives up in the end', async () => {
  const { leader, followers } = await started();
  const [one] = followers as [MemoryMember, MemoryMember];
  await grant(leader, 7n, 60);
  await leader.kill();
  expect(await renew(one, 7n)).toEqual([60]);
  await (await cluster.leader()).kill();
  const [last] = cluster.members.filter(({ isRunning }) => isRunning) as [MemoryMember];
  expect(await codeOf(last.node.leases.renew([7n]))).toBe('noLeader');
  expect(await codeOf(last.node.leases.timeOf(7n, false))).toBe('noLeader');
});

test('what was left of a long lease is what the next leader goes on from, unless it was renewed since', async () => {
  const { leader } = await started();
  await grant(leader, 7n, 3600);
  await grant(leader, 8n, 3600);
  await cluster.pass(CHECKPOINT_INTERVAL_MS + 1000);
  expect(await renew(leader, 8n)).toEqual([3600]);
  await leader.kill();
  const next = await cluster.leader();
  await cluster.pass(200);
  expect(await ttl(next, 7n)).toBeLessThanOrEqual(3301);
  expect(await ttl(next, 7n)).toBeGreaterThanOrEqual(3299);
  expect(await ttl(next, 8n)).toBeGreaterThanOrEqual(3599);
  expect(await renew(next, 7n)).toEqual([3600]);
  expect(await ttl(next, 7n)).toBe(3599);
});

test('leases and their keys are there again after a start, and in a snapshot', async () => {
  const { leader, followers } = await started(3, { settings: { checkpointEntries: 20 }, catchUpEntries: 1 });
  const [late] = followers as [MemoryMember];
  await late.kill();
  await grant(leader, 7n, 600);
  await grant(leader, -8n, 600);
  await grant(leader, 9n, 600);
  await put(leader, 'a', 7n);
  await put(leader, 'b', -8n);
  await put(leader, 'c', 9n);
  await put(leader, 'b', 7n);
  await cluster.settled(leader.node.leases.revoke(9n, NOBODY));
  for (let i = 0; i < 60; i++) await put(leader, `k${i}`, 0n);
  await late.start();
  await cluster.pass(3000);
  expect(await list(late)).toEqual([7n, -8n]);
  for (const member of cluster.members) await member.kill();
  for (const member of cluster.members) await member.start();
  const next = await cluster.leader();
  await cluster.pass(500);
  for (const id of [7n, -8n]) {
    expect(await cluster.settled(next.node.leases.timeOf(id, true))).toMatchObject({
      grantedTtl: 600,
      keys: id === 7n ? ['a', 'b'] : [],
    });
  }
  // The late one as well has the keys: it deletes them like the others.
  await cluster.settled(late.node.leases.revoke(7n, NOBODY));
  await cluster.pass(500);
  for (const { node } of cluster.members) expect([node.store.keys, node.revision]).toEqual([60, next.node.revision]);
});

test('a thousand that end at once are ended by and by', async () => {
  const { leader } = await started(1);
  const grants = Array.from({ length: 1000 }, (_, i) => leader.node.leases.grant(BigInt(i + 1), 5, NOBODY));
  await cluster.settled(Promise.all(grants));
  await cluster.pass(4500);
  expect(await list(leader)).toHaveLength(1000);
  let before = 1000;
  let most = 0;
  for (let i = 0; i < 6 && before > 0; i++) {
    await cluster.pass(500);
    const now = (await list(leader)).length;
    most = Math.max(most, before - now);
    before = now;
  }
  expect(before).toBe(0);
  expect(most).toBeLessThanOrEqual(LEASE_EXPIRIES_PER_SECOND_MAX / 2 + 50);
});

test('a process that slept lets its clients be heard before it ends their leases', async () => {
  const { leader } = await started(1);
  await grant(leader, 7n, 5);
  await cluster.pass(3000);
  cluster.sleep(60_000);
  await cluster.pass(500);
  expect(await renew(leader, 7n)).toEqual([5]);
  await cluster.pass(4800);
  expect(await list(leader)).toEqual([7n]);
});

test('a stopped member answers so', async () => {
  const { leader } = await started(1);
  const { node } = leader;
  await leader.kill();
  expect(await codeOf(node.leases.renew([7n]))).toBe('stopped');
});

test('a lease that is granted anew while the end of one of the same id is on its way does not end with that', async () => {
  const { leader } = await started();
  const ids = Array.from({ length: 130 }, (_, i) => BigInt(i + 1));
  await Promise.all(ids.map((id) => grant(leader, id, 5)));
  for (const one of cluster.members) {
    for (const other of cluster.members) {
      cluster.network.setLink(raftId(one.id), raftId(other.id), { delayMsMin: 5, delayMsMax: 5 });
    }
  }
  // All end with one look at the time, at one of these milliseconds.
  await cluster.pass(4980);
  const anew: Promise<unknown>[] = [];
  for (const id of ids) {
    const revoked = leader.node.leases.revoke(id, NOBODY);
    anew.push(Promise.allSettled([revoked, leader.node.leases.grant(id, 60, NOBODY)]));
    await cluster.pass(1);
  }
  await cluster.settled(Promise.all(anew));
  expect(await list(leader)).toHaveLength(ids.length);
  await cluster.pass(10_000);
  expect(await list(leader)).toHaveLength(ids.length);
});
