/** The port that clients talk to: gRPC and HTTP/1 on one socket. */

import type { AddressInfo } from 'node:net';
import { GrpcJsServer } from './grpc-js/server.ts';
import { HttpServer, type HttpServerOptions } from './http/server.ts';
import { PortMux } from './port-mux.ts';
import type { GrpcServer, GrpcServerOptions } from './server.ts';

export interface ClientPortOptions {
  readonly grpc: GrpcServerOptions;
  readonly http: HttpServerOptions;
}

export class ClientPort {
  readonly #grpc: GrpcServer;
  readonly #http: HttpServer;
  readonly #muxes: PortMux[] = [];

  constructor(options: ClientPortOptions) {
    this.#grpc = new GrpcJsServer(options.grpc);
    this.#http = new HttpServer(options.http);
  }

  /** Serves on one more address. Rejects if it cannot be had. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    const mux = new PortMux({
      grpc: (socket) => this.#grpc.accept(socket),
      http: (socket) => this.#http.accept(socket),
    });
    const address = await mux.listen(host, port);
    this.#muxes.push(mux);
    return address;
  }

  /** Takes no more connections, lets what is under way finish for at most `graceMs`, then cuts it. End streams beforehand. */
  async close(graceMs: number): Promise<void> {
    await Promise.all(this.#muxes.map((mux) => mux.close()));
    await Promise.all([this.#grpc.close(graceMs), this.#http.close(graceMs)]);
  }
}
