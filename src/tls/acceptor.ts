/**
 * The door of a port that speaks TLS: takes connections as they come in, and hands on those whose handshake succeeded, decrypted.
 *
 *     16 ...                     a TLS record: handshake, then the names in the certificate of the client, if it must have one
 *     GET / HTTP/1.1             plain text: told so in plain text, as Go's servers do
 *     anything else              cut
 *     (not done in 10 s)         cut
 *
 * What is refused is told to `onRefused`, once a connection, and touches no other connection.
 */

import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../base/index.ts';
import type { Credentials, CurrentCredentials } from './credentials.ts';
import { type AllowedNames, nameProblem } from './names.ts';

/** How long a client may take from its connection to the end of the handshake. */
export const HANDSHAKE_MS_MAX = 10_000;

export interface RefusedConnection {
  /** 'host:port' of whoever it was. */
  readonly address: string;
  readonly error: string;
}

export type OnRefused = (refused: RefusedConnection) => void;

export interface TlsPolicy {
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** Whether the client must show a certificate of one of the authorities. */
  readonly requireCertificate: boolean;
  readonly allowed: AllowedNames;
  /** A last question about a client whose certificate is good: what is wrong with it, or undefined. */
  readonly objection?: ((socket: TLSSocket) => Promise<string | undefined>) | undefined;
  readonly handshakeMsMax?: number;
}

/** The type of every first record of TLS: handshake. */
export const TLS_HANDSHAKE = 0x16;
const PLAIN_HTTP = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS) /;
const PLAIN_HTTP_ANSWER = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';

/** A connection that has not come through the door yet. */
interface Waiting {
  readonly socket: Socket;
  readonly address: string;
  readonly limit: Timer;
}

export class TlsAcceptor {
  readonly #policy: TlsPolicy;
  readonly #server: Server;
  readonly #accepted: (socket: TLSSocket) => void;
  readonly #onRefused: OnRefused;
  /** By connectionOf: a decrypted socket does not tell which one it came from. */
  readonly #waiting = new Map<string, Waiting>();
  #shown: CurrentCredentials;

  /** `protocols` are what is spoken behind the door, by their names in ALPN; a client that can do several is given the first. */
  constructor(
    policy: TlsPolicy,
    protocols: readonly string[],
    accepted: (socket: TLSSocket) => void,
    onRefused: OnRefused,
  ) {
    this.#policy = policy;
    this.#accepted = accepted;
    this.#onRefused = onRefused;
    this.#shown = policy.credentials.current;
    this.#server = createServer({
      ...this.#contextOptions(),
      requestCert: policy.requireCertificate,
      // Judged here, where the reason can be told.
      rejectUnauthorized: false,
      ALPNProtocols: [...protocols],
    });
    this.#server.on('secureConnection', (socket) => void this.#secured(socket));
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      this.#refuse(connectionOf(socket), reasonOf(error));
    });
  }

  accept(socket: Socket): void {
    const connection = connectionOf(socket);
    const limit = this.#policy.clock.after(this.#policy.handshakeMsMax ?? HANDSHAKE_MS_MAX, () =>
      this.#refuse(connection, 'no handshake in time'),
    );
    this.#waiting.set(connection, { socket, address: addressOf(socket), limit });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#leave(connection));
    // Encryption knows no half-closed connection.
    socket.allowHalfOpen = false;
    socket.once('data', (data) => {
      if (data[0] !== TLS_HANDSHAKE) {
        this.#refusePlain(connection, data);
        return;
      }
      socket.pause();
      socket.unshift(data);
      this.#renew();
      this.#server.emit('connection', socket);
    });
  }

  /** Cuts those that wait at the door. */
  close(): void {
    for (const { socket } of this.#waiting.values()) socket.destroy();
  }

  // ---- within ----

  #contextOptions(): SecureContextOptions {
    const { options } = this.#shown;
    // A resumed session would not be asked again whether its certificate is still good.
    return this.#policy.requireCertificate ? { ...options, secureOptions: constants.SSL_OP_NO_TICKET } : options;
  }

  #renew(): void {
    const { current } = this.#policy.credentials;
    if (current === this.#shown) return;
    this.#shown = current;
    this.#server.setSecureContext(this.#contextOptions());
  }

  async #secured(socket: TLSSocket): Promise<void> {
    const connection = connectionOf(socket);
    socket.on('error', () => socket.destroy());
    const problem = this.#certificateProblem(socket) ?? (await this.#policy.objection?.(socket));
    if (problem !== undefined) this.#refuse(connection, problem);
    else if (this.#leave(connection) === undefined) socket.destroy();
    else this.#accepted(socket);
  }

  #certificateProblem(socket: TLSSocket): string | undefined {
    if (!this.#policy.requireCertificate) return undefined;
    const certificate = socket.getPeerCertificate();
    // An object without anything in it stands for none.
    if (Object.keys(certificate).length === 0) return 'the client has shown no certificate';
    if (!socket.authorized) return `the certificate of the client is not good: ${String(socket.authorizationError)}`;
    return nameProblem(certificate, this.#policy.allowed);
  }

  #refusePlain(connection: string, data: Buffer): void {
    const waiting = this.#leave(connection);
    if (waiting === undefined) return;
    const { socket, address } = waiting;
    this.#onRefused({ address, error: 'plain text on a port that speaks TLS' });
    if (PLAIN_HTTP.test(data.toString('latin1', 0, 8))) socket.end(PLAIN_HTTP_ANSWER, () => socket.destroy());
    else socket.destroy();
  }

  /** Once a connection. */
  #refuse(connection: string, error: string): void {
    const waiting = this.#leave(connection);
    if (waiting === undefined) return;
    waiting.socket.destroy();
    this.#onRefused({ address: waiting.address, error });
  }

  /** Undefined: it waits no more. */
  #leave(connection: string): Waiting | undefined {
    const waiting = this.#waiting.get(connection);
    this.#waiting.delete(connection);
    waiting?.limit.cancel();
    return waiting;
  }
}

/** Both ends of the connection: what tells it from every other that is open. */
function connectionOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** 'host:port' of the other end. */
export function addressOf({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

/** OpenSSL's messages have line numbers of its source around what they say. */
function reasonOf(error: NodeJS.ErrnoException & { readonly reason?: string }): string {
  return error.reason ?? error.message;
}
