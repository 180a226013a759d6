/** Plain HTTP over our HTTP/2, asked by Node's own client: what HTTP/1 answers on the same port, it answers too. */

import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { RealClock } from '../../../src/node/index.ts';
import { ClientPort, getOnly, type HttpHandler, unobserved } from '../../../src/wire/index.ts';
import { HTTP_STREAMS_MAX } from '../../../src/wire/native/limits.ts';
import { signal } from '../../support/signal.ts';
import { WireClient } from '../../support/wire-client.ts';
import { bytes, METHOD } from '../../support/wire-fixture.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const hello: HttpHandler = ({ query }) => ({
  status: 200,
  headers: { 'Content-Type': 'text/plain' },
  body: `hello ${query.get('who') ?? ''}`,
});

async function serve(routes: Readonly<Record<string, HttpHandler>>): Promise<{ port: number; clientPort: ClientPort }> {
  const clientPort = new ClientPort({
    wire: 'native',
    grpc: {
      methods: new Map([[METHOD, { kind: 'unary', handler: (request) => request }]]),
      requestBytesMax: 1000,
      streamsMax: 1000,
      keepaliveIntervalMs: 60_000,
      keepaliveTimeoutMs: 20_000,
      clientPingMinMs: 5000,
      clock: new RealClock(),
      observer: unobserved,
      onError: (_, error) => {
        throw error;
      },
    },
    http: { routes: new Map(Object.entries(routes)), onError: () => undefined },
  });
  const { port } = await clientPort.listen('127.0.0.1', 0);
  cleanups.push(() => clientPort.close(0));
  return { port, clientPort };
}

function dial(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  return session;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function ask(session: ClientHttp2Session, path: string, method = 'GET', body?: string): Promise<Answer> {
  const request = session.request({ ':path': path, ':method': method }, { endStream: body === undefined });
  if (body !== undefined) request.end(body);
  const [headers] = (await once(request, 'response')) as [IncomingHttpHeaders];
  return { headers, body: await text(request) };
}

test('what HTTP/1 answers, HTTP/2 answers, beside gRPC', async () => {
  const failing: HttpHandler = () => {
    throw new Error('no');
  };
  const { port } = await serve({
    '/hello': getOnly(hello),
    '/fails': failing,
    '/empty': () => ({ status: 204, body: '' }),
  });
  const session = dial(port);
  const found = await ask(session, '/hello?who=you');
  expect(found.body).toBe('hello you');
  expect(found.headers).toMatchObject({
    ':status': 200,
    'content-type': 'text/plain',
    'content-length': '9',
    'access-control-allow-origin': '*',
  });
  expect(await ask(session, '/hello', 'HEAD')).toMatchObject({ headers: { ':status': 405, allow: 'GET' }, body: '' });
  expect(await ask(session, '/hello', 'POST', 'x'.repeat(100_000))).toMatchObject({ headers: { ':status': 405 } });
  expect(await ask(session, '/none')).toMatchObject({ headers: { ':status': 404 }, body: '404 page not found\n' });
  expect(await ask(session, '/fails')).toMatchObject({ headers: { ':status': 500 } });
  expect(await ask(session, '/empty')).toMatchObject({ headers: { ':status': 204 }, body: '' });
  const client = new WireClient(port);
  cleanups.push(() => client.close());
  expect(await client.unary(METHOD, bytes('still'))).toMatchObject({ code: 0, messages: [bytes('still')] });
});

test('a body larger than every window comes whole, and small ones do not wait for it', async () => {
  const large = 'abcdefgh'.repeat(500_000);
  const { port } = await serve({ '/large': () => ({ status: 200, body: large }), '/hello': hello });
  const session = dial(port);
  const first = session.request({ ':path': '/large' });
  await once(first, 'response');
  // Not read yet: its window is used up.
  expect((await ask(session, '/hello')).body).toBe('hello ');
  expect(await text(first)).toBe(large);
  const bodies = await Promise.all([1, 2, 3].map(() => ask(session, '/large')));
  expect(bodies.map(({ body }) => body === large)).toEqual([true, true, true]);
});

test('a request that is reset, before its answer or within it, leaves nothing behind', async () => {
  const asked = signal();
  const given = signal();
  const { port, clientPort } = await serve({
    '/late': async () => {
      asked.resolve();
      await given.promise;
      return { status: 200, body: 'late' };
    },
    '/large': () => ({ status: 200, body: 'x'.repeat(1_000_000) }),
    '/hello': hello,
  });
  const session = dial(port);
  const late = session.request({ ':path': '/late' });
  late.on('error', () => {});
  await asked.promise;
  late.close(constants.NGHTTP2_CANCEL);
  const large = session.request({ ':path': '/large' });
  large.on('error', () => {});
  await once(large, 'response');
  large.close(constants.NGHTTP2_CANCEL);
  given.resolve();
  expect((await ask(session, '/hello')).body).toBe('hello ');
  // Nothing is under way: a close with time to spare waits for nobody.
  await clientPort.close(60_000);
});

test('answers that are being made are limited on a connection; one beyond is refused and may be tried again', async () => {
  const given = signal();
  const { port } = await serve({
    '/late': async () => {
      await given.promise;
      return { status: 200, body: 'late' };
    },
  });
  const session = dial(port);
  const all = Array.from({ length: HTTP_STREAMS_MAX }, () => ask(session, '/late'));
  const beyond = session.request({ ':path': '/late' });
  const [error] = (await once(beyond, 'error').catch((reason: unknown) => [reason])) as [Error];
  expect(beyond.rstCode).toBe(constants.NGHTTP2_REFUSED_STREAM);
  expect(error).toBeInstanceOf(Error);
  given.resolve();
  expect((await Promise.all(all)).map(({ body }) => body)).toEqual(
    Array.from({ length: HTTP_STREAMS_MAX }, () => 'late'),
  );
  expect((await ask(session, '/late')).body).toBe('late');
});
