/**
 * The wire port on HTTP/2 of our own (see ARCHITECTURE.md, "The wire"). It is given connections that begin with HTTP/2's preface, and
 * knows HTTP/2 and gRPC, nothing of what is served.
 *
 *     socket -- Connection --+-- Stream: a call -- handler
 *                            +-- Stream: a call -- handler
 *                Transmitter: what all of them send, one write a turn
 */

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Bytes } from '../../base/index.ts';
import { commonNameOf } from '../../tls/index.ts';
import { callStatusOf, INTERNAL } from '../call-status.ts';
import { Connections } from '../connections.ts';
import type { CallStatus, Message, Method } from '../port.ts';
import type { GrpcServer, GrpcServerOptions } from '../server.ts';
import { Connection, type ConnectionContext, type Peer } from './connection.ts';
import type { Route, Stream } from './stream.ts';
import { Turn } from './turn.ts';

export class NativeServer implements GrpcServer {
  readonly #onError: GrpcServerOptions['onError'];
  readonly #context: ConnectionContext;
  readonly #connections = new Connections();
  readonly #serving = new Set<Connection>();

  constructor(options: GrpcServerOptions) {
    this.#onError = options.onError;
    this.#context = {
      clock: options.clock,
      turn: new Turn(options.clock),
      requestBytesMax: options.requestBytesMax,
      streamsMax: options.streamsMax,
      keepaliveIntervalMs: options.keepaliveIntervalMs,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs,
      clientPingMinMs: options.clientPingMinMs,
      routes: routesOf(options),
      http: options.http,
      begin: (stream, method) => {
        if (method.kind === 'duplex')
          this.#guarded(stream, () => this.#failing(stream, method.handler(stream, stream)));
      },
      answer: (stream, method, request) => this.#answer(stream, method, request),
      guarded: (stream, listener) => this.#guarded(stream, listener),
    };
  }

  accept(socket: Duplex): void {
    if (!this.#connections.add(socket)) return;
    const connection = new Connection(this.#context, socket, peerOf(socket));
    this.#serving.add(connection);
    socket.once('close', () => this.#serving.delete(connection));
  }

  async close(graceMs: number): Promise<void> {
    for (const connection of this.#serving) connection.drain();
    await this.#connections.close(graceMs, () => {
      for (const connection of this.#serving) connection.breakOff();
    });
  }

  #guarded(stream: Stream, listener: () => void): void {
    try {
      listener();
    } catch (error) {
      stream.end(this.#statusOf(stream, error));
    }
  }

  #answer(stream: Stream, method: Method, request: Bytes): void {
    try {
      if (method.kind === 'unary') this.#unary(stream, method.handler(request, stream));
      else if (method.kind === 'serverStream') this.#failing(stream, method.handler(request, stream, stream));
    } catch (error) {
      stream.end(this.#statusOf(stream, error));
    }
  }

  #unary(stream: Stream, answer: Message | Promise<Message>): void {
    if (!(answer instanceof Promise)) return stream.answer(answer);
    void answer.then(
      (message) => this.#answered(stream, message),
      (error: unknown) => stream.end(this.#statusOf(stream, error)),
    );
    return undefined;
  }

  #answered(stream: Stream, message: Message): void {
    try {
      stream.answer(message);
    } catch (error) {
      stream.end(this.#statusOf(stream, error));
    }
  }

  #failing(stream: Stream, done: void | Promise<void>): void {
    if (done instanceof Promise) done.catch((error: unknown) => stream.end(this.#statusOf(stream, error)));
  }

  #statusOf(stream: Stream, error: unknown): CallStatus {
    const status = callStatusOf(error);
    if (status !== undefined) return status;
    this.#onError(stream.method, error);
    return INTERNAL;
  }
}

function routesOf({ methods, observer }: GrpcServerOptions): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  for (const [name, method] of methods) routes.set(name, { name, method, observer: observer(name, method.kind) });
  return routes;
}

function peerOf(socket: Duplex): Peer {
  const { remoteAddress = '', remotePort = 0 } = socket instanceof Socket ? socket : {};
  const host = remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress;
  const commonName = socket instanceof TLSSocket ? commonNameOf(socket.getPeerCertificate()) : undefined;
  return { address: `${host}:${remotePort}`, commonName };
}
