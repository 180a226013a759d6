/** Locks and elections, with a real store behind them. What waits is let run until nothing moves any more; no time passes. */

import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NOBODY } from '../../src/auth/index.ts';
import { bytesOf, RequestError, SeededPrng } from '../../src/base/index.ts';
import { joined } from '../../src/codec/index.ts';
import { etcdserverpb as pb, v3electionpb, v3lockpb } from '../../src/gen/etcd.js';
import { ServingState, services } from '../../src/rpc/index.ts';
import type { Methods } from '../../src/wire/index.ts';
import { StoredMember } from '../support/stored-member.ts';
import { testAuth } from '../support/test-auth.ts';
import { FakeCall, FakeDuplexStream } from './watch/conversation.ts';

const TURNS_MAX = 1000;

let member: StoredMember;
let methods: Methods;

beforeEach(async () => {
  member = await StoredMember.open();
  member.watchable.start();
  methods = services({
    member,
    clock: member.clock,
    electionMs: 1000,
    requestBytesMax: 1_000_000,
    txnOpsMax: 128,
    serving: new ServingState(true),
    watch: { kind: 'duplex', handler: () => {} },
    ...testAuth(member),
    watchable: member.watchable,
  });
  for (const id of [1n, 2n, 3n, 4n]) await member.leases.grant(id, 60, NOBODY);
});

afterEach(() => {
  expect(member.watchable.gauges, 'nothing is left behind').toMatchObject({ watchers: 0, watchStreams: 0 });
  member.watchable.stop();
});

/** A call under way: what came of it, if anything yet. */
interface Waiting<T> {
  readonly call: FakeCall;
  answer?: T;
  error?: string;
}

interface Class<T> {
  fromObject(fields: object): T;
  encode(message: T): { finish(): Uint8Array };
}

function begin<Q, A>(
  name: string,
  request: Class<Q>,
  answer: { decode(bytes: Uint8Array): A },
  fields: object,
): Waiting<A> {
  const method = methods.get(name);
  if (method?.kind !== 'unary') throw new Error(`${name} is no unary method`);
  const { handler } = method;
  const waiting: Waiting<A> = { call: new FakeCall() };
  void (async () => {
    try {
      waiting.answer = answer.decode(
        joined(await handler(request.encode(request.fromObject(fields)).finish(), waiting.call)),
      );
    } catch (error) {
      waiting.error = error instanceof RequestError ? error.message : `not a RequestError: ${String(error)}`;
    }
  })();
  return waiting;
}

/** Lets everything run that can, and the loops of the store meanwhile. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await turn();
    member.clock.advance(100);
  }
}

const lock = (name: string, lease: number): Waiting<v3lockpb.LockResponse> =>
  begin('/v3lockpb.Lock/Lock', v3lockpb.LockRequest, v3lockpb.LockResponse, { name: bytesOf(name), lease });
const unlock = (key: string): Waiting<v3lockpb.UnlockResponse> =>
  begin('/v3lockpb.Lock/Unlock', v3lockpb.UnlockRequest, v3lockpb.UnlockResponse, { key: bytesOf(key) });
const campaign = (name: string, lease: number, value: string): Waiting<v3electionpb.CampaignResponse> =>
  begin('/v3electionpb.Election/Campaign', v3electionpb.CampaignRequest, v3electionpb.CampaignResponse, {
    name: bytesOf(name),
    lease,
    value: bytesOf(value),
  });
const proclaim = (leader: object | undefined, value: string): Waiting<v3electionpb.ProclaimResponse> =>
  begin('/v3electionpb.Election/Proclaim', v3electionpb.ProclaimRequest, v3electionpb.ProclaimResponse, {
    ...(leader === undefined ? {} : { leader }),
    value: bytesOf(value),
  });
const resign = (leader: object | undefined): Waiting<v3electionpb.ResignResponse> =>
  begin(
    '/v3electionpb.Election/Resign',
    v3electionpb.ResignRequest,
    v3electionpb.ResignResponse,
    leader === undefined ? {} : { leader },
  );
const leaderOf = (name: string): Waiting<v3electionpb.LeaderResponse> =>
  begin('/v3electionpb.Election/Leader', v3electionpb.LeaderRequest, v3electionpb.LeaderResponse, {
    name: bytesOf(name),
  });

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('latin1');
const heldBy = (waiting: Waiting<v3lockpb.LockResponse>): string => text(waiting.answer?.key);

async function keys(): Promise<string[]> {
  const range = { key: '\0', end: '\u0100' };
  const result = await member.range({
    kind: 'range',
    range,
    limit: 0,
    revision: 0,
    sortOrder: 'none',
    sortTarget: 'key',
    serializable: true,
    keysOnly: true,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  });
  return result.kvs.map((kv) => text(pb.RangeResponse.decode(kvField(kv)).kvs?.[0]?.key));
}

/** A RangeResponse with nothing but this pair: field 2. */
function kvField(kv: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([0x12, kv.length]), kv]);
}

