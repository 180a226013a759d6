/** The client port as a whole: both protocols on one socket, and those who speak neither. */

import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { RealClock } from '../../src/node/index.ts';
import {
  ClientPort,
  type ExchangeHandler,
  type HttpAnswer,
  type HttpHandler,
  type HttpRoutes,
  PortMux,
  plainError,
  unobserved,
  type WireKind,
} from '../../src/wire/index.ts';
import { signal } from '../support/signal.ts';
import { WireClient } from '../support/wire-client.ts';

const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function serve(
  routes: HttpRoutes,
  wire: WireKind = 'native',
  exchanges: ReadonlyMap<string, ExchangeHandler> = new Map(),
): Promise<{ port: number; clientPort: ClientPort; errors: unknown[] }> {
  const errors: unknown[] = [];
  const onError = (_: string, error: unknown): void => void errors.push(error);
  const clientPort = new ClientPort({
    wire,
    grpc: {
      methods: new Map([['/test.Test/Echo', { kind: 'unary', handler: (request) => request }]]),
      requestBytesMax: 1000,
      streamsMax: 100,
      keepaliveIntervalMs: 60_000,
      keepaliveTimeoutMs: 20_000,
      clientPingMinMs: 5000,
      clock: new RealClock(),
      observer: unobserved,
      onError,
    },
    http: { routes, exchanges, onError },
  });
  const { port } = await clientPort.listen('127.0.0.1', 0);
  cleanups.push(() => clientPort.close(0));
  return { port, clientPort, errors };
}

