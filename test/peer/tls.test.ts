/** Members that speak TLS with one another, and those that they do not speak with. */

import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Authority } from '../../cluster/certificates/index.ts';
import { RealClock } from '../../src/node/real-clock.ts';
import { MemoryLogger } from '../../src/ops/memory-logger.ts';
import { askMembers, channelOpener, type OpenChannel } from '../../src/peer/index.ts';
import { type AllowedNames, addressProblem, Credentials, type RefusedConnection } from '../../src/tls/index.ts';
import { CLUSTER_ID, GrpcWorld, heartbeat, Inbox, installSnapshot, TestSnapshot } from '../support/peer-world.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';
import { authority, CertificateFiles, HOSTS, PROTOCOL } from '../support/tls-world.ts';

let directory: string;
let world: GrpcWorld;
let inbox: Inbox;
let refused: RefusedConnection[];
let number = 0;

beforeEach(async () => {
  directory = await makeTemporaryDirectory();
  world = new GrpcWorld();
  inbox = new Inbox();
  refused = [];
});

afterEach(async () => {
  await world.end();
  await removeDirectory(directory);
});

const ANY: AllowedNames = { commonNames: [], hostnames: [] };

/** With a certificate of `issuer`, believing in the authority of all. */
async function credentialsOf(commonName: string, issuer?: Authority, hosts = HOSTS): Promise<Credentials> {
  const files = new CertificateFiles(join(directory, String(number++)));
  const ca = await authority();
  const pair = files.writePair(await (issuer ?? ca).issue({ commonName, hosts }));
  const authorities = files.write('ca', ca.cert);
  const logger = new MemoryLogger();
  return new Credentials({
    purpose: 'test',
    files: { ...pair, authorities },
    protocol: PROTOCOL,
    clock: new RealClock(),
    logger,
  });
}

async function opener(commonName: string, issuer?: Authority, allowed = ANY): Promise<OpenChannel> {
  return channelOpener({ credentials: await credentialsOf(commonName, issuer), allowed, verifies: true });
}

/** Member 2, which lets in who has a certificate. Its URL. */
async function serve(allowed = ANY): Promise<string> {
  const tls = {
    credentials: await credentialsOf('two'),
    clock: new RealClock(),
    requireCertificate: true,
    allowed,
    objection: addressProblem,
  };
  const [, port] = await world.serve('2', inbox, { tls, onRefused: (one) => refused.push(one) });
  return `https://127.0.0.1:${port}`;
}

test('messages, snapshots and questions go over TLS, both ends having shown who they are', async () => {
  const url = await serve({ commonNames: ['one'], hostnames: [] });
  const openChannel = await opener('one', undefined, { commonNames: ['two'], hostnames: [] });
  const one = world.transport('1', { openChannel });
  one.setPeers([{ id: '2', urls: [url] }]);
  await world.until(() => {
    one.send([heartbeat('1', '2', 1)]);
    return inbox.messages.length > 0;
  });
  await one.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(3));
  expect(await askMembers([url], openChannel)).toEqual({ clusterId: CLUSTER_ID, members: [] });
  expect(refused).toEqual([]);
});

test.each([
  ['of another authority', true, ANY, /is not good: /],
  ['with a name that is not allowed', false, { commonNames: ['three'], hostnames: [] }, /common name "one"/],
  ['with a host that is not allowed', false, { commonNames: [], hostnames: ['a.example'] }, /none of the host names/],
])(
  'a member with a certificate %s is refused, told of, and disturbs nobody',
  async (_, isForeign, allowed, problem) => {
    const url = await serve(allowed);
    const foreign = isForeign ? await Authority.make('another CA') : undefined;
    const logger = new MemoryLogger();
    const one = world.transport('1', { openChannel: await opener('one', foreign), logger });
    one.setPeers([{ id: '2', urls: [url] }]);
    await world.until(() => refused.length >= 2);
    for (const { error } of refused) expect(error).toMatch(problem);
    expect(inbox.messages).toEqual([]);
    await world.until(() => logger.entries.length > 0);
    expect(logger.entries).toMatchObject([{ level: 'warn', message: 'a peer cannot be reached' }]);
    if (!isForeign) return;
    const three = world.transport('3', { openChannel: await opener('three') });
    three.setPeers([{ id: '2', urls: [url] }]);
    await world.until(() => {
      three.send([heartbeat('3', '2', 1)]);
      return inbox.messages.length > 0;
    });
  },
);

test.each([
  ['of another authority', true, ANY],
  ['that is not allowed', false, { commonNames: ['three'], hostnames: [] }],
])('a member does not speak with one whose certificate is one %s', async (_, isForeign, allowed) => {
  const url = await serve();
  const files = new CertificateFiles(join(directory, 'believer'));
  const believed = isForeign ? await Authority.make('another CA') : await authority();
  const credentials = new Credentials({
    purpose: 'test',
    files: { authorities: files.write('ca', believed.cert) },
    protocol: PROTOCOL,
    clock: new RealClock(),
    logger: new MemoryLogger(),
  });
  const logger = new MemoryLogger();
  const one = world.transport('1', { openChannel: channelOpener({ credentials, allowed, verifies: true }), logger });
  one.setPeers([{ id: '2', urls: [url] }]);
  await world.until(() => logger.entries.length > 0);
  expect(logger.entries).toMatchObject([{ message: 'a peer cannot be reached' }]);
  expect(String(logger.entries[0]?.fields['error'])).toMatch(isForeign ? /certificate/ : /common name "two"/);
});

test('a certificate counts only where its names are', async () => {
  const url = await serve();
  const elsewhere = await credentialsOf('one', undefined, ['192.0.2.1']);
  const openChannel = channelOpener({ credentials: elsewhere, allowed: ANY, verifies: true });
  await expect(askMembers([url], openChannel)).rejects.toThrow('no member told');
  expect(refused[0]?.error).toBe('its certificate is for IP Address:192.0.2.1, which 127.0.0.1 is not');
  const byName = await credentialsOf('one', undefined, ['localhost']);
  expect(await askMembers([url], channelOpener({ credentials: byName, allowed: ANY, verifies: true }))).toBeDefined();
  const anywhere = await credentialsOf('one', undefined, []);
  expect(await askMembers([url], channelOpener({ credentials: anywhere, allowed: ANY, verifies: true }))).toBeDefined();
});

test('plain text between members where one of them speaks TLS comes to nothing', async () => {
  const url = await serve();
  await expect(askMembers([url.replace('https:', 'http:')], channelOpener())).rejects.toThrow('no member told');
  expect(refused).toMatchObject([{ error: 'plain text on a port that speaks TLS' }]);
  await expect(askMembers([url], channelOpener())).rejects.toThrow('there are no credentials for TLS');
});
