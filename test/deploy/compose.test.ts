/**
 * docker-compose.yml, for real: its image built, its containers killed, cut off and taken down, under a project name and ports of
 * their own. Takes some minutes, so it runs only when it is asked for, `npm run test:compose`, and needs a Docker engine with
 * Compose v2; images come from wherever the engine has them (PROMETHEUS_IMAGE names another Prometheus).
 */

import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { present } from '../../src/base/index.ts';
import { type Client, connect, put, type Watch } from '../../src/client/index.ts';
import { hasCompose } from '../support/tools.ts';
import { alerts, TOP } from './project.ts';

const PROJECT = 'watchraft-test';
const MEMBERS = ['n1', 'n2', 'n3'] as const;
type Member = (typeof MEMBERS)[number];
const CLIENT_PORTS: Readonly<Record<Member, number>> = { n1: 25_541, n2: 25_542, n3: 25_543 };
const PROMETHEUS_PORT = 25_544;

const BUILD_WITHIN_MS = 400_000;
const TEST_WITHIN_MS = 120_000;
const CALL_WITHIN_MS = 2000;
const ASK_EVERY_MS = 100;

const run = promisify(execFile);
const environment = {
  ...process.env,
  N1_PORT: String(CLIENT_PORTS.n1),
  N2_PORT: String(CLIENT_PORTS.n2),
  N3_PORT: String(CLIENT_PORTS.n3),
  PROMETHEUS_PORT: String(PROMETHEUS_PORT),
  WATCHRAFT_IMAGE: 'watchraft:test',
};

/** Resolves with what the command says, rejects with it if it fails. */
async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', args, {
    cwd: TOP,
    env: environment,
    timeout: BUILD_WITHIN_MS,
    maxBuffer: 2 ** 26,
  });
  return stdout.trim();
}

const compose = (...args: readonly string[]): Promise<string> => docker('compose', '-p', PROJECT, ...args);
const up = (...args: readonly string[]): Promise<string> => compose('up', '-d', '--wait', ...args);
/** The container of a service, also one that does not run. */
const containerOf = (service: string): Promise<string> => compose('ps', '-a', '-q', service);

async function inspected(service: string, template: string): Promise<string> {
  return await docker('inspect', '--format', template, await containerOf(service));
}

/** Asks until it holds; whoever calls has a time limit of its own. A refusal is no answer yet. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds().catch(() => false))) await sleep(ASK_EVERY_MS);
}

async function query(expression: string): Promise<readonly number[]> {
  const answer = await fetch(
    `http://127.0.0.1:${PROMETHEUS_PORT}/api/v1/query?query=${encodeURIComponent(expression)}`,
  );
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return data.result.map(({ value }) => Number(value[1]));
}

/** Puts a new key until it is acknowledged; a try that happened without our knowing is not repeated. */
async function putOnce(client: Client, key: string): Promise<void> {
  const isNew = { key, target: 'create', result: '=', to: 0 } as const;
  await until(async () => {
    await client.txn({ compare: [isNew], success: [put(key, key)] }, { deadlineMs: CALL_WITHIN_MS });
    return true;
  });
}

/** The keys that the watch hears of, up to and with `last`. */
async function heard(watch: Watch, last: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const event of watch) {
    const key = Buffer.from(event.kv.key).toString();
    keys.push(key);
    if (key === last) return keys;
  }
  throw new Error(`the watch ended after ${keys.join()}`);
}

/** What is in the store of that very member. */
async function localCount(client: Client, prefix: string): Promise<number> {
  return (await client.get(prefix, { prefix: true, countOnly: true, serializable: true, deadlineMs: CALL_WITHIN_MS }))
    .count;
}