/** Sends `text` in the given pieces, and gives what comes back until the connection closes. */
async function raw(port: number, ...pieces: readonly string[]): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let received = '';
  socket.on('data', (data) => {
    received += data.toString('latin1');
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.setNoDelay(true);
  for (const piece of pieces)
    await new Promise<void>((resolve) => socket.write(piece, 'latin1', () => setImmediate(resolve)));
  socket.end();
  await once(socket, 'close');
  return received;
}

const bytewise = (text: string): string[] => text.split('');

const hello: HttpRoutes = new Map([
  ['/hello', ({ method, query }) => ({ status: 200, body: `${method} ${query.get('who') ?? 'nobody'}` })],
]);

const WIRES: readonly WireKind[] = ['native', 'grpc-js'];

test.each(WIRES)('gRPC by %s and HTTP/1 on one port', async (wire) => {
  const { port } = await serve(hello, wire);
  const client = new WireClient(port);
  cleanups.push(() => client.close());
  expect((await client.unary('/test.Test/Echo', Buffer.from('x'))).messages.map(String)).toEqual(['x']);
  const response = await fetch(`http://127.0.0.1:${port}/hello?who=me`);
  expect([response.status, await response.text()]).toEqual([200, 'GET me']);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  // The same connection again, and again something.
  const again = await fetch(`http://127.0.0.1:${port}/hello`, { method: 'POST', body: 'a body that nobody reads' });
  expect(await again.text()).toBe('POST nobody');
});

test.each(WIRES)('what comes byte by byte is understood as well, by %s', async (wire) => {
  const { port } = await serve(hello, wire);
  const answer = await raw(port, ...bytewise('GET /hello?who=%20me HTTP/1.0\r\n\r\n'));
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toMatch(/GET {2}me$/);
  // The preface in pieces, and then a settings frame: the server answers with its own.
  const settings = await raw(port, ...bytewise('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), '\0\0\0\u0004\0\0\0\0\0');
  expect(settings.charCodeAt(3)).toBe(4);
});

test('a method that begins like the preface is HTTP/1', async () => {
  const { port } = await serve(hello);
  expect(await raw(port, 'P', 'UT /hello HTTP/1.0\r\n\r\n')).toMatch(/PUT nobody$/);
  expect(await raw(port, 'PRI * HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 4\d\d /);
});

test.each([
  ['garbage', 'garbage\r\n\r\n', /^HTTP\/1\.1 400 Bad Request/],
  ['binary garbage', '\u0017\u0003\u0001\u0002\0', /^HTTP\/1\.1 400 Bad Request/],
  ['TLS', '\u0016\u0003\u0001\u0002\0', /^$/],
  ['a path that is not there', 'GET /nothing HTTP/1.0\r\n\r\n', /404 Not Found\r\n[^]*\r\n\r\n404 page not found\n$/],
  ['a path that looks like a host', 'GET //hello HTTP/1.0\r\n\r\n', /404 Not Found/],
  ['a query that cannot be read', 'GET /hello?who=%zz HTTP/1.0\r\n\r\n', /200 OK\r\n[^]*GET %zz$/],
  ['a header without end', `GET /hello HTTP/1.0\r\nx: ${'y'.repeat(100_000)}`, /431/],
  ['nothing', '', /^$/],
])('%s is answered', async (_, request, answer) => {
  const { port } = await serve(hello);
  expect(await raw(port, request)).toMatch(answer);
  expect(await (await fetch(`http://127.0.0.1:${port}/hello`)).text()).toBe('GET nobody');
});

/** Says each piece of the body back as it comes. */
const ECHO: ReadonlyMap<string, ExchangeHandler> = new Map([
  [
    '/echo',
    async (exchange) => {
      exchange.begin(200, {});
      for await (const piece of exchange.body) exchange.write(Buffer.from(piece).toString().toUpperCase());
      exchange.end();
    },
  ],
]);

test('an exchange answers while its body comes', async () => {
  const { port } = await serve(new Map(), 'native', ECHO);
  const request = httpRequest({ port, host: '127.0.0.1', path: '/echo', method: 'POST' });
  request.write('one');
  const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
  const pieces: string[] = [];
  for await (const piece of response) {
    pieces.push(piece.toString());
    if (pieces.length === 1) request.end('two');
  }
  expect(pieces).toEqual(['ONE', 'TWO']);
});

test('an exchange is by POST, and over HTTP/2 the client is told to come over HTTP/1', async () => {
  const { port } = await serve(new Map(), 'native', ECHO);
  expect(await raw(port, 'GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toContain(
    '405 Method Not Allowed',
  );
  const session = http2.connect(`http://127.0.0.1:${port}`);
  cleanups.push(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/echo' });
  stream.end('one');
  await expect(once(stream, 'response')).rejects.toThrow('NGHTTP2_HTTP_1_1_REQUIRED');
});

test('OPTIONS is answered for every path', async () => {
  const { port } = await serve(hello);
  const response = await fetch(`http://127.0.0.1:${port}/anything`, { method: 'OPTIONS' });
  expect(response.status).toBe(200);
  expect(response.headers.get('access-control-allow-methods')).toBe('POST, GET, OPTIONS, PUT, DELETE');
});

test('HEAD gets the headers of the answer', async () => {
  const { port } = await serve(new Map([['/error', () => plainError(405, 'No')]]));
  const response = await fetch(`http://127.0.0.1:${port}/error`, { method: 'HEAD' });
  expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([405, '3', '']);
});

test('a handler that fails is status 500, and told to us', async () => {
  const bug = new Error('a secret of ours');
  const { port, errors } = await serve(new Map([['/bug', () => Promise.reject(bug)]]));
  const response = await fetch(`http://127.0.0.1:${port}/bug`);
  expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error\n']);
  expect(errors).toEqual([bug]);
});

test('a port that is taken is an error', async () => {
  const { port, clientPort } = await serve(hello);
  await expect(clientPort.listen('127.0.0.1', port)).rejects.toThrow('EADDRINUSE');
});

test('a client that says nothing is cut', async () => {
  const mux = new PortMux({ grpc: (socket) => socket.destroy(), http: (socket) => socket.destroy(), sniffMsMax: 50 });
  const { port } = await mux.listen('127.0.0.1', 0);
  cleanups.push(() => mux.close());
  const silent = net.connect(port, '127.0.0.1');
  await once(silent, 'close');
  const slow = net.connect(port, '127.0.0.1');
  slow.write('PRI * HT');
  await once(slow, 'close');
});

test('closing answers what is under way and cuts the idle and the silent', async () => {
  const arrived = signal();
  const slow = signal<HttpAnswer>();
  const routes: HttpRoutes = new Map<string, HttpHandler>([
    ['/hello', () => ({ status: 200, body: 'hello' })],
    [
      '/slow',
      () => {
        arrived.resolve();
        return slow.promise;
      },
    ],
  ]);
  const { port, clientPort } = await serve(routes);
  // One that is idle after an answer, one that has not said anything, one that waits.
  const idle = net.connect(port, '127.0.0.1');
  idle.write('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(idle, 'data');
  const silent = net.connect(port, '127.0.0.1');
  await once(silent, 'connect');
  const request = httpRequest({ port, host: '127.0.0.1', path: '/slow' }).end();
  await arrived.promise;
  const closed = clientPort.close(20_000);
  await Promise.all([once(idle, 'close'), once(silent, 'close')]);
  slow.resolve({ status: 200, body: 'done' });
  const [response] = await once(request, 'response');
  const [body] = await once(response, 'data');
  expect(String(body)).toBe('done');
  response.resume();
  await closed;
});
