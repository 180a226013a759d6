/**
 * A fuzzer with a grammar: conversations of HTTP/2 that are nearly right, from a seed, into a whole server of ours without a network.
 *
 *     preface, SETTINGS, then frames: mostly well-formed ones on streams that mostly exist, with header blocks that are mostly
 *     headers; some bytes are changed; all of it is cut anywhere
 *
 * Whatever comes, the server must not throw, must not keep calls of a connection that is gone, and must end what it cuts with GOAWAY.
 */

import { Duplex } from 'node:stream';
import { SeededPrng } from '../../src/base/index.ts';
import { RealClock } from '../../src/node/index.ts';
import { type Method, NativeServer, unobserved } from '../../src/wire/index.ts';
import { clientPreface, frame, grpcMessage, requestHeaders } from '../bench/http2-frame.ts';
import { NaiveHpack } from '../support/naive-hpack.ts';

const ECHO: Method = { kind: 'unary', handler: (request) => request };
const TALK: Method = {
  kind: 'duplex',
  handler: (stream) => {
    stream.onMessage((message) => void stream.write(message));
    stream.onHalfClose(() => stream.end());
  },
};
const PATHS = ['/f.F/Echo', '/f.F/Talk', '/f.F/Nothing'];

const FRAMES_MAX = 30;

/** A socket whose other end takes everything and says what it is told. */
class FakeSocket extends Duplex {
  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

class Grammar {
  readonly #prng: SeededPrng;
  #hpack = new NaiveHpack();

  constructor(seed: number) {
    this.#prng = new SeededPrng(seed);
  }

  below(limit: number): number {
    return this.#prng.next() % limit;
  }

  conversation(): Buffer {
    this.#hpack = new NaiveHpack();
    const frames = Array.from({ length: this.below(FRAMES_MAX) }, () => this.#frame());
    const whole = Buffer.concat([clientPreface(2 ** 30), ...frames]);
    const changes = this.below(4) === 0 ? this.below(4) : 0;
    for (let i = 0; i < changes; i++) whole[this.below(whole.length)] = this.below(256);
    return whole;
  }

  cut(whole: Buffer): Buffer[] {
    const chunks: Buffer[] = [];
    for (let at = 0; at < whole.length; ) {
      const to = at + 1 + this.below(this.below(4) === 0 ? 3 : 400);
      chunks.push(whole.subarray(at, to));
      at = to;
    }
    return chunks;
  }

  #frame(): Buffer {
    const id = this.below(20) === 0 ? this.below(2 ** 31) : 1 + 2 * this.below(8);
    switch (this.below(8)) {
      case 0:
      case 1:
        return frame(1, this.below(3) === 0 ? this.below(64) : 4 + this.below(2), id, this.#block());
      case 2:
      case 3:
        return frame(0, this.below(3) === 0 ? this.below(16) : this.below(2), id, this.#content());
      case 4:
        return frame(8, 0, this.below(2) * id, this.#bytes(4));
      case 5:
        return frame(4, this.below(2), 0, Buffer.concat([Buffer.of(0, this.below(8)), this.#bytes(4)]));
      case 6:
        return frame(3, 0, id, Buffer.of(0, 0, 0, this.below(14)));
      default:
        return frame(this.below(12), this.below(256), this.below(2) * id, this.#bytes(this.below(20)));
    }
  }

  #block(): Buffer {
    const path = PATHS[this.below(PATHS.length)] ?? '';
    if (this.below(3) > 0) return requestHeaders(path, 'x');
    const fields = [
      { name: ':path', value: path },
      { name: ':method', value: 'POST' },
      { name: 'content-type', value: 'application/grpc' },
      { name: 'grpc-timeout', value: `${this.below(100)}${'HMSmunx'[this.below(7)]}` },
      { name: `x${this.below(5)}`, value: 'v'.repeat(this.below(200)) },
    ];
    const ways = ['indexed', 'remembered', 'plain', 'never'] as const;
    const coded = fields.map((one) => this.#hpack.field(one, ways[this.below(4)] ?? 'plain', this.below(2) === 0));
    return Buffer.concat(this.below(4) === 0 ? [...coded, this.#bytes(this.below(10))] : coded);
  }

  #content(): Buffer {
    const message = grpcMessage(this.#bytes(this.below(40)));
    if (this.below(4) === 0) message[this.below(message.length)] = this.below(256);
    return message.subarray(0, this.below(3) === 0 ? this.below(message.length) : message.length);
  }

  #bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/** One conversation. Throws what the server throws, or if it did what it must not. */
export async function fuzzOnce(seed: number): Promise<void> {
  const grammar = new Grammar(seed);
  let open = 0;
  const server = new NativeServer({
    methods: new Map([
      ['/f.F/Echo', ECHO],
      ['/f.F/Talk', TALK],
    ]),
    requestBytesMax: 1000,
    streamsMax: 5,
    keepaliveIntervalMs: 0,
    keepaliveTimeoutMs: 0,
    clientPingMinMs: 0,
    clock: new RealClock(),
    observer: () => ({ ...unobserved('', 'unary'), started: () => open++, handled: () => open-- }),
    onError: (_, error) => {
      throw error;
    },
  });
  const socket = new FakeSocket();
  let failure: unknown;
  socket.on('error', (error) => {
    failure = error;
  });
  server.accept(socket);
  for (const chunk of grammar.cut(grammar.conversation())) {
    if (socket.destroyed) break;
    // As a socket does it, so that what is thrown is thrown here.
    socket.emit('data', chunk);
    if (grammar.below(5) === 0) await new Promise(setImmediate);
  }
  socket.destroy();
  await new Promise(setImmediate);
  await server.close(0);
  if (failure !== undefined) throw failure;
  if (open !== 0) throw new Error(`seed ${seed}: ${open} calls of a connection that is gone`);
}
