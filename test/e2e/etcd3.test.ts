/** The client of most programs in Node, `etcd3` from npm, unchanged, on three members: each thing through another one of them. */

import { once } from 'node:events';
import { Etcd3, EtcdLockFailedError } from 'etcd3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalCluster } from '../../cluster/local/index.ts';
import { commandOf } from '../../cluster/process/index.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';

const FIRST_PORT = 25_860;
const READY_WITHIN_MS = 60_000;

let directory: string;
let cluster: LocalCluster;
/** Each at a member of its own. */
let clients: readonly [Etcd3, Etcd3, Etcd3];

beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  cluster = await LocalCluster.start({ command: commandOf(undefined), directory, size: 3, firstPort: FIRST_PORT });
  await cluster.untilReady(READY_WITHIN_MS);
  const clientAt = (number: number): Etcd3 => new Etcd3({ hosts: `http://${cluster.endpoints[number] ?? ''}` });
  clients = [clientAt(0), clientAt(1), clientAt(2)];
});

afterAll(async () => {
  for (const client of clients) client.close();
  await cluster.down();
  await removeDirectory(directory);
});

test('keys: written through one member, read through the others', async () => {
  const [one, two, three] = clients;
  await one.put('k/a').value('1');
  await two.put('k/b').value(Buffer.of(0, 255));
  expect(await three.get('k/a').string()).toBe('1');
  expect(await one.get('k/b').buffer()).toEqual(Buffer.of(0, 255));
  expect(await two.get('k/none')).toBeNull();
  expect(await three.getAll().prefix('k/').sort('Key', 'Descend').keys()).toEqual(['k/b', 'k/a']);
  const written = await one.if('k/a', 'Version', '==', 1).then(two.put('k/a').value('2')).commit();
  expect(written.succeeded).toBe(true);
  const refused = await three.if('k/a', 'Value', '==', '1').then(three.put('k/a').value('3')).commit();
  expect(refused.succeeded).toBe(false);
  expect((await two.delete().prefix('k/')).deleted).toBe('2');
  await expect(one.put('').value('x')).rejects.toThrow('key is not provided');
});

test('a transaction in memory is tried again when somebody was quicker', async () => {
  const [one, two, three] = clients;
  await one.put('count').value(0);
  const add = (client: Etcd3): Promise<void> =>
    client.stm({ retries: 100 }).transact(async (tx) => {
      const count = await tx.get('count').number();
      await tx.put('count').value((count ?? 0) + 1);
    });
  await Promise.all([one, two, three, one, two, three].map(add));
  expect(await two.get('count').number()).toBe(6);
});

test('a watch hears what is written elsewhere, in order, and nothing once it is cancelled', async () => {
  const [one, two, three] = clients;
  const watcher = await one.watch().prefix('w/').create();
  const heard: string[] = [];
  const last = new Promise<void>((resolve) => {
    watcher.on('put', ({ key, value }) => heard.push(`${String(key)}=${String(value)}`));
    watcher.on('delete', ({ key }) => {
      heard.push(`-${String(key)}`);
      resolve();
    });
  });
  for (let i = 0; i < 50; i++) await (i % 2 === 0 ? two : three).put(`w/${i % 3}`).value(i);
  await two.delete().key('w/0');
  await last;
  expect(heard).toEqual([...Array.from({ length: 50 }, (_, i) => `w/${i % 3}=${i}`), '-w/0']);
  await watcher.cancel();
  const again = await three.watch().key('w/1').startRevision('1').create();
  const [first] = (await once(again, 'put')) as [{ value: Buffer }];
  expect(first.value.toString()).toBe('1');
  await again.cancel();
});

test('a lease keeps its keys while it is kept alive, and takes them along', async () => {
  const [one, two] = clients;
  const lease = one.lease(5);
  await lease.put('leased').value('here');
  await once(lease, 'keepaliveSucceeded');
  expect(await two.get('leased').string()).toBe('here');
  await lease.revoke();
  expect(await two.get('leased').string()).toBeNull();
});

test('a lock is held by one, and goes on to the next', async () => {
  const [one, two, three] = clients;
  const held = await one.lock('door').ttl(30).acquire();
  await expect(two.lock('door').acquire()).rejects.toThrow(EtcdLockFailedError);
  await held.release();
  expect(await three.lock('door').do(() => 'inside')).toBe('inside');
});

test('an election: the first leads, the second follows it, observers are told', async () => {
  const [one, two, three] = clients;
  const first = one.election('chair', 30).campaign('first');
  await once(first, 'elected');
  const observer = await three.election('chair').observe();
  expect(observer.leader()).toBe('first');
  const second = two.election('chair', 30).campaign('second');
  const followed = new Promise<void>((resolve) => {
    observer.on('change', (leader) => {
      if (leader === 'second') resolve();
    });
  });
  const elected = once(second, 'elected');
  await first.resign();
  await elected;
  await followed;
  await second.resign();
  await observer.cancel();
});

test('a client that knows all members goes on when one of them falls', async () => {
  const { leader = '' } = await cluster.untilReady(READY_WITHIN_MS);
  const client = new Etcd3({ hosts: cluster.endpoints.map((endpoint) => `http://${endpoint}`) });
  const watcher = await client.watch().key('after').create();
  const heard = once(watcher, 'put') as Promise<[{ value: Buffer }]>;
  await cluster.kill(leader);
  for (;;) {
    const failed = await client
      .put('after')
      .value('all')
      .then(
        () => false,
        () => true,
      );
    if (!failed) break;
  }
  expect((await heard)[0].value.toString()).toBe('all');
  client.close();
});
