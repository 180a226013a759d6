/**
 * Auth as users of real processes find it. Three members: what is turned on, granted or revoked through one holds on all, also on those that start again or
 * get a snapshot, and nowhere in what they log is there a key, a value, a password or a token. One member: tokens that outlive it, and certificates as users.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Authority } from '../../cluster/certificates/index.ts';
import { LocalCluster } from '../../cluster/local/index.ts';
import { commandOf, ServerProcess } from '../../cluster/process/index.ts';
import { present } from '../../src/base/index.ts';
import { type Client, ClientError, type ClientTls, type Credentials, connect } from '../../src/client/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';

const FIRST_PORT = 25_800;
const SINGLE_PORT = 25_820;
const WITHIN_MS = 60_000;
/** The least that there is. */
const CHEAP_HASHES = '--bcrypt-cost=4';

const ROOT: Credentials = { name: 'root', password: 'the-password-of-root' };
const ALICE: Credentials = { name: 'alice', password: 'the-password-of-alice' };
const WRONG: Credentials = { name: 'alice', password: 'a-wrong-password' };

let directory = '';
let ends: (() => Promise<unknown> | undefined)[] = [];

beforeEach(async () => {
  directory = await makeTemporaryDirectory();
});

afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  ends = [];
  await removeDirectory(directory);
});

interface Asking {
  readonly credentials?: Credentials;
  readonly tls?: ClientTls;
}

function clientAt(endpoint: string, asking: Asking = {}): Client {
  const client = connect({ endpoints: [endpoint], ...asking });
  ends.push(() => client[Symbol.asyncDispose]());
  return client;
}

/** The code of the refusal; 'done' if there is none. */
async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof ClientError) return error.code ?? error.message;
    throw error;
  }
}

async function tokenFrom(client: Client, credentials: Credentials): Promise<string> {
  const request = pb.AuthenticateRequest.encode({ ...credentials }).finish();
  return pb.AuthenticateResponse.decode(await client.raw('/etcdserverpb.Auth/Authenticate', request)).token;
}

/** Root, and alice who may read and write below `shown/`. */
async function enable(client: Client): Promise<void> {
  const { auth } = client;
  await auth.userAdd(ROOT.name, ROOT.password);
  await auth.userGrantRole('root', 'root');
  await auth.userAdd(ALICE.name, ALICE.password);
  await auth.roleAdd('shower');
  await auth.roleGrantPermission('shower', 'readwrite', 'shown/', { prefix: true });
  await auth.userGrantRole('alice', 'shower');
  await auth.enable();
}

async function startCluster(): Promise<LocalCluster> {
  const cluster = await LocalCluster.start({
    command: commandOf(undefined),
    flags: [CHEAP_HASHES, '--log-level=debug', '--snapshot-count=50', '--snapshot-catchup-entries=5'],
    directory,
    size: 3,
    firstPort: FIRST_PORT,
  });
  ends.push(() => cluster.down());
  await cluster.untilReady(WITHIN_MS);
  return cluster;
}

/** Nobody may anything, alice what she was granted, and a wrong password is one. */
async function expectInForce(endpoints: readonly string[]): Promise<void> {
  for (const endpoint of endpoints) {
    expect(await refusal(clientAt(endpoint).get('given/a'))).toBe('userEmpty');
    expect(await refusal(clientAt(endpoint, { credentials: WRONG }).get('given/a'))).toBe('authFailed');
    const alice = clientAt(endpoint, { credentials: ALICE });
    expect((await alice.get('given/a')).count).toBe(1);
    expect(await refusal(alice.put('given/a', 'x'))).toBe('permissionDenied');
    expect(await refusal(alice.get('shown/a'))).toBe('permissionDenied');
  }
}

