/**
 * One port for gRPC and for HTTP/1. A client of HTTP/2 that knows beforehand that it may speak it begins with a preface that
 * HTTP/1 leaves unused (RFC 9113, section 3.4). So the first bytes tell the two apart:
 *
 *     PRI * HTTP/2.0\r\n...     gRPC
 *     GET /health HTTP/1.1      HTTP/1, from the first byte that differs
 *     (nothing, for 10 s)       cut
 *
 * No more than the length of the preface is waited for, and what was read is put back for the server that is handed the
 * connection. On a port that speaks TLS (tls/acceptor.ts) the handshake comes first, and what is looked at is what it has decrypted: a client that
 * agreed on `h2` begins with the preface as well.
 */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { addressOf, type OnRefused, TLS_HANDSHAKE, TlsAcceptor, type TlsPolicy } from '../tls/index.ts';
import { Connections } from './connections.ts';

const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** How long a client may take to show what it speaks. */
export const SNIFF_MS_MAX = 10_000;

/** A connection that has been silent for so long is asked by TCP whether its other end is still there. */
const TCP_KEEPALIVE_MS = 30_000;

export interface PortMuxOptions {
  readonly grpc: (socket: Socket) => void;
  readonly http: (socket: Socket) => void;
  readonly sniffMsMax?: number;
  /** If the port is to speak TLS. */
  readonly tls?: TlsPolicy | undefined;
  /** Whether a client in TLS that can do both is given HTTP/2: so, if `grpc` answers plain HTTP as well. */
  readonly prefersHttp2?: boolean;
  /** Hears of connections that were cut because one end spoke TLS and the other did not, or because of who was there. */
  readonly onRefused?: OnRefused | undefined;
}

export class PortMux {
  readonly #options: PortMuxOptions;
  readonly #server: Server;
  readonly #door: TlsAcceptor | undefined;
  readonly #onRefused: OnRefused;
  /** Those that have not shown yet what they speak. */
  readonly #undecided = new Connections();

  constructor(options: PortMuxOptions) {
    this.#options = options;
    this.#onRefused = options.onRefused ?? (() => {});
    if (options.tls !== undefined) {
      const protocols = options.prefersHttp2 === true ? ['h2', 'http/1.1'] : ['http/1.1', 'h2'];
      this.#door = new TlsAcceptor(options.tls, protocols, (socket) => this.accept(socket), this.#onRefused);
    }
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS },
      (socket) => (this.#door ?? this).accept(socket),
    );
  }

  /** Rejects if the port cannot be had. Port 0 takes any. */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /** Takes no more connections, and cuts those that have not shown what they speak. The others belong to their servers. */
  async close(): Promise<void> {
    this.#server.close();
    this.#door?.close();
    await this.#undecided.close(0);
  }

  /** Finds out what a new connection speaks, decrypted if need be, and hands it on. */
  accept(socket: Socket): void {
    // Whatever becomes of the socket, its errors must not become ours.
    socket.on('error', () => socket.destroy());
    if (!this.#undecided.add(socket)) return;
    const timer = setTimeout(() => socket.destroy(), this.#options.sniffMsMax ?? SNIFF_MS_MAX);
    let seen = Buffer.alloc(0);

    const handTo = (server: (socket: Socket) => void): void => {
      release();
      this.#undecided.remove(socket);
      socket.pause();
      socket.unshift(seen);
      server(socket);
    };
    const onData = (data: Buffer): void => {
      seen = Buffer.concat([seen, data]);
      if (seen[0] === TLS_HANDSHAKE && this.#door === undefined) {
        this.#onRefused({ address: addressOf(socket), error: 'TLS on a port that does not speak it' });
        socket.destroy();
        return;
      }
      const length = Math.min(seen.length, PREFACE.length);
      if (!seen.subarray(0, length).equals(PREFACE.subarray(0, length))) handTo(this.#options.http);
      else if (length === PREFACE.length) {
        // HTTP/2 knows no half-closed connection: one whose client has ended it is over. HTTP/1 may still owe an answer.
        socket.allowHalfOpen = false;
        handTo(this.#options.grpc);
      }
    };
    // Nobody who ends here has asked anything.
    const onEnd = (): void => void socket.destroy();
    const release = (): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('close', release);
    };
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', release);
  }
}
