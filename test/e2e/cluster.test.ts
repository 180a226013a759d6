/**
 * Three members as real processes: one is killed while it leads; one is cut off until only a snapshot can help it. Nothing acknowledged is lost,
 * and a watch that is open meanwhile hears everything once, in order.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { ServerProcess } from '../../cluster/process/index.ts';
import { present } from '../../src/base/index.ts';
import { type Client, connect, type Watch } from '../../src/client/index.ts';
import { runProgram } from '../support/run-program.ts';
import { hasTools } from '../support/tools.ts';

const ENTRY = resolve(import.meta.dirname, '../../dist/cli/main.js');
const CLIENT_PORT = 25_200;

class Cluster implements AsyncDisposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'watchraft-cluster-'));
  readonly members: ServerProcess[] = [];
  readonly clients: Client[] = [];
  readonly #flags: readonly string[];

  constructor(flags: readonly string[] = []) {
    this.#flags = flags;
  }

  async start(): Promise<void> {
    await Promise.all([0, 1, 2].map((number) => this.startMember(number)));
  }

  async startMember(number: number): Promise<void> {
    const peer = (n: number): string => `http://127.0.0.1:${CLIENT_PORT + 10 * n + 1}`;
    const url = peer(number);
    const cluster = [0, 1, 2].map((n) => `n${n}=${peer(n)}`).join(',');
    const clientPort = CLIENT_PORT + 10 * number;
    this.members[number] = await ServerProcess.start({
      command: [
        process.execPath,
        ENTRY,
        `--name=n${number}`,
        `--listen-peer-urls=${url}`,
        `--initial-advertise-peer-urls=${url}`,
        `--initial-cluster=${cluster}`,
        ...this.#flags,
      ],
      dataDir: join(this.#root, `n${number}`),
      clientPort,
    });
    this.clients[number] = connect({ endpoints: [`127.0.0.1:${clientPort}`] });
  }

  client(number: number): Client {
    const client = this.clients[number];
    if (client === undefined) throw new Error(`member ${number} was not started`);
    return client;
  }

  member(number: number): ServerProcess {
    const member = this.members[number];
    if (member === undefined) throw new Error(`member ${number} was not started`);
    return member;
  }

  async leader(): Promise<number> {
    for (;;) {
      for (const [number, client] of this.clients.entries()) {
        const status = await client.status().catch(() => undefined);
        if (status !== undefined && status.leader === status.memberId) return number;
      }
      await sleep(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.close();
    for (const member of this.members) if (member.running) process.kill(member.pid, 'SIGCONT');
    await Promise.all(this.members.map((member) => member.kill('SIGKILL')));
    rmSync(this.#root, { recursive: true, force: true });
  }
}

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
});

/** Puts until it is acknowledged: a definite refusal may be tried again, and an indefinite one of a key of its own too. */
async function put(client: Client, key: string): Promise<void> {
  for (;;) {
    try {
      await client.put(key, key);
      return;
    } catch {
      await sleep(20);
    }
  }
}

/** Reads a watch until it has `last`. */
async function heard(watch: Watch, last: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const event of watch) {
    const key = Buffer.from(event.kv.key).toString();
    keys.push(key);
    if (key === last) return keys;
  }
  throw new Error('the watch ended');
}

test('the leader is killed: another takes over, and a watch on a follower hears the next put', async () => {
  cluster = new Cluster();
  await cluster.start();
  const leader = await cluster.leader();
  const follower = (leader + 1) % 3;
  const other = (leader + 2) % 3;
  const watch = cluster.client(follower).watch('k', { prefix: true });
  await watch.created;
  await put(cluster.client(other), 'k-before');
  await cluster.member(leader).kill('SIGKILL');
  await put(cluster.client(other), 'k-after');
  expect(await heard(watch, 'k-after')).toEqual(['k-before', 'k-after']);
  await cluster.startMember(leader);
  expect((await cluster.client(leader).get('k', { prefix: true })).count).toBe(2);
});

test('a member cut off until the log is trimmed is brought back by a snapshot, and its watchers miss nothing', async () => {
  cluster = new Cluster(['--snapshot-count=50', '--snapshot-catchup-entries=5']);
  await cluster.start();
  const leader = await cluster.leader();
  const follower = (leader + 1) % 3;
  const watch = cluster.client(follower).watch('k', { prefix: true });
  await watch.created;
  await put(cluster.client(leader), 'k-first');
  process.kill(cluster.member(follower).pid, 'SIGSTOP');
  // One after the other, each a message of its own: more of them than the leader sends without an answer.
  const keys = Array.from({ length: 800 }, (_, i) => `k-${String(i).padStart(4, '0')}`);
  for (const key of keys) await put(cluster.client(leader), key);
  await put(cluster.client(leader), 'k-last');
  process.kill(cluster.member(follower).pid, 'SIGCONT');
  const events = await heard(watch, 'k-last');
  expect(events).toEqual(['k-first', ...keys, 'k-last']);
  expect(cluster.member(follower).output).toContain('applied snapshot');
  const metricsOf = async (number: number): Promise<string> =>
    (await fetch(`http://${present(cluster, 'a cluster').member(number).endpoint}/metrics`)).text();
  // Watchers hear of it a moment before the log begins anew behind it.
  while (!/^etcd_server_snapshot_apply_in_progress_total 0$/m.test(await metricsOf(follower))) await sleep(20);
  const metrics = await metricsOf(follower);
  expect(metrics).toMatch(/^etcd_snap_db_save_total_duration_seconds_count 1$/m);
  expect(await metricsOf(leader)).toMatch(/^etcd_disk_backend_snapshot_duration_seconds_count [1-9]/m);
  expect(metrics).toMatch(/^etcd_debugging_mvcc_slow_watcher_total 0$/m);
  expect(metrics).toMatch(/^etcd_debugging_mvcc_pending_events_total 0$/m);
});

test.skipIf(!hasTools('etcdctl'))('a watch that wants a leader ends when the other members are gone', async () => {
  cluster = new Cluster();
  await cluster.start();
  const { endpoint } = cluster.member(0);
  const metrics = async (): Promise<string> => (await fetch(`http://${endpoint}/metrics`)).text();
  // etcdctl asks for a leader behind each of its watches.
  const watch = runProgram('etcdctl', [`--endpoints=${endpoint}`, 'watch', 'k'], { env: { ETCDCTL_API: '3' } });
  while (!/^etcd_debugging_mvcc_watcher_total 1$/m.test(await metrics())) await sleep(20);
  for (const number of [1, 2]) await cluster.member(number).kill('SIGKILL');
  expect((await watch).stderr).toContain('watch was canceled (etcdserver: no leader)');
  expect(await metrics()).toMatch(/^etcd_debugging_mvcc_watcher_total 0$/m);
});
