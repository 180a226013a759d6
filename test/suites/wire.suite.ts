/**
 * What every gRPC server behind the wire port must do: call wireSuite with a way to make one. The calls go over real
 * sockets, from a client of another make than the server where there is one.
 */

import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { RequestError, Status } from '../../src/base/index.ts';
import { ProtocolError } from '../../src/codec/index.ts';
import {
  type CallContext,
  type DuplexStream,
  type GrpcServer,
  type GrpcServerOptions,
  type Message,
  type Method,
  type MethodObserver,
  PortMux,
  type SendStream,
  unobserved,
} from '../../src/wire/index.ts';
import { answerOf, WireClient } from '../support/wire-client.ts';

const REQUEST_BYTES_MAX = 64 * 1024;

/** Milliseconds; long for a test to wait, and never waited for when all is well. */
const GRACE_MS = 20_000;

const METHOD = '/test.Test/Method';
const OTHER = '/test.Test/Other';

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
const bytes = (content: string): Buffer => Buffer.from(content);

/** A promise and its resolve. */
function signal<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  const { promise, resolve } = withResolvers<T>();
  return { promise, resolve };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

interface Running {
  readonly port: number;
  readonly client: WireClient;
  readonly server: GrpcServer;
  /** What onError was told. */
  readonly errors: unknown[];
}

