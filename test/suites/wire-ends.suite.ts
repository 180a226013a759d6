/** The wire port: clients that misbehave, what observers hear, and the end of the server. */

import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { RequestError } from '../../src/base/index.ts';
import type { MethodObserver } from '../../src/wire/index.ts';
import { signal } from '../support/signal.ts';
import { answerOf } from '../support/wire-client.ts';
import {
  bytes,
  duplex,
  echo,
  expectServing,
  GRACE_MS,
  type MakeServer,
  METHOD,
  OTHER,
  text,
  unary,
  WireFixture,
} from '../support/wire-fixture.ts';

/** A connection of HTTP/2 whose socket is ours to mistreat. */
async function rawSession(
  fixture: WireFixture,
  port: number,
): Promise<{ session: http2.ClientHttp2Session; socket: net.Socket }> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on('error', () => {});
  fixture.atEnd(() => session.destroy());
  return { session, socket };
}

function request(session: http2.ClientHttp2Session, method: string): http2.ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request(headers);
  stream.on('error', () => {});
  return stream;
}

/** A header of HTTP/2 in its plainest form (RFC 7541, section 6.2.2). */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length]), bytes(name), Buffer.from([value.length]), bytes(value)]);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]);
}

export function wireEndsSuite(name: string, makeServer: MakeServer): void {
  const fixture = new WireFixture(makeServer);

  afterEach(() => fixture.end());

  describe(`${name}: bad company`, () => {
    test.each([
      ['killed', (socket: net.Socket): void => void socket.destroy()],
      ['killed with data unread', (socket: net.Socket): void => void socket.resetAndDestroy()],
    ])('a client that is gone without goodbye, %s, has cancelled its calls', async (_, kill) => {
      const arrived = signal();
      const gone = signal();
      const running = await fixture.serve({
        [METHOD]: echo,
        [OTHER]: duplex((stream, call) => {
          call.onCancelled(() => gone.resolve());
          stream.onMessage(() => arrived.resolve());
        }),
      });
      const { session, socket } = await rawSession(fixture, running.port);
      request(session, OTHER).write(Buffer.from([0, 0, 0, 0, 1, 42]));
      await arrived.promise;
      kill(socket);
      await gone.promise;
      await expectServing(running);
    });

    test('a client that no longer answers is cut off', async () => {
      const arrived = signal();
      const gone = signal();
      const { port } = await fixture.serve(
        {
          [METHOD]: duplex((stream, call) => {
            call.onCancelled(() => gone.resolve());
            stream.onMessage(() => arrived.resolve());
          }),
        },
        { keepaliveIntervalMs: 100, keepaliveTimeoutMs: 100 },
      );
      // A client that answers no pings, by hand: preface, settings, headers (all literals), one message.
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => {});
      fixture.atEnd(() => void socket.destroy());
      const headers = Buffer.concat([
        literal(':method', 'POST'),
        literal(':scheme', 'http'),
        literal(':path', METHOD),
        literal(':authority', 'x'),
        literal('content-type', 'application/grpc'),
        literal('te', 'trailers'),
      ]);
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(frame(4, 0, 0, Buffer.alloc(0)));
      socket.write(frame(1, 4, 1, headers));
      socket.write(frame(0, 0, 1, Buffer.from([0, 0, 0, 0, 1, 42])));
      await arrived.promise;
      await gone.promise;
    });

    test.each([
      ['garbage after the preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nutter garbage that is no frame at all'],
      ['a preface that is cut short', 'PRI * HTTP/2.0\r\n'],
      ['a preface that goes wrong', 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'],
      ['something else altogether', '\u0000\u0001\u0002\u0003'],
    ])('%s: the connection is closed, the others are served', async (_, garbage) => {
      const running = await fixture.serve({ [METHOD]: echo });
      const socket = net.connect(running.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.end(garbage, 'latin1');
      await once(socket, 'close');
      await expectServing(running);
    });

    test('a message that ends before its length is no message', async () => {
      const handled: string[] = [];
      const running = await fixture.serve({
        [METHOD]: echo,
        [OTHER]: unary((request_) => {
          handled.push(text(request_));
          return request_;
        }),
      });
      const { session } = await rawSession(fixture, running.port);
      const stream = request(session, OTHER);
      const trailers = signal<http2.IncomingHttpHeaders>();
      stream.on('response', (headers) => 'grpc-status' in headers && trailers.resolve(headers));
      stream.on('trailers', (headers) => trailers.resolve(headers));
      stream.resume();
      stream.end(Buffer.from([0, 0, 0, 0, 9, 42]));
      expect(Number((await trailers.promise)['grpc-status'])).not.toBe(0);
      expect(handled).toEqual([]);
      await expectServing(running);
    });

    test('a connection that breaks within a frame costs nobody anything', async () => {
      const running = await fixture.serve({ [METHOD]: echo });
      const { session, socket } = await rawSession(fixture, running.port);
      await once(session, 'remoteSettings');
      socket.end(Buffer.from([0, 1, 0, 0, 0]));
      await once(session, 'close');
      await expectServing(running);
    });
  });

  describe(`${name}: observation`, () => {
    test('what happened is told, each thing once', async () => {
      const told: string[] = [];
      const handled = { count: 0, wake: () => {} };
      const observer = (method: string, kind: string): MethodObserver => ({
        started: () => told.push(`${kind} ${method} started`),
        received: (size) => told.push(`received ${size}`),
        sent: (size) => told.push(`sent ${size}`),
        handled: (code, seconds) => {
          told.push(`handled ${code} ${seconds >= 0 && seconds < 60}`);
          handled.count++;
          handled.wake();
        },
      });
      const { client } = await fixture.serve(
        {
          [METHOD]: unary((request) => (request.length === 0 ? Promise.reject(new RequestError('emptyKey')) : request)),
          [OTHER]: duplex((stream) => stream.onMessage((message) => stream.write([message, message]))),
        },
        { observer },
      );
      await client.unary(METHOD, bytes('abc'));
      await client.unary(METHOD, bytes(''));
      const call = client.duplex(OTHER);
      call.write(bytes('xy'));
      await once(call, 'data');
      call.cancel();
      await new Promise<void>((resolve) => {
        handled.wake = () => handled.count === 3 && resolve();
        handled.wake();
      });
      expect(told).toEqual([
        `unary ${METHOD} started`,
        'received 3',
        'sent 3',
        'handled 0 true',
        `unary ${METHOD} started`,
        'received 0',
        'handled 3 true',
        `duplex ${OTHER} started`,
        'received 2',
        'sent 4',
        'handled 1 true',
      ]);
    });
  });

  describe(`${name}: closing`, () => {
    test('a call under way is answered before the connection is closed', async () => {
      const arrived = signal();
      const release = signal();
      const { client, server } = await fixture.serve({
        [METHOD]: unary(async (request) => {
          arrived.resolve();
          await release.promise;
          return request;
        }),
      });
      const answer = client.unary(METHOD, bytes('in time'));
      await arrived.promise;
      const closed = server.close(GRACE_MS);
      release.resolve();
      expect((await answer).messages.map(text)).toEqual(['in time']);
      await closed;
    });

    test('a conversation ends when what was asked is answered, and its client is told why', async () => {
      const arrived = signal();
      const release = signal();
      const { client, server } = await fixture.serve({
        [METHOD]: duplex((stream) => {
          stream.onMessage((message) => {
            arrived.resolve();
            void release.promise.then(() => {
              stream.write(message);
              stream.end();
            });
          });
        }),
        [OTHER]: duplex((stream) => stream.onHalfClose(() => stream.end())),
      });
      const [asking, silent] = [client.duplex(METHOD), client.duplex(OTHER)];
      asking.write(bytes('in time'));
      silent.write(bytes('and nothing more'));
      const answers = Promise.all([answerOf(asking), answerOf(silent)]);
      await arrived.promise;
      // Longer than a test may take.
      const closed = server.close(600_000);
      release.resolve();
      const [answered, ended] = await answers;
      expect(answered.messages.map(text)).toEqual(['in time']);
      const stopped = { code: 14, message: 'etcdserver: server stopped' };
      expect([answered, ended]).toMatchObject([stopped, stopped]);
      await closed;
    });

    test('what does not end is told so, and cut', async () => {
      const arrived = signal();
      const gone = signal();
      const asked = signal();
      const { client, server } = await fixture.serve({
        [METHOD]: duplex((stream, call) => {
          stream.onMessage(() => arrived.resolve());
          call.onCancelled(() => gone.resolve());
        }),
        [OTHER]: unary(() => {
          asked.resolve();
          return new Promise(() => undefined);
        }),
      });
      const call = client.duplex(METHOD);
      call.write(bytes('I stay'));
      await arrived.promise;
      const answer = answerOf(call);
      const waiting = client.unary(OTHER, bytes('and I wait'));
      await asked.promise;
      await server.close(50);
      await gone.promise;
      expect([await answer, await waiting]).toMatchObject([
        { code: 14 },
        { code: 14, message: 'etcdserver: server stopped' },
      ]);
    });
  });
}
