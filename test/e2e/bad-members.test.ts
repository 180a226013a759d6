/**
 * Members that are set up wrongly, have lost what they had, or are none any more. Each is told what is wrong, or mends itself; the others go on
 * under the same leader.
 */

import { once } from 'node:events';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalCluster, type Member } from '../../cluster/local/index.ts';
import { commandOf } from '../../cluster/process/index.ts';
import { present } from '../../src/base/index.ts';
import { type Client, connect } from '../../src/client/index.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';

const FIRST_PORT = 25_720;
const WITHIN_MS = 30_000;
/** The log is trimmed soon: without its store a member cannot go on alone. */
const FLAGS = [
  '--heartbeat-interval=100',
  '--election-timeout=3000',
  '--snapshot-count=50',
  '--snapshot-catchup-entries=5',
];
const KEYS = 150;

const directory = await makeTemporaryDirectory();
let cluster: LocalCluster;
let client: Client;
/** Who leads from the beginning to the end. */
let leader = '';
let term = 0;
/** Members that do not lead. */
let followers: readonly Member[] = [];

beforeAll(async () => {
  const options = { command: commandOf(undefined), flags: FLAGS, directory, size: 3, firstPort: FIRST_PORT };
  cluster = await LocalCluster.start(options);
  const view = await cluster.untilReady(WITHIN_MS);
  [leader, term] = [view.leader ?? '', view.term];
  followers = cluster.members.filter(({ name }) => name !== leader);
  // To the leader, which is not killed.
  client = connect({ endpoints: cluster.endpoints.filter((_, i) => cluster.members[i]?.name === leader) });
  for (let i = 0; i < KEYS; i++) await client.put(`key-${i}`, `value-${i}`);
});

afterAll(async () => {
  client.close();
  await cluster.down();
  await removeDirectory(directory);
});

const followerNumber = (number: number): Member => present(followers[number], 'a follower');

async function undisturbed(): Promise<void> {
  const view = await cluster.look();
  expect([view.leader, view.term]).toEqual([leader, term]);
  await client.put('still', 'here');
}

/** Of the middle of a file. */
const DAMAGE_BYTES = 200;

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = Date.now() + WITHIN_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (Date.now() > giveUpAt) throw new Error('it has not come to this');
    await sleep(50);
  }
}

/** Resolves when the member's log has this. */
const logged = (member: Member, text: string): Promise<true> =>
  until(async () => ((await readFile(member.logFile, 'utf8')).includes(text) ? true : undefined));

/** Resolves when all members hold the same. */
const allEqual = (): Promise<true> =>
  until(async () => {
    const hashes = await Promise.all(
      cluster.endpoints.map(async (endpoint) => {
        await using asked = connect({ endpoints: [endpoint] });
        return (await asked.hashKv()).hash;
      }),
    );
    return new Set(hashes).size === 1 ? true : undefined;
  });

test('a member whose store is damaged or missing takes the state of another one', async () => {
  const follower = followerNumber(0);
  const storeOf = async (): Promise<string> => {
    const names = await readdir(join(follower.dataDir, 'member'));
    return join(
      follower.dataDir,
      'member',
      present(
        names.find((name) => /^db(-\d+)?$/.test(name)),
        'a store',
      ),
    );
  };
  const store = await storeOf();
  /** Its files with pairs in them. */
  const files = async (): Promise<{ readonly path: string; readonly bytes: Buffer }[]> => {
    const paths = (await readdir(store)).filter((name) => /\.(log|ldb)$/.test(name)).map((name) => join(store, name));
    return await Promise.all(paths.map(async (path) => ({ path, bytes: await readFile(path) })));
  };
  await client.put('much', 'x'.repeat(10 * DAMAGE_BYTES));
  // The store hears of it a moment after the log.
  await until(async () => ((await files()).some(({ bytes }) => bytes.length > 10 * DAMAGE_BYTES) ? true : undefined));
  await cluster.kill(follower.name);
  for (const { path, bytes } of await files()) {
    const from = bytes.length >> 1;
    if (bytes.length > 10 * DAMAGE_BYTES) await writeFile(path, bytes.fill(0x5a, from, from + DAMAGE_BYTES));
  }
  await client.put('while it is away', '');
  await cluster.start(follower.name);
  await logged(follower, 'rebuilt the store from another member');
  await allEqual();

  await cluster.kill(follower.name);
  await rm(await storeOf(), { recursive: true });
  await rm(follower.logFile);
  await cluster.start(follower.name);
  await logged(follower, 'rebuilt the store from another member');
  await allEqual();
  await undisturbed();

  // It counts again: with it and without another one there is a majority.
  const other = followerNumber(1);
  await cluster.kill(other.name);
  await client.put('with its vote', '');
  await cluster.start(other.name);
  await cluster.untilReady(WITHIN_MS);
});

