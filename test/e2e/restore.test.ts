/**
 * After the worst: a new cluster from a saved snapshot, with `etcdctl snapshot save` at one end and three new members at the other; and one member that
 * goes on alone with what it has.
 */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalCluster } from '../../cluster/local/index.ts';
import { commandOf, ServerProcess } from '../../cluster/process/index.ts';
import { present } from '../../src/base/index.ts';
import { type Client, connect } from '../../src/client/index.ts';
import { runProgram, type Said } from '../support/run-program.ts';
import { hasEtcd, running, watchraft } from '../support/servers.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';

const FIRST_PORT = 25_740;
const SOURCE_PORT = 25_760;
const WITHIN_MS = 30_000;
const KEYS = 40;
const FLAGS = ['--heartbeat-interval=50', '--election-timeout=500'];

const directory = await makeTemporaryDirectory();
const file = join(directory, 'saved.db');
const [program, ...entry] = commandOf(undefined);

beforeAll(async () => {
  if (!hasEtcd()) return;
  await using source = await running(watchraft, SOURCE_PORT);
  const { endpoint } = source.server;
  await using client = connect({ endpoints: [endpoint] });
  for (let i = 0; i < KEYS; i++) await client.put(`key-${i % 20}`, `value-${i}`);
  await client.del('key-7');
  const saved = await runProgram('etcdctl', ['snapshot', 'save', file], {
    env: { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: endpoint },
  });
  expect(saved.code).toBe(0);
});

afterAll(() => removeDirectory(directory));

const run = (...args: readonly string[]): Promise<Said> => runProgram(program, [...entry, 'snapshot', ...args]);

const urlOf = (number: number): string => `http://127.0.0.1:${FIRST_PORT + 2 * number - 1}`;
const initialCluster = [1, 2, 3].map((number) => `n${number}=${urlOf(number)}`).join(',');

const restore = (root: string, number: number, ...more: readonly string[]): Promise<Said> =>
  run(
    'restore',
    file,
    `--data-dir=${join(root, `n${number}`)}`,
    `--name=n${number}`,
    '--initial-cluster',
    initialCluster,
    `--initial-advertise-peer-urls=${urlOf(number)}`,
    '--initial-cluster-token=restored',
    ...more,
  );

async function withRestored(
  name: string,
  more: readonly string[],
  work: (client: Client, cluster: LocalCluster) => Promise<void>,
): Promise<void> {
  const root = join(directory, name);
  await mkdir(root);
  for (const number of [1, 2, 3]) {
    const { code, stderr } = await restore(root, number, ...more);
    expect(stderr).toContain('restored snapshot');
    expect(code).toBe(0);
  }
  const options = { command: commandOf(undefined), flags: FLAGS, directory: root, size: 3, firstPort: FIRST_PORT };
  const cluster = await LocalCluster.start(options);
  try {
    await cluster.untilReady(WITHIN_MS);
    await using client = connect({ endpoints: cluster.endpoints });
    await work(client, cluster);
  } finally {
    await cluster.down();
  }
}

test.skipIf(!hasEtcd())('what a saved snapshot holds is told as etcdutl tells it', async () => {
  const simple = await run('status', file);
  expect(simple.stdout).toMatch(/^[0-9a-f]+, 42, 41, \d+(\.\d)? kB, 3\.7\.\d+\n$/);
  const json = JSON.parse((await run('status', file, '-w', 'json')).stdout) as Record<string, unknown>;
  expect(json).toMatchObject({ revision: 42, totalKey: 41 });
  expect((await run('status', file, '--write-out=table')).stdout).toContain('|   HASH   | REVISION | TOTAL KEYS |');
});

test.skipIf(!hasEtcd())('three members restored from one file are a cluster with its data, and take a fourth', () =>
  withRestored('plain', [], async (client, cluster) => {
    const { kvs, revision } = await client.get('key-', { prefix: true });
    expect(kvs).toHaveLength(19);
    expect(revision).toBe(42);
    expect((await client.get('key-3', { revision: 10 })).kvs).toHaveLength(1);
    await client.put('key-7', 'again');
    // One that begins with nothing is sent a snapshot: no log reaches back to before the restored one.
    const added = await cluster.add({ isLearner: true });
    const place = present(
      cluster.members.find(({ name }) => name === added),
      'the new one',
    ).place;
    await using late = connect({ endpoints: [`127.0.0.1:${place.clientPort}`] });
    let found = 0;
    while (found < 20) found = (await late.get('key-', { prefix: true, serializable: true })).kvs.length;
  }),
);

