/** A port that speaks TLS, as clients of all kinds find it. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Issued } from '../../cluster/certificates/index.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';
import {
  askHttp,
  askPlain,
  authority,
  CertificateFiles,
  dial,
  HOSTS,
  PROTOCOL,
  plainPort,
  type ServeOptions,
  serveTls,
  shakeHands,
  type TlsPort,
  WHO,
} from '../support/tls-world.ts';
import { WireClient } from '../support/wire-client.ts';

let directory: string;
let server: CertificateFiles;
let ca: Authority;
let names = 0;

beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  ca = await authority();
  server = new CertificateFiles(join(directory, 'server'));
  await server.issue({ commonName: 'server', hosts: HOSTS });
});

afterAll(() => removeDirectory(directory));

/** Serves with the certificate of `server`. */
function serve(options: Partial<ServeOptions> = {}): Promise<TlsPort> {
  const files = {
    cert: { flag: 'cert-file', path: server.path('cert-file') },
    key: { flag: 'key-file', path: server.path('key-file') },
  };
  return serveTls({ ...options, files: { ...files, ...options.files } });
}

/** Serves clients of the authority only. */
function serveKnown(options: Partial<ServeOptions> = {}): Promise<TlsPort> {
  const authorities = server.write(`ca-${names++}`, ca.cert);
  return serve({ requireCertificate: true, ...options, files: { authorities, ...options.files } });
}

describe('both protocols', () => {
  test('are spoken on one port: HTTP/2 to whoever offers it, HTTP/1 to the rest', async () => {
    await using port = await serve();
    const client = new WireClient(port.port, { ca: ca.cert });
    const answer = await client.unary(WHO, Buffer.from(''));
    client.close();
    expect(answer).toMatchObject({ code: 0, messages: [Buffer.from('nobody')] });
    expect(await askHttp(port.port)).toMatch(/200 OK[^]*hello$/);
    expect(await askHttp(port.port, { ALPNProtocols: ['http/1.1'] })).toMatch(/200 OK[^]*hello$/);
    expect(await shakeHands(port.port, { ALPNProtocols: ['http/1.1', 'h2'] })).toMatchObject({ alpn: 'h2' });
    expect(await shakeHands(port.port, { ALPNProtocols: ['h2'] })).toMatchObject({ alpn: 'h2', protocol: 'TLSv1.3' });
    await expect(shakeHands(port.port, { ALPNProtocols: ['h3'] })).rejects.toThrow(/no application protocol/);
    expect(port.refused).toMatchObject([{ error: 'no application protocol' }]);
  });

  test.each([
    ['native', 'alice', 'alice'],
    ['native', ['root', 'alice'], 'alice'],
    ['native', [], 'nobody'],
    ['grpc-js', 'alice', 'alice'],
    ['grpc-js', ['root', 'alice'], 'alice'],
    ['grpc-js', [], 'nobody'],
  ] as const)(
    'see the common name of the certificate that was shown, the last of several: %s, %j',
    async (wire, commonName, seen) => {
      await using port = await serveKnown({ wire });
      const client = new WireClient(port.port, { ca: ca.cert, ...(await ca.issue({ commonName })) });
      const answer = await client.unary(WHO, Buffer.from(''));
      client.close();
      expect(answer).toMatchObject({ code: 0, messages: [Buffer.from(seen)] });
    },
  );
});

