/** What the parts of the wire suite share: a server behind a port, its client, and what handlers are made of. */

import { expect } from 'vitest';
import { RealClock } from '../../src/node/index.ts';
import {
  type CallContext,
  type DuplexStream,
  type GrpcServer,
  type GrpcServerOptions,
  type Message,
  type Method,
  PortMux,
  type SendStream,
  unobserved,
} from '../../src/wire/index.ts';
import { WireClient } from './wire-client.ts';

export type MakeServer = (options: GrpcServerOptions) => GrpcServer;

export const REQUEST_BYTES_MAX = 64 * 1024;

/** Milliseconds; long for a test to wait, and never waited for when all is well. */
export const GRACE_MS = 20_000;

export const METHOD = '/test.Test/Method';
export const OTHER = '/test.Test/Other';

export const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
export const bytes = (content: string): Buffer => Buffer.from(content);

export function unary(handler: (request: Uint8Array, call: CallContext) => Message | Promise<Message>): Method {
  return { kind: 'unary', handler };
}

export function duplex(handler: (stream: DuplexStream, call: CallContext) => void | Promise<void>): Method {
  return { kind: 'duplex', handler };
}

export function serverStream(handler: (stream: SendStream, request: Uint8Array) => void): Method {
  return { kind: 'serverStream', handler: (request, stream) => handler(stream, request) };
}

export const echo: Method = unary((request) => request);

export interface Running {
  readonly port: number;
  readonly client: WireClient;
  readonly server: GrpcServer;
  /** What onError was told. */
  readonly errors: unknown[];
}

/** Starts servers, and ends them and whatever else a test has begun. */
export class WireFixture {
  readonly #makeServer: MakeServer;
  readonly #cleanups: (() => void | Promise<void>)[] = [];

  constructor(makeServer: MakeServer) {
    this.#makeServer = makeServer;
  }

  /** After the test. */
  atEnd(cleanup: () => void | Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  async end(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).toReversed()) await cleanup();
  }

  async serve(methods: Readonly<Record<string, Method>>, options: Partial<GrpcServerOptions> = {}): Promise<Running> {
    const errors: unknown[] = [];
    const server = this.#makeServer({
      methods: new Map(Object.entries(methods)),
      requestBytesMax: REQUEST_BYTES_MAX,
      streamsMax: 1000,
      keepaliveIntervalMs: 60_000,
      keepaliveTimeoutMs: 20_000,
      clientPingMinMs: 5000,
      clock: new RealClock(),
      observer: unobserved,
      onError: (_, error) => errors.push(error),
      ...options,
    });
    const mux = new PortMux({ grpc: (socket) => server.accept(socket), http: (socket) => socket.destroy() });
    const { port } = await mux.listen('127.0.0.1', 0);
    const client = new WireClient(port);
    this.atEnd(async () => {
      client.close();
      await mux.close();
      await server.close(0);
    });
    return { port, client, server, errors };
  }
}

/** Waits until METHOD, which must be `echo`, answers as that of a server in order does. */
export async function expectServing({ client }: Running): Promise<void> {
  const messages = [bytes('still there?')];
  expect(await client.unary(METHOD, bytes('still there?'))).toEqual({ code: 0, message: '', messages });
}