describe.skipIf(!hasCompose())('docker compose', { timeout: TEST_WITHIN_MS }, () => {
  const clients = {
    n1: connect({ endpoints: [`127.0.0.1:${CLIENT_PORTS.n1}`] }),
    n2: connect({ endpoints: [`127.0.0.1:${CLIENT_PORTS.n2}`] }),
    n3: connect({ endpoints: [`127.0.0.1:${CLIENT_PORTS.n3}`] }),
  };

  /** The leader, and the two others. */
  async function roles(): Promise<[leader: Member, follower: Member, other: Member]> {
    for (;;) {
      for (const name of MEMBERS) {
        const status = await clients[name].status({ deadlineMs: CALL_WITHIN_MS }).catch(() => undefined);
        if (status === undefined || status.leader !== status.memberId) continue;
        const [follower, other] = MEMBERS.filter((one) => one !== name);
        return [name, present(follower, 'a follower'), present(other, 'another')];
      }
      await sleep(ASK_EVERY_MS);
    }
  }

  beforeAll(async () => {
    await compose('down', '-v', '--timeout', '2');
    await up('--build');
  }, BUILD_WITHIN_MS);

  afterAll(async () => {
    for (const client of Object.values(clients)) client.close();
    await compose('down', '-v', '--timeout', '2', '--rmi', 'local');
    await docker('image', 'rm', '-f', 'watchraft:test');
  }, TEST_WITHIN_MS);

  test('brings up members that are healthy, and confined', async () => {
    for (const service of [...MEMBERS, 'prometheus']) {
      expect(await inspected(service, '{{.State.Health.Status}} {{.HostConfig.ReadonlyRootfs}}')).toBe('healthy true');
    }
    const tries = `
      const fs = require('node:fs');
      let error;
      try { fs.writeFileSync('/opt/watchraft/file', ''); } catch ({ code }) { error = code; }
      const capabilities = /^CapEff:\\s*(\\w+)$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1];
      console.log(process.getuid(), error, capabilities);`;
    expect(await compose('exec', '-T', 'n1', 'node', '-e', tries)).toBe('1000 EROFS 0000000000000000');
    // Process 1 is the member itself: nothing stands between it and a signal.
    const first =
      "console.log(require('node:fs').readFileSync('/proc/1/cmdline', 'latin1').split('\\0').slice(0, 2).join(' '))";
    expect(await compose('exec', '-T', 'n1', 'node', '-e', first)).toBe('node /opt/watchraft/dist/cli/main.js');
  });

  test('what is written through one member is heard on another, and Prometheus sees it', async () => {
    const watch = clients.n2.watch('first', { prefix: true });
    await watch.created;
    await clients.n1.put('first', 'one');
    expect(await heard(watch, 'first')).toEqual(['first']);
    await until(async () => (await query('sum(etcd_debugging_mvcc_events_total)'))[0] === 1);
    expect(await query('up{job="etcd"}')).toEqual([1, 1, 1]);
    expect(await query('etcd_server_has_leader')).toEqual([1, 1, 1]);
    expect(await query('etcd_debugging_mvcc_slow_watcher_total')).toEqual([0, 0, 0]);
    expect(await query('etcd_debugging_mvcc_pending_events_total')).toEqual([0, 0, 0]);
    expect(await query('sum(etcd_server_is_leader)')).toEqual([1]);
    const rules = await (await fetch(`http://127.0.0.1:${PROMETHEUS_PORT}/api/v1/rules?type=alert`)).json();
    const groups = (rules as { data: { groups: { rules: { name: string; health: string }[] }[] } }).data.groups;
    const loaded = groups.flatMap((group) => group.rules.map(({ name }) => name));
    expect(loaded.sort()).toEqual(
      alerts()
        .map(({ alert }) => alert)
        .sort(),
    );
  });

  test('the leader is killed: a watch on a follower hears the next put; the leader comes back and catches up', async () => {
    const [leader, follower, other] = await roles();
    const watch = clients[follower].watch('kill', { prefix: true });
    await watch.created;
    await putOnce(clients[other], 'kill-before');
    await compose('kill', leader);
    await putOnce(clients[other], 'kill-after');
    expect(await heard(watch, 'kill-after')).toEqual(['kill-before', 'kill-after']);
    await until(async () => (await query('up{job="etcd"} == 0')).length === 1);
    await up();
    await until(async () => (await localCount(clients[leader], 'kill')) === 2);
    await until(async () => (await query('up{job="etcd"} == 1')).length === 3);
  });

  test('a member is cut off from the network: it is not ready; back again, it and its watch catch up', async () => {
    const [leader, follower] = await roles();
    const watch = clients[follower].watch('cut', { prefix: true });
    await watch.created;
    await putOnce(clients[leader], 'cut-0');
    const container = await containerOf(follower);
    const keys = Array.from({ length: 50 }, (_, i) => `cut-${i + 1}`);
    await docker('network', 'disconnect', `${PROJECT}_default`, container);
    try {
      for (const key of keys) await putOnce(clients[leader], key);
      await expect(docker('exec', container, 'node', 'deploy/health.mjs')).rejects.toMatchObject({
        code: 1,
        stdout: expect.stringContaining('linearizable_read failed'),
      });
    } finally {
      await docker('network', 'connect', '--alias', follower, `${PROJECT}_default`, container);
    }
    await until(async () => (await localCount(clients[follower], 'cut')) === 51);
    expect(await heard(watch, 'cut-50')).toEqual(['cut-0', ...keys]);
    await until(async () => (await query('etcd_server_has_leader == 1')).length === 3);
    await until(async () => (await query('etcd_debugging_mvcc_slow_watcher_total == 0')).length === 3);
    await until(async () => (await query('etcd_debugging_mvcc_pending_events_total == 0')).length === 3);
  });

  test('a leader that is told to stop hands over and ends in order', async () => {
    const [leader, follower] = await roles();
    await compose('stop', leader);
    expect(await inspected(leader, '{{.State.ExitCode}} {{.State.OOMKilled}}')).toBe('0 false');
    await putOnce(clients[follower], 'stopped');
    expect(await compose('logs', '--no-log-prefix', leader)).toContain('"msg":"the member has stopped"');
  });

  test('after down and up the data are there', async () => {
    const before = await clients[(await roles())[0]].get('', { fromKey: true });
    await compose('down');
    await up();
    const after = await clients.n3.get('', { fromKey: true });
    expect(after.count).toBe(1 + 2 + 51 + 1);
    expect(after.kvs).toEqual(before.kvs);
  });
});
