/** Certificates that members make for themselves. */

import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { selfSigned } from '../../src/tls/index.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { askHttp, serveTls } from '../support/tls-world.ts';

const YEAR_MS = 365 * 86_400_000;

test('one is made, is good for its hosts, and is used again until it has expired or is broken', async () => {
  await withTemporaryDirectory(async (path) => {
    const directory = join(path, 'fixtures', 'client');
    const now = Date.now();
    const options = { directory, hosts: ['127.0.0.1', 'localhost'], years: 2, wall: now };
    const first = await selfSigned(options);
    expect(first).toEqual({ certPath: join(directory, 'cert.pem'), keyPath: join(directory, 'key.pem'), isNew: true });
    const certificate = new X509Certificate(readFileSync(first.certPath));
    expect(certificate.subject).toBe('O=etcd');
    expect(certificate.subjectAltName).toBe('IP Address:127.0.0.1, DNS:localhost');
    expect(Math.abs(Date.parse(certificate.validTo) - now - 2 * YEAR_MS)).toBeLessThan(2000);
    expect(statSync(first.keyPath).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);

    const ca = readFileSync(first.certPath, 'utf8');
    const [cert, key] = [first.certPath, first.keyPath].map((file) => ({ flag: 'auto-tls', path: file }));
    await using port = await serveTls({ files: { cert, key } });
    expect(await askHttp(port.port, { ca })).toMatch(/hello$/);

    expect((await selfSigned({ ...options, wall: now + 2 * YEAR_MS - 60_000 })).isNew).toBe(false);
    expect(readFileSync(first.certPath, 'utf8')).toBe(ca);
    expect((await selfSigned({ ...options, wall: now + 2 * YEAR_MS + 60_000 })).isNew).toBe(true);
    expect(readFileSync(first.certPath, 'utf8')).not.toBe(ca);
    // As a crash between the two leaves it.
    writeFileSync(first.certPath, ca);
    expect((await selfSigned(options)).isNew).toBe(true);
    writeFileSync(first.keyPath, '');
    expect((await selfSigned(options)).isNew).toBe(true);
  });
});