export function wireSuite(name: string, makeServer: (options: GrpcServerOptions) => GrpcServer): void {
  const cleanups: (() => void | Promise<void>)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function serve(
    methods: Readonly<Record<string, Method>>,
    options: Partial<GrpcServerOptions> = {},
  ): Promise<Running> {
    const errors: unknown[] = [];
    const server = makeServer({
      methods: new Map(Object.entries(methods)),
      requestBytesMax: REQUEST_BYTES_MAX,
      streamsMax: 1000,
      keepaliveIntervalMs: 60_000,
      keepaliveTimeoutMs: 20_000,
      observer: unobserved,
      onError: (_, error) => errors.push(error),
      ...options,
    });
    const mux = new PortMux({ grpc: (socket) => server.accept(socket), http: (socket) => socket.destroy() });
    const { port } = await mux.listen('127.0.0.1', 0);
    const client = new WireClient(port);
    cleanups.push(async () => {
      client.close();
      await mux.close();
      await server.close(0);
    });
    return { port, client, server, errors };
  }

  const unary = (handler: (request: Uint8Array, call: CallContext) => Message | Promise<Message>): Method => ({
    kind: 'unary',
    handler,
  });
  const duplex = (handler: (stream: DuplexStream, call: CallContext) => void): Method => ({ kind: 'duplex', handler });
  const serverStream = (handler: (stream: SendStream, call: CallContext, request: Uint8Array) => void): Method => ({
    kind: 'serverStream',
    handler: (request, stream, call) => handler(stream, call, request),
  });
  const echo = unary((request) => request);

  /** Waits until the server answers, as one that is in order does. */
  async function expectServing({ client }: Running): Promise<void> {
    expect(await client.unary(METHOD, bytes('still there?'))).toEqual({
      code: 0,
      message: '',
      messages: [bytes('still there?')],
    });
  }

  describe(`${name}: unary`, () => {
    test('bytes go in and come out', async () => {
      const { client } = await serve({ [METHOD]: unary((request) => bytes(`${text(request)}!`)) });
      const answer = await client.unary(METHOD, bytes('hello'));
      expect(answer.messages.map(text)).toEqual(['hello!']);
    });

    test('an answer may be empty, and so may a request', async () => {
      const { client } = await serve({ [METHOD]: echo });
      expect(await client.unary(METHOD, bytes(''))).toEqual({ code: 0, message: '', messages: [bytes('')] });
    });

    test('pieces are put end to end', async () => {
      const { client } = await serve({
        [METHOD]: unary(() => [bytes('one '), bytes(''), bytes('two'), bytes(' three')]),
      });
      expect((await client.unary(METHOD, bytes(''))).messages.map(text)).toEqual(['one two three']);
    });

    test('an answer may come later', async () => {
      const { client } = await serve({ [METHOD]: unary(async (request) => request) });
      expect((await client.unary(METHOD, bytes('later'))).messages.map(text)).toEqual(['later']);
    });

    test('a large answer arrives whole', async () => {
      const large = Buffer.alloc(20 * 1024 * 1024, 'large');
      const { client } = await serve({ [METHOD]: unary(() => [large, bytes('end')]) });
      const [message] = (await client.unary(METHOD, bytes(''))).messages;
      expect(message?.equals(Buffer.concat([large, bytes('end')]))).toBe(true);
    });

    test('a request as large as it may be is taken, a larger one refused', async () => {
      const running = await serve({ [METHOD]: unary((request) => bytes(String(request.length))) });
      const largest = await running.client.unary(METHOD, Buffer.alloc(REQUEST_BYTES_MAX));
      expect(largest.messages.map(text)).toEqual([String(REQUEST_BYTES_MAX)]);
      const larger = await running.client.unary(METHOD, Buffer.alloc(REQUEST_BYTES_MAX + 1));
      expect(larger.code).toBe(Status.resourceExhausted);
    });

    test('two calls of one connection do not wait for each other', async () => {
      const release = signal();
      const { client } = await serve({
        [METHOD]: echo,
        [OTHER]: unary(async (request) => {
          await release.promise;
          return request;
        }),
      });
      const slow = client.unary(OTHER, bytes('slow'));
      expect((await client.unary(METHOD, bytes('fast'))).code).toBe(0);
      release.resolve();
      expect((await slow).messages.map(text)).toEqual(['slow']);
    });
  });

  describe(`${name}: errors`, () => {
    test.each([
      [
        'thrown',
        (error: Error): Message => {
          throw error;
        },
      ],
      ['rejected with', (error: Error): Promise<Message> => Promise.reject(error)],
    ])('%s, an error of the table is its status and text', async (_, fail) => {
      const { client, errors } = await serve({ [METHOD]: unary(() => fail(new RequestError('compacted'))) });
      const { code, message } = await client.unary(METHOD, bytes(''));
      expect([code, message]).toEqual([Status.outOfRange, 'etcdserver: mvcc: required revision has been compacted']);
      expect(errors).toEqual([]);
    });

    test('bytes that are no request are Internal', async () => {
      const failing = unary(() => {
        throw new ProtocolError('unexpected EOF');
      });
      const { client, errors } = await serve({ [METHOD]: failing });
      const { code, message } = await client.unary(METHOD, bytes(''));
      expect([code, message]).toEqual([Status.internal, 'grpc: error unmarshalling request: unexpected EOF']);
      expect(errors).toEqual([]);
    });

    test('any other error is Internal to the client, and told to us', async () => {
      const bug = new Error('a secret of ours');
      const { client, errors } = await serve({ [METHOD]: unary(() => Promise.reject(bug)) });
      const { code, message } = await client.unary(METHOD, bytes(''));
      expect(code).toBe(Status.internal);
      expect(message).not.toContain('secret');
      expect(errors).toEqual([bug]);
    });

    test('a method that is not there is Unimplemented', async () => {
      const { client } = await serve({ [METHOD]: echo });
      expect((await client.unary('/test.Test/Nothing', bytes(''))).code).toBe(Status.unimplemented);
      expect((await client.unary('/nothing.Nothing/Nothing', bytes(''))).code).toBe(Status.unimplemented);
    });

    test('a stream that fails at once has the status of its error', async () => {
      const { client } = await serve({
        [METHOD]: duplex(() => {
          throw new RequestError('noLeader');
        }),
        [OTHER]: { kind: 'serverStream', handler: () => Promise.reject(new RequestError('stopped')) },
      });
      expect((await answerOf(client.duplex(METHOD))).message).toBe('etcdserver: no leader');
      expect((await answerOf(client.serverStream(OTHER, bytes('')))).message).toBe('etcdserver: server stopped');
    });

    test('a listener that throws ends its call, and no other', async () => {
      const running = await serve({
        [METHOD]: echo,
        [OTHER]: duplex((stream) =>
          stream.onMessage(() => {
            throw new ProtocolError('nonsense');
          }),
        ),
      });
      const call = running.client.duplex(OTHER);
      call.write(bytes('x'));
      expect((await answerOf(call)).code).toBe(Status.internal);
      await expectServing(running);
    });
  });

  describe(`${name}: context`, () => {
    test('metadata, method and peer are there', async () => {
      const { client } = await serve({
        [METHOD]: unary(({}, call) => {
          const [host, port] = call.peer.split(':');
          const known = { method: call.method, one: call.metadata.get('x-one'), two: call.metadata.get('x-two') };
          return bytes(
            JSON.stringify({ ...known, binary: call.metadata.has('x-bin'), host, hasPort: Number(port) > 0 }),
          );
        }),
      });
      const metadata = new grpc.Metadata();
      metadata.set('X-One', 'first');
      metadata.add('x-two', 'a');
      metadata.add('x-two', 'b');
      metadata.set('x-bin', Buffer.from([1]));
      const answer = await client.unary(METHOD, bytes(''), { metadata });
      expect(JSON.parse(text(answer.messages[0]))).toEqual({
        ...{ method: METHOD, one: 'first', two: 'a, b', binary: false },
        ...{ host: '127.0.0.1', hasPort: true },
      });
    });

    test('a call whose deadline has passed is over', async () => {
      const gone = signal<CallContext>();
      const { client } = await serve({
        [METHOD]: unary(({}, call) => {
          call.onCancelled(() => gone.resolve(call));
          return new Promise(() => {});
        }),
      });
      expect((await client.unary(METHOD, bytes(''), { deadlineMs: 100 })).code).toBe(Status.deadlineExceeded);
      expect((await gone.promise).cancelled).toBe(true);
    });

    test('a call that its client has cancelled says so, to those too who ask afterwards', async () => {
      const arrived = signal<CallContext>();
      const gone = signal();
      const { client } = await serve({
        [METHOD]: unary(({}, call) => {
          call.onCancelled(() => gone.resolve());
          arrived.resolve(call);
          return new Promise(() => {});
        }),
      });
      const abort = new AbortController();
      const answer = client.unary(METHOD, bytes(''), { signal: abort.signal });
      const call = await arrived.promise;
      expect(call.cancelled).toBe(false);
      abort.abort();
      expect((await answer).code).toBe(Status.canceled);
      await gone.promise;
      const again = signal();
      let isWithin = true;
      call.onCancelled(() => {
        expect(isWithin).toBe(false);
        again.resolve();
      });
      isWithin = false;
      await again.promise;
    });

    test('a call that was answered is not cancelled', async () => {
      const calls: CallContext[] = [];
      const cancelled: string[] = [];
      const running = await serve({
        [METHOD]: unary((request, call) => {
          calls.push(call);
          call.onCancelled(() => cancelled.push('unary'));
          return request;
        }),
        [OTHER]: duplex((stream, call) => {
          calls.push(call);
          call.onCancelled(() => cancelled.push('duplex'));
          stream.onHalfClose(() => stream.end());
        }),
      });
      await running.client.unary(METHOD, bytes(''));
      const call = running.client.duplex(OTHER);
      call.end();
      await answerOf(call);
      await expectServing(running);
      running.client.close();
      await running.server.close(GRACE_MS);
      expect(cancelled).toEqual([]);
      expect(calls.map((one) => one.cancelled)).toEqual([false, false, false]);
    });
  });

  describe(`${name}: streams`, () => {
    test('a stream of messages, and its end', async () => {
      const { client } = await serve({
        [METHOD]: serverStream((stream, _, request) => {
          for (let i = 0; i < 100; i++) stream.write([request, bytes(String(i))]);
          stream.end();
        }),
      });
      const answer = await answerOf(client.serverStream(METHOD, bytes('n')));
      expect(answer.code).toBe(0);
      expect(answer.messages.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => `n${i}`));
    });

    test('a status comes after what was written before it', async () => {
      const { client } = await serve({
        [METHOD]: serverStream((stream) => {
          stream.write(bytes('first'));
          stream.end({ code: Status.canceled, message: 'etcdserver: watch canceled' });
        }),
      });
      expect(await answerOf(client.serverStream(METHOD, bytes('')))).toEqual({
        code: Status.canceled,
        message: 'etcdserver: watch canceled',
        messages: [bytes('first')],
      });
    });

    test('after the end nothing follows, and the first end counts', async () => {
      const { client } = await serve({
        [METHOD]: serverStream((stream) => {
          stream.end();
          stream.write(bytes('too late'));
          stream.end({ code: Status.aborted, message: 'too late' });
        }),
      });
      expect(await answerOf(client.serverStream(METHOD, bytes('')))).toMatchObject({ code: 0, messages: [] });
    });

    test('a conversation', async () => {
      const { client } = await serve({
        [METHOD]: duplex((stream) => {
          stream.onMessage((message) => stream.write([bytes('re: '), message]));
          stream.onHalfClose(() => stream.end());
        }),
      });
      const call = client.duplex(METHOD);
      call.write(bytes('a'));
      expect(text((await once(call, 'data'))[0])).toBe('re: a');
      call.write(bytes('b'));
      call.end();
      expect(await answerOf(call)).toMatchObject({ code: 0, messages: [bytes('re: b')] });
    });

    test('a client that has said all it has to say is still served', async () => {
      const { client } = await serve({
        [METHOD]: duplex((stream) => {
          stream.onHalfClose(() => {
            stream.write(bytes('I go on'));
            setImmediate(() => {
              stream.write(bytes('and on'));
              stream.end();
            });
          });
        }),
      });
      const call = client.duplex(METHOD);
      call.end();
      expect((await answerOf(call)).messages.map(text)).toEqual(['I go on', 'and on']);
    });

    test('a cancelled conversation is not one that was ended', async () => {
      let cancelled = (): void => {};
      const heard: string[] = [];
      const running = await serve({
        [METHOD]: echo,
        [OTHER]: duplex((stream, call) => {
          stream.onHalfClose(() => heard.push('half-close'));
          stream.onMessage(() => stream.write(bytes('here')));
          call.onCancelled(() => cancelled());
        }),
      });
      for (let i = 0; i < 30; i++) {
        const gone = signal();
        cancelled = gone.resolve;
        const call = running.client.duplex(OTHER);
        call.write(bytes('there?'));
        await once(call, 'data');
        call.cancel();
        await gone.promise;
      }
      await expectServing(running);
      expect(heard).toEqual([]);
    });

    test('a client that does not read holds its writer back, and gets everything once it reads', async () => {
      const message = Buffer.alloc(10_000, 'm');
      const held = signal<number>();
      const total = 1000;
      const { client } = await serve({
        [METHOD]: serverStream((stream) => {
          let written = 0;
          const fill = (): void => {
            while (written < total) {
              written++;
              if (!stream.write(message)) {
                held.resolve(written);
                return;
              }
            }
            stream.end();
          };
          stream.onWritable(fill);
          fill();
        }),
      });
      const call = client.serverStream(METHOD, bytes(''));
      // Nothing is read until somebody listens. Buffers of both ends and the socket's lie between.
      expect(await held.promise).toBeLessThan(total / 2);
      const answer = await answerOf(call);
      expect(answer.code).toBe(0);
      expect(answer.messages.length).toBe(total);
      expect(answer.messages.every((one) => one.equals(message))).toBe(true);
    });

    test('a stuck stream does not hold up another of the same connection', async () => {
      const stuck = signal();
      const running = await serve({
        [METHOD]: echo,
        [OTHER]: serverStream((stream) => {
          while (stream.write(Buffer.alloc(10_000)));
          stuck.resolve();
        }),
      });
      const call = running.client.serverStream(OTHER, bytes(''));
      await stuck.promise;
      await expectServing(running);
      call.cancel();
    });

    test('a paused stream delivers nothing until it is resumed, and then all in order', async () => {
      const received: string[] = [];
      const paused = signal<DuplexStream>();
      const all = signal();
      const total = 300;
      const running = await serve({
        [METHOD]: echo,
        [OTHER]: duplex((stream) => {
          stream.onMessage((message) => {
            received.push(text(message));
            if (received.length === 1) {
              stream.pause();
              paused.resolve(stream);
            }
            if (received.length === total) all.resolve();
          });
        }),
      });
      const call = running.client.duplex(OTHER);
      for (let i = 0; i < total; i++) call.write(bytes(String(i)));
      const stream = await paused.promise;
      await expectServing(running);
      expect(received).toEqual(['0']);
      stream.resume();
      await all.promise;
      expect(received).toEqual(Array.from({ length: total }, (_, i) => String(i)));
      call.cancel();
    });
  });

  describe(`${name}: bad company`, () => {
    /** A connection of HTTP/2 whose socket is ours to mistreat. */
    async function rawSession(port: number): Promise<{ session: http2.ClientHttp2Session; socket: net.Socket }> {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
      session.on('error', () => {});
      cleanups.push(() => session.destroy());
      return { session, socket };
    }

    function request(session: http2.ClientHttp2Session, method: string): http2.ClientHttp2Stream {
      const stream = session.request({
        ...{ ':method': 'POST', ':path': method },
        ...{ 'content-type': 'application/grpc', te: 'trailers' },
      });
      stream.on('error', () => {});
      return stream;
    }

    test.each([
      ['killed', (socket: net.Socket): void => void socket.destroy()],
      ['killed with data unread', (socket: net.Socket): void => void socket.resetAndDestroy()],
    ])('a client that is gone without goodbye, %s, has cancelled its calls', async (_, kill) => {
      const arrived = signal();
      const gone = signal();
      const running = await serve({
        [METHOD]: echo,
        [OTHER]: duplex((stream, call) => {
          call.onCancelled(() => gone.resolve());
          stream.onMessage(() => arrived.resolve());
        }),
      });
      const { session, socket } = await rawSession(running.port);
      request(session, OTHER).write(Buffer.from([0, 0, 0, 0, 1, 42]));
      await arrived.promise;
      kill(socket);
      await gone.promise;
      await expectServing(running);
    });

    test('a client that no longer answers is cut off', async () => {
      const arrived = signal();
      const gone = signal();
      const { port } = await serve(
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
      cleanups.push(() => void socket.destroy());
      const literal = (header: string, value: string): Buffer =>
        Buffer.concat([Buffer.from([0, header.length]), bytes(header), Buffer.from([value.length]), bytes(value)]);
      const headers = Buffer.concat([
        literal(':method', 'POST'),
        literal(':scheme', 'http'),
        literal(':path', METHOD),
        literal(':authority', 'x'),
        literal('content-type', 'application/grpc'),
        literal('te', 'trailers'),
      ]);
      const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer =>
        Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]);
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
      const running = await serve({ [METHOD]: echo });
      const socket = net.connect(running.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.end(garbage, 'latin1');
      await once(socket, 'close');
      await expectServing(running);
    });

    test('a message that ends before its length is no message', async () => {
      const handled: string[] = [];
      const running = await serve({
        [METHOD]: echo,
        [OTHER]: unary((request_) => {
          handled.push(text(request_));
          return request_;
        }),
      });
      const { session } = await rawSession(running.port);
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
      const running = await serve({ [METHOD]: echo });
      const { session, socket } = await rawSession(running.port);
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
      const { client } = await serve(
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
        ...[`unary ${METHOD} started`, 'received 3', 'sent 3', 'handled 0 true'],
        ...[`unary ${METHOD} started`, 'received 0', 'handled 3 true'],
        ...[`duplex ${OTHER} started`, 'received 2', 'sent 4', 'handled 1 true'],
      ]);
    });
  });

  describe(`${name}: closing`, () => {
    test('a call under way is answered before the connection is closed', async () => {
      const arrived = signal();
      const release = signal();
      const { client, server } = await serve({
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

    test('what does not end is cut', async () => {
      const arrived = signal();
      const gone = signal();
      const { client, server } = await serve({
        [METHOD]: duplex((stream, call) => {
          stream.onMessage(() => arrived.resolve());
          call.onCancelled(() => gone.resolve());
        }),
      });
      const call = client.duplex(METHOD);
      call.write(bytes('I stay'));
      await arrived.promise;
      const answer = answerOf(call);
      await server.close(50);
      await gone.promise;
      expect((await answer).code).not.toBe(0);
    });
  });
}
