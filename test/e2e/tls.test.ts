/** Three members with mutual TLS on both ports, as etcd's own client, curl and ours find them; and three that make their certificates themselves. */

import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import { expect, test } from 'vitest';
import type { ClusterTls } from '../../cluster/certificates/index.ts';
import { LocalCluster } from '../../cluster/local/index.ts';
import { clientEndpointOf, peerUrlOf, placeOf } from '../../cluster/local/layout.ts';
import { Member } from '../../cluster/local/member.ts';
import { commandOf } from '../../cluster/process/index.ts';
import type { Address } from '../../cluster/proxy/index.ts';
import { present } from '../../src/base/index.ts';
import { connect } from '../../src/client/index.ts';
import { runProgram } from '../support/run-program.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { hasTools } from '../support/tools.ts';

const FIRST_PORT = 25_340;
const AUTO_PORT = 25_360;
const READY_WITHIN_MS = 60_000;

test('three members serve whoever shows a certificate, and nobody else', async () => {
  await withTemporaryDirectory(async (directory) => {
    const cluster = await LocalCluster.start({
      command: commandOf(undefined),
      directory,
      size: 3,
      firstPort: FIRST_PORT,
      secure: true,
    });
    try {
      await cluster.untilReady(READY_WITHIN_MS);
      await using client = connect({ endpoints: cluster.endpoints, tls: cluster.tls });
      const watch = client.watch('k');
      const heard = watch[Symbol.asyncIterator]().next();
      await watch.created;
      await client.put('k', 'v');
      expect((await heard).value?.kv.value.toString()).toBe('v');
      for (const endpoint of cluster.endpoints) {
        await using plain = connect({ endpoints: [`http://${endpoint}`], deadlineMs: 1000 });
        await expect(plain.get('k')).rejects.toThrow();
        await using unknown = connect({ endpoints: [endpoint], tls: { ca: cluster.tls?.ca }, deadlineMs: 1000 });
        await expect(unknown.get('k')).rejects.toThrow();
        await using known = connect({ endpoints: [`https://${endpoint}`], tls: cluster.tls });
        expect((await known.get('k')).kvs).toHaveLength(1);
      }
      for (const { place } of cluster.members)
        await expectPeersOnly(place.peerListen, present(cluster.tls, 'certificates'));
      if (hasTools('etcdctl', 'curl')) await askFromOutside(cluster.endpoints, join(directory, 'tls'));
      const log = readFileSync(join(directory, 'n1.log'), 'utf8');
      expect(log).toContain('plain text on a port that speaks TLS');
      expect(log).toContain('the client has shown no certificate');
      expect(log).not.toContain('PRIVATE KEY');
    } finally {
      await cluster.down();
    }
  });
}, 120_000);

/** A member's port for members: its version, to whoever shows a certificate; nothing to the others. */
async function expectPeersOnly(address: Address, { ca, cert, key }: ClusterTls['client']): Promise<void> {
  const version = 'GET /version HTTP/1.0\r\n\r\n';
  expect(await heard(tlsConnect({ ...address, ca, cert, key }), version)).toContain('"etcdserver"');
  expect(await heard(tlsConnect({ ...address, ca }), version)).toBe('');
  expect(await heard(connectTcp(address), version)).toContain('400 Bad Request');
}

/** All that comes until the connection ends, in whatever way. */
async function heard(socket: Socket, text: string): Promise<string> {
  let all = '';
  socket.on('data', (data) => {
    all += data.toString('latin1');
  });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(text);
  await closed;
  return all;
}

async function askFromOutside(endpoints: readonly string[], certificates: string): Promise<void> {
  const file = (name: string): string => resolve(certificates, name);
  const etcdctl = await runProgram(
    'etcdctl',
    [
      `--endpoints=${endpoints.map((endpoint) => `https://${endpoint}`).join(',')}`,
      `--cacert=${file('ca.pem')}`,
      `--cert=${file('client.pem')}`,
      `--key=${file('client.key')}`,
      'get',
      'k',
    ],
    { env: { ETCDCTL_API: '3' } },
  );
  expect(etcdctl.stdout).toBe('k\nv\n');
  const shown = ['--cacert', file('ca.pem'), '--cert', file('client.pem'), '--key', file('client.key')];
  const curl = await runProgram('curl', ['-s', ...shown, `https://${endpoints[0] ?? ''}/health`]);
  expect(JSON.parse(curl.stdout)).toMatchObject({ health: 'true' });
}

test('members that make their certificates themselves speak TLS with one another and with everybody', async () => {
  await withTemporaryDirectory(async (directory) => {
    const places = [1, 2, 3].map((number) => placeOf(number, { firstPort: AUTO_PORT, linked: false, secure: true }));
    const initialCluster = places.map((place) => `${place.name}=${peerUrlOf(place)}`).join(',');
    const members = places.map(
      (place) =>
        new Member(place, {
          command: commandOf(undefined),
          flags: ['--auto-tls', '--peer-auto-tls'],
          env: {},
          directory,
          joining: { initialCluster, state: 'new' },
          onDeath: () => {},
        }),
    );
    const certificateOf = ({ dataDir }: Member, side = 'client'): string =>
      readFileSync(join(dataDir, 'fixtures', side, 'cert.pem'), 'utf8');
    /** Resolves to what is there under k, once the member answers whoever has seen its certificate. */
    const askedOf = async (member: Member): Promise<string | undefined> => {
      const giveUpAt = Date.now() + READY_WITHIN_MS;
      for (;;) {
        try {
          const ca = certificateOf(member);
          await using client = connect({ endpoints: [clientEndpointOf(member.place)], tls: { ca }, deadlineMs: 1000 });
          return (await client.get('k')).kvs[0]?.value.toString();
        } catch (error) {
          if (Date.now() > giveUpAt) throw error;
          await sleep(50);
        }
      }
    };
    try {
      await Promise.all(members.map((member) => member.start()));
      const [first, second] = [present(members[0], 'n1'), present(members[1], 'n2')];
      expect(await Promise.all(members.map(askedOf))).toEqual([undefined, undefined, undefined]);
      const own = members.flatMap((member) => [certificateOf(member), certificateOf(member, 'peer')]);
      expect(new Set(own).size).toBe(6);

      const endpoints = [clientEndpointOf(first.place)];
      await using client = connect({ endpoints, tls: { ca: certificateOf(first) } });
      await client.put('k', 'v');
      expect(await Promise.all(members.map(askedOf))).toEqual(['v', 'v', 'v']);
      // Who has not seen it, or takes it for another's, has no reason to believe in it.
      for (const ca of [undefined, certificateOf(second)]) {
        await using stranger = connect({ endpoints, tls: { ca }, deadlineMs: 1000 });
        await expect(stranger.get('k')).rejects.toThrow();
      }
      const version = 'GET /version HTTP/1.0\r\n\r\n';
      expect(await heard(connectTcp(first.place.peerListen), version)).toContain('400 Bad Request');

      await first.kill();
      await first.start();
      expect(await askedOf(first)).toBe('v');
      expect(certificateOf(first)).toBe(own[0]);
    } finally {
      await Promise.all(members.map((member) => member.kill()));
    }
  });
}, 120_000);
