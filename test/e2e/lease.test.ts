/**
 * Leases on three members as real processes: one is kept alive through a follower while the leader dies; it lives on, and ends when its owner
 * stops, on every member at one revision.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { ServerProcess } from '../../cluster/process/index.ts';
import { type Client, connect } from '../../src/client/index.ts';

const ENTRY = resolve(import.meta.dirname, '../../dist/cli/main.js');
const CLIENT_PORT = 25_160;
const NUMBERS = [0, 1, 2] as const;

const root = mkdtempSync(join(tmpdir(), 'watchraft-lease-'));
let members: ServerProcess[] = [];
let clients: Client[] = [];

afterEach(async () => {
  for (const client of clients) client.close();
  await Promise.all(members.map((member) => member.kill('SIGKILL')));
  rmSync(root, { recursive: true, force: true });
});

function startMember(number: number): Promise<ServerProcess> {
  const peer = (n: number): string => `http://127.0.0.1:${CLIENT_PORT + 10 * n + 1}`;
  return ServerProcess.start({
    command: [
      process.execPath,
      ENTRY,
      `--name=n${number}`,
      `--listen-peer-urls=${peer(number)}`,
      `--initial-advertise-peer-urls=${peer(number)}`,
      `--initial-cluster=${NUMBERS.map((n) => `n${n}=${peer(n)}`).join(',')}`,
    ],
    dataDir: join(root, `n${number}`),
    clientPort: CLIENT_PORT + 10 * number,
  });
}

const clientOf = (number: number): Client => connect({ endpoints: [`127.0.0.1:${CLIENT_PORT + 10 * number}`] });

/** Again and again, until it is so. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition().catch(() => false))) await sleep(50);
}

async function leaderOf(): Promise<number> {
  for (;;) {
    for (const [number, client] of clients.entries()) {
      const status = await client.status().catch(() => undefined);
      if (status !== undefined && status.leader === status.memberId) return number;
    }
    await sleep(50);
  }
}

const at = (number: number): Client => {
  const client = clients[number];
  if (client === undefined) throw new Error(`no member ${number}`);
  return client;
};

test('a lease outlives its leader, and ends on every member at one revision', async () => {
  members = await Promise.all(NUMBERS.map(startMember));
  clients = NUMBERS.map(clientOf);
  const leader = await leaderOf();
  const follower = (leader + 1) % 3;
  const other = (leader + 2) % 3;

  const { id, ttl } = await at(other).leaseGrant(4);
  const alive = at(follower).keepAlive(id);
  expect(await alive.begun).toBe(ttl);
  for (const key of ['a', 'b']) await at(other).put(key, '1', { lease: id });
  await members[leader]?.kill('SIGKILL');

  // Longer than it would live by itself, from the leader's last word on.
  const from = performance.now();
  await until(async () => performance.now() - from > 2000 * ttl && (await at(other).leaseTimeToLive(id)).ttl >= 0);
  expect(alive.signal.aborted).toBe(false);
  expect((await at(other).leaseTimeToLive(id, { keys: true })).keys).toHaveLength(2);

  members[leader] = await startMember(leader);
  await at(leader).put('c', 'stays');
  alive.stop();
  await until(async () => (await at(other).get('', { prefix: true })).count === 1);
  const gone = await Promise.all(
    NUMBERS.map(async (number) => {
      const events: unknown[] = [];
      for await (const { type, kv } of at(number).watch('', { prefix: true, startRevision: 1, filters: ['noPut'] })) {
        if (events.push([type, Buffer.from(kv.key).toString(), kv.modRevision]) === 2) break;
      }
      return events;
    }),
  );
  expect(gone).toEqual(
    NUMBERS.map(() => [
      ['delete', 'a', 5],
      ['delete', 'b', 5],
    ]),
  );
  expect((await at(leader).leaseList()).length).toBe(0);
  expect((await at(follower).leaseTimeToLive(id)).ttl).toBe(-1);
});
