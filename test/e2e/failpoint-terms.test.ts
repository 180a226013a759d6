/** What failpoints do to one real member besides crashing it: hold a path up while others go on, and let a step fail. */

import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FailpointClient } from '../../cluster/local/failpoint-client.ts';
import { ServerProcess } from '../../cluster/process/index.ts';
import { type Client, connect } from '../../src/client/index.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';

const ENTRY = resolve(import.meta.dirname, '../../dist/cli/main.js');
const CLIENT_PORT = 25_650;
const PEER_URL = 'http://127.0.0.1:25651';
const ADDRESS = '127.0.0.1:25652';

interface Subject {
  readonly server: ServerProcess;
  readonly client: Client;
  readonly failpoints: FailpointClient;
  readonly again: () => Promise<ServerProcess>;
}

function withMember(use: (subject: Subject) => Promise<void>): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const start = (): Promise<ServerProcess> =>
      ServerProcess.start({
        command: [
          process.execPath,
          ENTRY,
          `--listen-peer-urls=${PEER_URL}`,
          `--initial-advertise-peer-urls=${PEER_URL}`,
          `--initial-cluster=default=${PEER_URL}`,
        ],
        dataDir: join(directory, 'data'),
        clientPort: CLIENT_PORT,
        env: { GOFAIL_HTTP: ADDRESS },
      });
    let server = await start();
    const client = connect({ endpoints: [server.endpoint] });
    const again = async (): Promise<ServerProcess> => {
      server = await start();
      return server;
    };
    try {
      await use({ server, client, failpoints: new FailpointClient(ADDRESS), again });
    } finally {
      client.close();
      await server.kill('SIGKILL');
    }
  });
}

async function metric(server: ServerProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://${server.endpoint}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}

test.each(['walBeforeSync', 'beforeApplyOneEntryNormal'])('a write that %s holds up holds up no read', (name) =>
  withMember(async ({ client, failpoints }) => {
    await client.put('k', 'before');
    await failpoints.arm(name, '1*sleep("3s")');
    const order: string[] = [];
    const writing = client.put('k', 'after').then(() => order.push('written'));
    await until(async () => (await failpoints.count(name)) === 1);
    const { kvs } = await client.get('k', { serializable: true });
    order.push(`read ${Buffer.from(kvs[0]?.value ?? []).toString()}`);
    await writing;
    expect(order).toEqual(['read before', 'written']);
    const after = await client.get('k');
    expect(Buffer.from(after.kvs[0]?.value ?? []).toString()).toBe('after');
  }),
);

test('a sync that fails stops the member; what was acknowledged is there when it starts again', () =>
  withMember(async ({ server, client, failpoints, again }) => {
    await client.put('k', 'acknowledged');
    await failpoints.arm('walBeforeSync', 'return("the disk is gone")');
    await expect(client.put('k', 'lost', { deadlineMs: 10_000 })).rejects.toThrow();
    expect(await server.kill('SIGCONT')).toEqual({ code: 1, signal: null });
    expect(server.output).toContain('failpoint walBeforeSync: the disk is gone');
    await again();
    const { kvs } = await client.get('k');
    // It was written, and only its sync failed: it may have been kept as well.
    expect(['acknowledged', 'lost']).toContain(Buffer.from(kvs[0]?.value ?? []).toString());
  }));

test('watchers that are sent nothing are slow, and nothing is lost to them when they are sent again', () =>
  withMember(async ({ server, client, failpoints }) => {
    const watch = client.watch('k', { prefix: true });
    await watch.created;
    await failpoints.arm('beforeSendWatchResponse', 'sleep(1000)');
    const keys = Array.from({ length: 300 }, (_, i) => `k${String(i).padStart(3, '0')}`);
    for (const key of keys) await client.put(key, '');
    await until(async () => (await metric(server, 'etcd_debugging_mvcc_slow_watcher_total')) === 1);
    expect(await metric(server, 'etcd_debugging_mvcc_pending_events_total')).toBeGreaterThan(0);
    await failpoints.disarm('beforeSendWatchResponse');
    const heard: string[] = [];
    for await (const event of watch) {
      heard.push(Buffer.from(event.kv.key).toString());
      if (heard.length === keys.length) break;
    }
    expect(heard).toEqual(keys);
    await until(async () => (await metric(server, 'etcd_debugging_mvcc_slow_watcher_total')) === 0);
    await until(async () => (await metric(server, 'etcd_debugging_mvcc_pending_events_total')) === 0);
  }));