describe('versions and cipher suites', () => {
  test.each([
    [{ minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' }, undefined],
    [{ minVersion: 'TLSv1.3' }, {}, { protocol: 'TLSv1.3' }],
    [{ maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' }, undefined],
    [{ maxVersion: 'TLSv1.2' }, {}, { protocol: 'TLSv1.2' }],
    [{}, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }, undefined],
    [
      { ciphers: ['ECDHE-RSA-AES256-GCM-SHA384'] },
      { maxVersion: 'TLSv1.2' },
      { cipher: 'ECDHE-RSA-AES256-GCM-SHA384' },
    ],
    [
      { ciphers: ['ECDHE-RSA-AES256-GCM-SHA384'] },
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
      undefined,
    ],
    [{ ciphers: ['ECDHE-RSA-AES256-GCM-SHA384'] }, {}, { protocol: 'TLSv1.3' }],
  ] as const)('a server of %j and a client of %j: %j', async (protocol, client, agreed) => {
    await using port = await serve({ protocol: { ...PROTOCOL, ...protocol } });
    if (agreed === undefined) await expect(shakeHands(port.port, client)).rejects.toThrow();
    else expect(await shakeHands(port.port, client)).toMatchObject(agreed);
    expect(port.refused).toHaveLength(agreed === undefined ? 1 : 0);
    expect(await askHttp(port.port)).toMatch(/hello$/);
  });
});

describe('a client must show a certificate', () => {
  const day = 86_400_000;
  const good = (): Promise<Issued> =>
    ca.issue({ commonName: 'client', hosts: ['client.example', '*.clients.example'] });
  const cases: readonly [string, () => Promise<Partial<Issued>>, Partial<ServeOptions>, string | undefined][] = [
    ['one of the authority', good, {}, undefined],
    ['none', () => Promise.resolve({}), {}, 'the client has shown no certificate'],
    [
      'of another authority',
      async () => (await Authority.make('a CA')).issue({ commonName: 'client' }),
      {},
      'the certificate of the client is not good: ',
    ],
    [
      'an expired one',
      () => ca.issue({ commonName: 'client', notAfter: new Date(Date.now() - day / 2) }),
      {},
      'the certificate of the client is not good: CERT_HAS_EXPIRED',
    ],
    [
      'one that is not good yet',
      () => ca.issue({ commonName: 'client', notBefore: new Date(Date.now() + day / 2) }),
      {},
      'the certificate of the client is not good: CERT_NOT_YET_VALID',
    ],
    ['the right common name', good, { allowed: { commonNames: ['x', 'client'], hostnames: [] } }, undefined],
    [
      'another common name',
      good,
      { allowed: { commonNames: ['x'], hostnames: [] } },
      'the common name "client" of its certificate is none of those allowed',
    ],
    ['the right host name', good, { allowed: { commonNames: [], hostnames: ['x', 'client.example'] } }, undefined],
    ['a host name by its pattern', good, { allowed: { commonNames: [], hostnames: ['a.clients.example'] } }, undefined],
    [
      'another host name',
      good,
      { allowed: { commonNames: [], hostnames: ['client', 'example'] } },
      'its certificate is for none of the host names allowed (it is for DNS:client.example, DNS:*.clients.example)',
    ],
    ['and something else too', good, { objection: () => Promise.resolve('not today') }, 'not today'],
  ];

  test.each(cases)('%s', async (_, issue, options, problem) => {
    await using port = await serveKnown(options);
    const shown = await issue();
    const heard = await askHttp(port.port, shown).catch(() => '');
    if (problem === undefined) expect(heard).toMatch(/hello$/);
    else expect(heard).toBe('');
    expect(port.refused.map(({ error }) => error)).toEqual(
      problem === undefined ? [] : [expect.stringContaining(problem)],
    );
    expect(await askHttp(port.port, await good()).catch(() => 'refused')).toMatch(
      options.objection === undefined && (options.allowed === undefined || problem === undefined) ? /hello$/ : /^$/,
    );
  });

  test('and not one that was taken back', async () => {
    const revoked = await ca.issue({ commonName: 'revoked' });
    const list = server.write('crl', ca.revoke([(await ca.issue({ commonName: 'other' })).cert, revoked.cert]));
    await using port = await serveKnown({ files: { revoked: list } });
    expect(await askHttp(port.port, revoked)).toBe('');
    expect(port.refused).toMatchObject([{ error: 'the certificate of the client is not good: CERT_REVOKED' }]);
    expect(await askHttp(port.port, await good())).toMatch(/hello$/);
  });

  test('each time: a session that is taken up again does not do instead', async () => {
    await using port = await serveKnown();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await dial(port.port, { ...(await good()), maxVersion });
      let session = first.getSession();
      first.on('session', (one) => {
        session = one;
      });
      first.write('GET /hello HTTP/1.0\r\n\r\n');
      first.resume();
      await once(first, 'close');
      const again = { maxVersion, ...(session === undefined ? {} : { session }) };
      expect(await askHttp(port.port, again).catch(() => '')).toBe('');
    }
  });
});

describe('who does not speak TLS', () => {
  test('is told so if it speaks HTTP, and else closed; nobody else is disturbed', async () => {
    await using port = await serve();
    const other = await dial(port.port);
    expect(await askPlain(port.port, 'GET /hello HTTP/1.1\r\n\r\n')).toBe(
      'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n',
    );
    expect(await askPlain(port.port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toBe('');
    await askPlain(port.port, '\u0016\u0003\u0001garbage garbage garbage');
    expect(port.refused.map(({ error }) => error)).toEqual([
      'plain text on a port that speaks TLS',
      'plain text on a port that speaks TLS',
      expect.stringMatching(/wrong version|unexpected|record|packet/),
    ]);
    expect(port.refused[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    const heard = once(other, 'data');
    other.write('GET /hello HTTP/1.0\r\n\r\n');
    expect(String((await heard)[0])).toMatch(/200 OK/);
    other.destroy();
  });

  test.each([
    ['nothing', ''],
    ['the beginning of a handshake', '\u0016\u0003\u0001'],
  ])('but says %s is closed at the limit', async (_, text) => {
    const clock = new SteppedClock();
    await using port = await serve({ clock, handshakeMsMax: 1234 });
    const socket = connect(port.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(text);
    expect(await askHttp(port.port)).toMatch(/hello$/);
    clock.advance(1233);
    expect(await askHttp(port.port)).toMatch(/hello$/);
    expect(port.refused).toEqual([]);
    const closed = once(socket, 'close');
    clock.advance(1);
    await closed;
    expect(port.refused).toMatchObject([{ error: 'no handshake in time' }]);
  });

  test('is not waited for when the port closes', async () => {
    const port = await serve();
    const socket = connect(port.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write('\u0016\u0003\u0001');
    expect(await askHttp(port.port)).toMatch(/hello$/);
    const closed = once(socket, 'close');
    await port[Symbol.asyncDispose]();
    await closed;
  });
});

test('who speaks TLS to a port that does not is closed, and this is told', async () => {
  const refused: unknown[] = [];
  const port = plainPort((one) => refused.push(one));
  const { port: number } = await port.listen('127.0.0.1', 0);
  await expect(dial(number)).rejects.toThrow();
  expect(refused).toMatchObject([{ error: 'TLS on a port that does not speak it' }]);
  expect(await askPlain(number, 'GET /hello HTTP/1.0\r\n\r\n')).toMatch(/hello$/);
  await port.close(0);
});

test('a client that does not believe in the certificate is told of', async () => {
  await using port = await serve();
  await expect(dial(port.port, { ca: (await Authority.make('another CA')).cert })).rejects.toThrow();
  await expect(dial(port.port, { host: '127.0.0.1', servername: 'elsewhere.example' })).rejects.toThrow(/altnames/);
  expect(await askHttp(port.port)).toMatch(/hello$/);
});