test('those who wait get the lock one after the other, oldest first', async () => {
  const [first, second, third] = [lock('n', 1), lock('n', 2), lock('n', 3)];
  await settle();
  expect([heldBy(first), heldBy(second), heldBy(third)]).toEqual(['n/1', '', '']);
  unlock('n/1');
  await settle();
  expect([heldBy(second), heldBy(third)]).toEqual(['n/2', '']);
  unlock('n/2');
  await settle();
  expect(heldBy(third)).toBe('n/3');
  expect(await keys()).toEqual(['n/3']);
});

test('other names are other locks, and names that begin alike are no less so', async () => {
  const held = [lock('n', 1), lock('n2', 2), lock('', 3), lock('n/1', 4)];
  await settle();
  expect(held.map(heldBy)).toEqual(['n/1', 'n2/2', '/3', 'n/1/4']);
});

test('a holder asks again and is told that it holds the lock', async () => {
  const held = lock('n', 1);
  await settle();
  const again = lock('n', 1);
  await settle();
  expect([heldBy(held), heldBy(again)]).toEqual(['n/1', 'n/1']);
});

test('when the lease of the holder goes, the next one holds the lock', async () => {
  lock('n', 1);
  await settle();
  const next = lock('n', 2);
  await settle();
  await member.leases.revoke(1n, NOBODY);
  await settle();
  expect(heldBy(next)).toBe('n/2');
});

test('one whose lease goes while it waits is told so at once, and those behind it wait on', async () => {
  lock('n', 1);
  await settle();
  const dead = lock('n', 2);
  await settle();
  const behind = lock('n', 3);
  await settle();
  await member.leases.revoke(2n, NOBODY);
  await settle();
  expect(dead.error).toBe('mutex: session is expired');
  expect(behind).not.toHaveProperty('answer');
  unlock('n/1');
  await settle();
  expect(heldBy(behind)).toBe('n/3');
});

test('one who waits no more leaves the line', async () => {
  lock('n', 1);
  await settle();
  const gone = lock('n', 2);
  await settle();
  gone.call.cancel();
  await settle();
  expect(gone.error).toBeDefined();
  expect(await keys()).toEqual(['n/1']);
});

test('without a lease one of a minute is granted', async () => {
  const held = lock('n', 0);
  await settle();
  expect(heldBy(held)).toBe('n/3e8');
});

test('what KV and Lease refuse, is refused', async () => {
  const waiting = [lock('n', 99), campaign('e', 99, 'v'), unlock(''), leaderOf('e'), resign(undefined)];
  waiting.push(proclaim(undefined, 'v'), proclaim({ name: bytesOf('e'), key: bytesOf('e/1'), rev: 2, lease: 1 }, 'v'));
  await settle();
  expect(waiting.map(({ error }) => error)).toEqual([
    'etcdserver: requested lease not found',
    'etcdserver: requested lease not found',
    'etcdserver: key is not provided',
    'election: no leader',
    '"leader" field must be provided',
    '"leader" field must be provided',
    'election: not leader',
  ]);
});

test('the oldest candidate leads, says other things, resigns, and has no say any more', async () => {
  const first = campaign('e', 1, 'one');
  await settle();
  const second = campaign('e', 2, 'two');
  await settle();
  expect(second).not.toHaveProperty('answer');
  const leader = { ...first.answer?.leader };
  expect({ ...leader, name: text(leader.name), key: text(leader.key), rev: Number(leader.rev) }).toMatchObject({
    name: 'e',
    key: 'e/1',
    rev: 2,
  });
  proclaim(leader, 'uno');
  await settle();
  const seen = leaderOf('e');
  await settle();
  expect(text(seen.answer?.kv?.value)).toBe('uno');
  resign(leader);
  await settle();
  expect(text(second.answer?.leader?.key)).toBe('e/2');
  const late = proclaim(leader, 'still me');
  await settle();
  expect(late.error).toBe('election: not leader');
});

test('a candidate that stands already says its new value', async () => {
  campaign('e', 1, 'one');
  await settle();
  const again = campaign('e', 1, 'another');
  const seen = leaderOf('e');
  await settle();
  expect(again.answer).toBeDefined();
  await settle();
  expect([text(seen.answer?.kv?.value), await keys()]).toEqual(['one', ['e/1']]);
  const now = leaderOf('e');
  await settle();
  expect(text(now.answer?.kv?.value)).toBe('another');
});