test.skipIf(!hasEtcd())(
  'with the revision bumped, watches from before it are canceled, and no revision is used twice',
  () =>
    withRestored('bumped', ['--bump-revision=1000', '--mark-compacted'], async (client) => {
      const { kvs, revision } = await client.get('key-', { prefix: true });
      expect(kvs).toHaveLength(19);
      expect(revision).toBe(1042);
      await expect(client.get('key-3', { revision: 41 })).rejects.toThrow('required revision has been compacted');
      const watch = client.watch('key-', { prefix: true, startRevision: 40 });
      await expect(watch[Symbol.asyncIterator]().next()).rejects.toThrow('compacted');
      expect((await client.put('key-3', 'later')).revision).toBe(1043);
    }),
);

test.skipIf(!hasEtcd())(
  'a file that is damaged or none, a directory in use and a line without meaning are refused',
  async () => {
    const bytes = await readFile(file);
    const damaged = join(directory, 'damaged.db');
    await writeFile(damaged, bytes.fill(0x5a, 1000, 1010));
    const said = await run('restore', damaged, `--data-dir=${join(directory, 'd')}`);
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('expected sha256');
    const anyway = await run('restore', damaged, '--skip-hash-check', `--data-dir=${join(directory, 'e')}`);
    expect(anyway.code).toBe(1);
    expect(anyway.stderr).toContain('the snapshot is damaged');
    const short = join(directory, 'short.db');
    await writeFile(short, bytes.subarray(0, bytes.length - 32));
    expect((await run('restore', short, `--data-dir=${join(directory, 'f')}`)).stderr).toContain(
      'snapshot missing hash',
    );
    expect((await run('restore', file, `--data-dir=${directory}`)).stderr).toContain('not empty or could not be read');
    expect((await run('status')).code).toBe(128);
    expect((await run('restore', file, '--bump-revision=5')).stderr).toContain('go together');
    expect((await run('status', join(directory, 'none'))).stderr).toContain('no such file');
  },
);

test('a member whose cluster is lost goes on alone with --force-new-cluster, and others may join it', async () => {
  const root = join(directory, 'lost');
  const options = { command: commandOf(undefined), flags: FLAGS, directory: root, size: 3, firstPort: FIRST_PORT + 30 };
  const cluster = await LocalCluster.start(options);
  try {
    await cluster.untilReady(WITHIN_MS);
    await using client = connect({ endpoints: cluster.endpoints });
    for (let i = 0; i < KEYS; i++) await client.put(`key-${i}`, 'before');
    await Promise.all(cluster.members.map(({ name }) => cluster.kill(name)));
    const survivor = present(cluster.members[1], 'n2');
    const url = `http://127.0.0.1:${survivor.place.clientPort}`;
    const peer = `http://${survivor.place.peerListen.host}:${survivor.place.peerPort}`;
    const flags = [
      '--name=n2',
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=n2=${peer}`,
    ];
    const start = (...more: string[]): Promise<ServerProcess> =>
      ServerProcess.start({
        command: [program, ...entry, ...flags, ...FLAGS, ...more],
        dataDir: survivor.dataDir,
        clientPort: survivor.place.clientPort,
      });
    await rm(join(root, 'n1'), { recursive: true });
    const forced = await start('--force-new-cluster');
    await using alone = connect({ endpoints: [url.slice(7)] });
    expect((await alone.memberList()).members.map(({ name }) => name)).toEqual(['n2']);
    expect((await alone.get('key-', { prefix: true })).count).toBe(KEYS);
    await alone.put('after', 'alone');
    await forced.kill('SIGKILL');
    // From then on it is an ordinary cluster of one.
    const again = await start();
    expect((await alone.get('after')).count).toBe(1);
    await again.kill('SIGKILL');
  } finally {
    await cluster.down();
  }
});