test('what holds on one of three members holds on all of them, and none of it is told in their logs', async () => {
  const cluster = await startCluster();
  const { leader } = await cluster.untilReady(WITHIN_MS);
  const followers = cluster.members.filter(({ name }) => name !== leader);
  const [one, two] = [present(followers[0], 'a follower'), present(followers[1], 'another')];
  const endpointOf = (name: string): string => `127.0.0.1:${cluster.member(name).place.clientPort}`;
  const [atLeader, atOne, atTwo] = [present(leader, 'the leader'), one.name, two.name].map(endpointOf) as [
    string,
    string,
    string,
  ];
  await enable(clientAt(atOne));

  // Turned on through one, in force on the others at once.
  expect(await refusal(clientAt(atTwo).get('shown/a'))).toBe('userEmpty');
  expect(await refusal(clientAt(atLeader).put('shown/a', 'x'))).toBe('userEmpty');
  const alice = clientAt(atTwo, { credentials: ALICE });
  await alice.put('shown/a', 'a-value-of-alice');
  expect(await refusal(alice.get('hidden-key'))).toBe('permissionDenied');

  // A token that one gave is known to the others.
  const token = await tokenFrom(clientAt(atOne), ALICE);
  for (const endpoint of cluster.endpoints) {
    expect((await clientAt(endpoint).get('shown/a', { token })).count).toBe(1);
    expect(await refusal(clientAt(endpoint).get('shown/a', { token: `${token}0` }))).toBe('invalidAuthToken');
  }

  // Revoked through one: a watch on another ends, and hears nothing of what is put then.
  const watch = alice.watch('shown/', { prefix: true });
  const heard: string[] = [];
  const listening = (async () => {
    for await (const { kv } of watch) heard.push(kv.value.toString());
  })();
  const ended = expect(listening).rejects.toThrow('permission denied');
  await watch.created;
  const root = clientAt(atOne, { credentials: ROOT });
  await root.auth.roleRevokePermission('shower', 'shown/', { prefix: true });
  await root.put('shown/a', 'a-value-of-root');
  await ended;
  expect(heard).toEqual([]);

  // Granted while one is away, which then gets a snapshot.
  await two.kill();
  await root.put('given/a', 'a-given-value');
  await root.auth.roleGrantPermission('shower', 'read', 'given/', { prefix: true });
  for (let i = 0; i < 100; i++) await root.put('given/b', `value-${i}`);
  await cluster.start(two.name);
  await cluster.untilReady(WITHIN_MS);
  await expectInForce([atTwo]);
  expect((await readFile(two.logFile, 'utf8')).match(/"applied snapshot"/g)).toHaveLength(1);

  await Promise.all(cluster.members.map((member) => member.kill()));
  for (const { name } of cluster.members) await cluster.start(name);
  await cluster.untilReady(WITHIN_MS);
  await expectInForce(cluster.endpoints);

  await cluster.down();
  const logs = await Promise.all(cluster.members.map(({ logFile }) => readFile(logFile, 'utf8')));
  expectUntold(logs, [token, present(token.split('.')[0], 'its letters'), ROOT.password, ALICE.password]);
}, 180_000);

/** Not as they are, not in base64, not in hexadecimal. */
function expectUntold(logs: readonly string[], tokens: readonly string[]): void {
  const keys = ['shown/', 'given/', 'hidden-key'];
  const values = ['a-value-of-alice', 'a-value-of-root', 'a-given-value', 'value-99'];
  // The last are how hashes and signed tokens begin.
  for (const secret of [...tokens, ...keys, ...values, WRONG.password, '$2a$', '$2b$', 'eyJ']) {
    const bytes = Buffer.from(secret);
    // Without the characters that what follows has a part in.
    const base64 = bytes.toString('base64').slice(0, Math.floor((bytes.length * 4) / 3));
    for (const form of [secret, base64, bytes.toString('hex')]) {
      for (const log of logs) expect(log).not.toContain(form);
    }
  }
  for (const log of logs) expect(log).toContain('"msg":"the member has stopped"');
}

