/** The port that clients talk to: gRPC and plain HTTP on one socket. */

import type { AddressInfo } from 'node:net';
import { unreachable } from '../base/index.ts';
import type { OnRefused, TlsPolicy } from '../tls/index.ts';
import { GrpcJsServer } from './grpc-js/server.ts';
import { HttpServer, type HttpServerOptions } from './http/server.ts';
import { NativeServer } from './native/server.ts';
import { PortMux } from './port-mux.ts';
import type { GrpcServer, GrpcServerOptions } from './server.ts';

/** Who carries gRPC: our own HTTP/2, or the library. */
export type WireKind = 'native' | 'grpc-js';

export interface ClientPortOptions {
  readonly wire: WireKind;
  readonly grpc: GrpcServerOptions;
  readonly http: HttpServerOptions;
  /** See PortMuxOptions. */
  readonly onRefused?: OnRefused;
}

export class ClientPort {
  readonly #prefersHttp2: boolean;
  readonly #grpc: GrpcServer;
  readonly #http: HttpServer;
  readonly #onRefused: OnRefused | undefined;
  readonly #muxes: PortMux[] = [];

  constructor(options: ClientPortOptions) {
    const http = new HttpServer(options.http);
    // The library has no answer but gRPC's over HTTP/2.
    this.#prefersHttp2 = options.wire === 'native';
    this.#grpc = grpcServer(options.wire, { ...options.grpc, http: (method, url) => http.answerHttp2(method, url) });
    this.#http = http;
    this.#onRefused = options.onRefused;
  }

  /** Serves on one more address, in TLS if its policy is given. Rejects if the address cannot be had. */
  async listen(host: string, port: number, tls?: TlsPolicy): Promise<AddressInfo> {
    const mux = new PortMux({
      grpc: (socket) => this.#grpc.accept(socket),
      http: (socket) => this.#http.accept(socket),
      tls,
      prefersHttp2: this.#prefersHttp2,
      onRefused: this.#onRefused,
    });
    const address = await mux.listen(host, port);
    this.#muxes.push(mux);
    return address;
  }

  /** Takes no more connections, ends conversations and lets what is under way finish for at most `graceMs`, then cuts it. */
  async close(graceMs: number): Promise<void> {
    await Promise.all(this.#muxes.map((mux) => mux.close()));
    await Promise.all([this.#grpc.close(graceMs), this.#http.close(graceMs)]);
  }
}

function grpcServer(wire: WireKind, options: GrpcServerOptions): GrpcServer {
  switch (wire) {
    case 'native':
      return new NativeServer(options);
    case 'grpc-js':
      return new GrpcJsServer(options);
    default:
      return unreachable(wire);
  }
}