test('what speaks no language of ours on the peer port is shown the door', async () => {
  const follower = followerNumber(0);
  const { host, port } = follower.place.peerListen;
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  for (const said of ['\0\0\0\0 nonsense', 'GET /raft HTTP/1.1\r\nHost: a\r\n\r\n', `${preface}${'\xff'.repeat(64)}`]) {
    const socket = connectSocket({ host, port });
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.end(said, 'latin1');
    await once(socket, 'close');
  }
  await undisturbed();
});

test('a member with another --initial-cluster is refused by all, and told why', async () => {
  const follower = followerNumber(0);
  const n1 = `http://127.0.0.1:${FIRST_PORT + 1}`;
  const own = `http://127.0.0.1:${FIRST_PORT + 9}`;
  const clients = `http://127.0.0.1:${FIRST_PORT + 8}`;
  const flags = [
    '--name=stranger',
    `--data-dir=${join(directory, 'stranger')}`,
    `--listen-peer-urls=${own}`,
    `--initial-advertise-peer-urls=${own}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--initial-cluster=stranger=${own},n1=${n1}`,
  ];
  const [program, ...first] = commandOf(undefined);
  const isTold = (text: string): boolean => text.includes('a peer refuses to talk to this member');
  const { stdout } = await runProgram(program, [...first, ...flags, '--log-outputs=stdout'], { until: isTold });
  expect(stdout).toMatch(/cluster ID mismatch: this is a member of cluster [0-9a-f]+, not of [0-9a-f]+/);
  await undisturbed();
  const without = flags.map((flag) => (flag.startsWith('--initial-cluster=') ? `--initial-cluster=n1=${n1}` : flag));
  const refused = await runProgram(program, [...first, ...without, `--data-dir=${join(directory, 'other')}`]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('couldn\'t find local name \\"stranger\\" in the initial cluster configuration');

  // With the data of another member.
  await cluster.kill(follower.name);
  await cp(follower.dataDir, join(directory, 'copy'), { recursive: true });
  await cluster.start(follower.name);
  const name = present(
    cluster.members.find((member) => member !== follower),
    'another',
  ).name;
  const taken = flags.map((flag) => (flag.startsWith('--name=') ? `--name=${name}` : flag));
  const wrong = await runProgram(program, [...first, ...taken, `--data-dir=${join(directory, 'copy')}`]);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain(`the data directory is that of member ${follower.name}`);
  await undisturbed();
});

test('a member that was removed ends, says so, and does not start again', async () => {
  const follower = followerNumber(1);
  const { members } = await client.memberList();
  const { id } = present(
    members.find(({ name }) => name === follower.name),
    'the follower',
  );
  // Until all that were started again are connected, nobody may be removed.
  await until(() =>
    client.memberRemove(id).then(
      () => true,
      (error: unknown) => (String(error).includes('unhealthy cluster') ? undefined : Promise.reject(error as Error)),
    ),
  );
  await until(() => Promise.resolve(follower.state === 'down' ? true : undefined));
  const gone = 'has been permanently removed from the cluster';
  expect(await readFile(follower.logFile, 'utf8')).toContain(gone);
  await rm(follower.logFile);
  await cluster.start(follower.name);
  await until(() => Promise.resolve(follower.state === 'down' ? true : undefined));
  expect(await readFile(follower.logFile, 'utf8')).toContain(gone);
  await undisturbed();
});
