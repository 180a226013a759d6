/** Files that change under a running port, and files that are no good. */

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SILENT_LOGGER } from '../../src/base/index.ts';
import { MemoryLogger } from '../../src/ops/memory-logger.ts';
import { type CredentialFiles, Credentials, cipherSuite, LOOK_MS } from '../../src/tls/index.ts';
import type { Method } from '../../src/wire/index.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';
import { askHttp, authority, CertificateFiles, HOSTS, PROTOCOL, serveTls, shakeHands } from '../support/tls-world.ts';
import { WireClient } from '../support/wire-client.ts';

let directory: string;
let count = 0;

beforeAll(async () => {
  directory = await makeTemporaryDirectory();
});

afterAll(() => removeDirectory(directory));

const files = (): CertificateFiles => new CertificateFiles(join(directory, String(count++)));

const load = (given: CredentialFiles, logger = SILENT_LOGGER): Credentials =>
  new Credentials({ purpose: 'test', files: given, protocol: PROTOCOL, clock: new SteppedClock(), logger });

test('a new certificate is shown to new connections, and streams of old ones go on', async () => {
  const clock = new SteppedClock();
  const made = files();
  const pair = await made.issue({ commonName: 'one', hosts: HOSTS });
  const echo: Method = { kind: 'duplex', handler: (stream) => stream.onMessage((message) => stream.write(message)) };
  await using port = await serveTls({ files: pair, clock, methods: { '/test.Test/Watch': echo } });
  const client = new WireClient(port.port, { ca: (await authority()).cert });
  const stream = client.duplex('/test.Test/Watch');
  const said = async (text: string): Promise<string> => {
    const heard = once(stream, 'data');
    stream.write(Buffer.from(text));
    return String((await heard)[0]);
  };
  expect(await said('before')).toBe('before');
  const before = await shakeHands(port.port);
  await made.issue({ commonName: 'two', hosts: HOSTS });
  clock.advance(LOOK_MS - 1);
  expect((await shakeHands(port.port)).serialNumber).toBe(before.serialNumber);
  clock.advance(1);
  expect((await shakeHands(port.port)).serialNumber).not.toBe(before.serialNumber);
  expect(await said('after')).toBe('after');
  client.close();
  expect(port.logger.entries.map(({ message }) => message)).toEqual([
    'loaded TLS credentials',
    'reloaded TLS credentials',
  ]);
});

const spoiled: readonly [string, (made: CertificateFiles) => Promise<void> | void][] = [
  ['is garbage', (made) => void made.write('cert-file', 'garbage')],
  ['is gone', (made) => rmSync(made.path('key-file'))],
  [
    'does not go with its key yet',
    async (made) => {
      const { cert } = await (await authority()).issue({ commonName: 'two', ownKey: true });
      made.write('cert-file', cert);
    },
  ],
];

test.each(spoiled)(
  'a new file that %s is told of once, and the old certificate stays until there is a good one',
  async (_, spoil) => {
    const clock = new SteppedClock();
    const made = files();
    const pair = await made.issue({ commonName: 'one', hosts: HOSTS });
    await using port = await serveTls({ files: pair, clock });
    const before = await shakeHands(port.port);
    await spoil(made);
    for (let look = 0; look < 3; look++) {
      clock.advance(LOOK_MS);
      expect((await shakeHands(port.port)).serialNumber).toBe(before.serialNumber);
    }
    const errors = port.logger.entries.filter(({ level }) => level === 'error');
    expect(errors).toMatchObject([{ message: 'the new TLS credentials cannot be used; the old ones stay' }]);
    await made.issue({ commonName: 'three', hosts: HOSTS });
    clock.advance(LOOK_MS);
    expect((await shakeHands(port.port)).serialNumber).not.toBe(before.serialNumber);
  },
);

test('what is taken back while the port runs is refused from then on', async () => {
  const ca = await authority();
  const clock = new SteppedClock();
  const made = files();
  const pair = await made.issue({ commonName: 'one', hosts: HOSTS });
  const authorities = made.write('ca', ca.cert);
  const revoked = made.write('crl', ca.revoke([]));
  await using port = await serveTls({ files: { ...pair, authorities, revoked }, clock, requireCertificate: true });
  const client = await ca.issue({ commonName: 'client' });
  expect(await askHttp(port.port, client)).toMatch(/hello$/);
  made.write('crl', ca.revoke([client.cert]));
  clock.advance(LOOK_MS);
  expect(await askHttp(port.port, client).catch(() => '')).toBe('');
  expect(port.refused).toMatchObject([{ error: 'the certificate of the client is not good: CERT_REVOKED' }]);
});

describe('files that are no good are named', () => {
  test('at the start', async () => {
    const made = files();
    const { cert, key } = await made.issue({ commonName: 'one' });
    const nothing = { flag: 'cert-file', path: made.path('nothing') };
    const garbage = made.write('garbage', 'garbage');
    const damaged = made.write('damaged', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const other = made.write('other', (await (await authority()).issue({ commonName: 'x', ownKey: true })).key);
    const cases: readonly [CredentialFiles, string][] = [
      [{ cert }, `--cert-file ${cert.path} is given without its key`],
      [{ key }, `--key-file ${key.path} is given without its certificate`],
      [{ cert: nothing, key }, `--cert-file ${nothing.path} cannot be read: ENOENT`],
      [{ cert: garbage, key }, `--garbage ${garbage.path} has no certificate in PEM form`],
      [{ cert: damaged, key }, `--damaged ${damaged.path} has a certificate that cannot be read`],
      [{ cert, key: garbage }, `--garbage ${garbage.path} has no private key that can be read`],
      [{ cert, key: other }, `--other ${other.path} is not the key of --cert-file ${cert.path}`],
      [{ cert, key, authorities: key }, `--key-file ${key.path} has no certificate in PEM form`],
      [{ cert, key, revoked: garbage }, `--garbage ${garbage.path} cannot be used`],
    ];
    for (const [given, problem] of cases) expect(() => load(given), problem).toThrow(problem);
    expect(load({ cert, key }).current.options.cert).toContain('BEGIN CERTIFICATE');
  });

  test('and one that has expired is used, and told of', async () => {
    const logger = new MemoryLogger();
    const wall = new SteppedClock().wall();
    const pair = await files().issue({
      commonName: 'old',
      notBefore: new Date(wall - 2),
      notAfter: new Date(wall - 1),
    });
    load(pair, logger);
    expect(logger.entries).toMatchObject([{ level: 'warn', message: expect.stringContaining('has expired') }]);
  });
});

test('cipher suites have the names that Go gives them', () => {
  expect(cipherSuite('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256')).toBe('ECDHE-RSA-AES128-GCM-SHA256');
  expect(cipherSuite('TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305')).toBe('ECDHE-ECDSA-CHACHA20-POLY1305');
  expect(cipherSuite('TLS_AES_256_GCM_SHA384')).toBe('TLS_AES_256_GCM_SHA384');
  expect(cipherSuite('TLS_RSA_WITH_RC4_128_SHA')).toBeUndefined();
  expect(cipherSuite('ECDHE-RSA-AES128-GCM-SHA256')).toBeUndefined();
});