function startSingle(flags: readonly string[], tls?: ClientTls): Promise<ServerProcess> {
  const peer = `http://127.0.0.1:${SINGLE_PORT + 1}`;
  return ServerProcess.start({
    command: [
      ...commandOf(undefined),
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      CHEAP_HASHES,
      ...flags,
    ],
    dataDir: join(directory, 'single'),
    clientPort: SINGLE_PORT,
    ...(tls === undefined ? {} : { tls }),
  }).then((server) => {
    ends.push(() => server.kill('SIGKILL'));
    return server;
  });
}

test('a signed token outlives the process that gave it, and ends when users change; a simple one ends with it', async () => {
  const secret = join(directory, 'jwt.secret');
  await writeFile(secret, 'a secret that every member has');
  const signed = `--auth-token=jwt,sign-method=HS256,priv-key=${secret},ttl=10m`;
  const first = await startSingle([signed]);
  const nobody = clientAt(first.endpoint);
  await enable(nobody);
  const token = await tokenFrom(nobody, ALICE);
  await nobody.put('shown/a', 'x', { token });
  await first.kill();

  const second = await startSingle([signed]);
  expect((await nobody.get('shown/a', { token })).count).toBe(1);
  await clientAt(second.endpoint, { credentials: ROOT }).auth.roleAdd('another');
  expect(await refusal(nobody.get('shown/a', { token }))).toBe('oldAuthRevision');
  await second.kill();

  const third = await startSingle([]);
  const simple = await tokenFrom(nobody, ALICE);
  expect((await nobody.get('shown/a', { token: simple })).count).toBe(1);
  expect(await refusal(nobody.get('shown/a', { token }))).toBe('invalidAuthToken');
  await third.kill();
}, 60_000);

test('who shows a certificate is the user of its common name, unless he brings a token', async () => {
  const authority = await Authority.make('a CA');
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(directory, name), text);
    return join(directory, name);
  };
  const shown = async (commonName: string): Promise<ClientTls> => ({
    ca: authority.cert,
    ...(await authority.issue({ commonName })),
  });
  const server = await authority.issue({ commonName: 'server', hosts: ['127.0.0.1'] });
  const flags = [
    `--cert-file=${await write('cert.pem', server.cert)}`,
    `--key-file=${await write('key.pem', server.key)}`,
    `--trusted-ca-file=${await write('ca.pem', authority.cert)}`,
    '--client-cert-auth',
  ];
  const tls = await shown('root');
  const { endpoint } = await startSingle(flags, tls);
  const root = clientAt(endpoint, { tls });
  await enable(root);
  await root.put('hidden', 'x');

  const alice = clientAt(endpoint, { tls: await shown('alice') });
  await alice.put('shown/a', 'x');
  expect(await refusal(alice.put('hidden', 'y'))).toBe('permissionDenied');
  expect(await refusal(alice.auth.users())).toBe('permissionDenied');
  const stranger = clientAt(endpoint, { tls: await shown('stranger') });
  expect(await refusal(stranger.get('shown/a'))).toBe('permissionDenied');
  expect(await refusal(stranger.memberList())).toBe('userNotFound');

  // The token counts for more than the certificate, in both directions.
  const rootAsAlice = clientAt(endpoint, { tls, credentials: ALICE });
  expect(await refusal(rootAsAlice.put('hidden', 'y'))).toBe('permissionDenied');
  await clientAt(endpoint, { tls: await shown('stranger'), credentials: ROOT }).put('hidden', 'y');
  expect(await refusal(root.get('hidden', { token: 'no token' }))).toBe('invalidAuthToken');

  const watch = alice.watch('shown/', { prefix: true });
  const ended = expect(watch[Symbol.asyncIterator]().next()).rejects.toThrow('permission denied');
  await watch.created;
  await root.auth.userRevokeRole('alice', 'shower');
  await ended;
}, 60_000);