/** Follows an election; what it has been told, each as 'key value'. */
function observe(name: string): { readonly call: FakeCall; readonly stream: FakeDuplexStream; told(): string[] } {
  const method = methods.get('/v3electionpb.Election/Observe');
  if (method?.kind !== 'serverStream') throw new Error('Observe is no stream');
  const [stream, call] = [new FakeDuplexStream(), new FakeCall()];
  const request = v3electionpb.LeaderRequest.fromObject({ name: bytesOf(name) });
  void method.handler(v3electionpb.LeaderRequest.encode(request).finish(), stream, call);
  const line = (bytes: Uint8Array): string => {
    const { kv } = v3electionpb.LeaderResponse.decode(bytes);
    return `${text(kv?.key)} ${text(kv?.value)}`;
  };
  return { call, stream, told: () => stream.written.map(line) };
}

test('an observer is told of every leader and what it says, and of nobody else', async () => {
  const observed = observe('e');
  await settle();
  expect(observed.told()).toEqual([]);
  const first = campaign('e', 1, 'one');
  await settle();
  campaign('e', 2, 'two');
  await settle();
  expect(observed.told()).toEqual(['e/1 one']);
  proclaim({ ...first.answer?.leader }, 'uno');
  await settle();
  await member.leases.revoke(1n, NOBODY);
  await settle();
  await member.leases.revoke(2n, NOBODY);
  await settle();
  campaign('e', 3, 'three');
  await settle();
  expect(observed.told()).toEqual(['e/1 one', 'e/1 uno', 'e/2 two', 'e/3 three']);
  expect(member.watchable.gauges.watchers, 'however many changes it has seen').toBe(1);
  observed.call.cancel();
  await settle();
});

test('an observer that begins late is told of the present leader', async () => {
  campaign('e', 1, 'one');
  await settle();
  const observed = observe('e');
  await settle();
  expect(observed.told()).toEqual(['e/1 one']);
  observed.call.cancel();
  await settle();
});

test('an observer that does not read holds up only itself, and is then told the newest', async () => {
  const observed = observe('e');
  observed.stream.credit = 1;
  const first = campaign('e', 1, '0');
  await settle();
  for (const value of ['1', '2', '3']) {
    proclaim({ ...first.answer?.leader }, value);
    await settle();
  }
  expect(observed.told()).toEqual(['e/1 0']);
  observed.stream.read(10);
  await settle();
  expect(observed.told()).toEqual(['e/1 0', 'e/1 3']);
  observed.call.cancel();
  await settle();
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'whatever happens, one at most holds the lock, in order of the line (seed %i)',
  async (seed) => {
    const prng = new SeededPrng(seed);
    const chance = (n: number): number => prng.next() % n;
    const alive: Waiting<v3lockpb.LockResponse>[] = [];
    const grants: number[] = [];
    const counted = new Set<Waiting<v3lockpb.LockResponse>>();
    let lease = 10;
    for (let step = 0; step < 150; step++) {
      switch (chance(4)) {
        case 0:
          await member.leases.grant(BigInt(lease), 60, NOBODY);
          alive.push(lock('n', lease++));
          break;
        case 1:
          if (alive.length > 0) alive[chance(alive.length)]?.call.cancel();
          break;
        case 2: {
          const [held] = await keys();
          if (held !== undefined) await member.leases.revoke(BigInt(`0x${held.slice(2)}`), NOBODY);
          break;
        }
        default: {
          const all = await keys();
          const one = all[chance(Math.max(all.length, 1))];
          if (one !== undefined) unlock(one);
        }
      }
      if (chance(3) > 0) await settle();
      const there = new Set(await keys());
      const holders = alive.filter((waiting) => waiting.answer !== undefined && there.has(heldBy(waiting)));
      expect(holders.length, `after step ${step}`).toBeLessThanOrEqual(1);
      for (const waiting of alive) {
        if (waiting.answer === undefined || counted.has(waiting)) continue;
        counted.add(waiting);
        grants.push(Number.parseInt(heldBy(waiting).slice(2), 16));
      }
    }
    expect(grants.length).toBeGreaterThan(3);
    expect(grants).toEqual(grants.toSorted((a, b) => a - b));
    for (let i = 0; i < TURNS_MAX && (await keys()).length > 0; i++) {
      for (const key of await keys()) unlock(key);
      await settle();
    }
    await settle();
  },
);
