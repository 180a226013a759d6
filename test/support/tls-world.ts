/** A port that speaks TLS, with an authority of its own, and clients of all kinds for it. */

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { Authority, type Issued, type Subject } from '../../cluster/certificates/index.ts';
import { RealClock } from '../../src/node/real-clock.ts';
import { MemoryLogger } from '../../src/ops/memory-logger.ts';
import {
  type CredentialFiles,
  Credentials,
  type FlagFile,
  type RefusedConnection,
  type TlsPolicy,
  type TlsProtocol,
} from '../../src/tls/index.ts';
import { ClientPort, type Method, unobserved, type WireKind } from '../../src/wire/index.ts';

export const ECHO = '/test.Test/Echo';
/** Answers with the common name of the client. */
export const WHO = '/test.Test/Who';

export const HOSTS = ['127.0.0.1', 'localhost'];
export const PROTOCOL: TlsProtocol = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ciphers: [] };

/** Takes its time to make: one for the file. */
let made: Promise<Authority> | undefined;

export function authority(): Promise<Authority> {
  made ??= Authority.make('a CA');
  return made;
}

/** Certificates as files in a directory. */
export class CertificateFiles {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string): FlagFile {
    writeFileSync(this.path(name), text);
    return { flag: name, path: this.path(name) };
  }

  writePair({ cert, key }: Issued): { cert: FlagFile; key: FlagFile } {
    return { cert: this.write('cert-file', cert), key: this.write('key-file', key) };
  }

  async issue(subject: Subject): Promise<{ cert: FlagFile; key: FlagFile }> {
    return this.writePair(await (await authority()).issue(subject));
  }
}

export interface ServeOptions extends Partial<Omit<TlsPolicy, 'credentials'>> {
  readonly files: CredentialFiles;
  readonly protocol?: TlsProtocol;
  readonly methods?: Readonly<Record<string, Method>>;
  readonly wire?: WireKind;
}

export interface TlsPort extends AsyncDisposable {
  readonly port: number;
  readonly refused: RefusedConnection[];
  readonly logger: MemoryLogger;
}

export async function serveTls(options: ServeOptions): Promise<TlsPort> {
  const { files, protocol = PROTOCOL, clock = new RealClock(), methods, wire, ...policy } = options;
  const logger = new MemoryLogger();
  const refused: RefusedConnection[] = [];
  const clientPort = plainPort((one) => refused.push(one), methods, wire);
  const { port } = await clientPort.listen('127.0.0.1', 0, {
    credentials: new Credentials({ purpose: 'test', files, protocol, clock, logger }),
    clock,
    requireCertificate: false,
    allowed: { commonNames: [], hostnames: [] },
    ...policy,
  });
  return { port, refused, logger, [Symbol.asyncDispose]: () => clientPort.close(0) };
}

export function plainPort(
  onRefused: (refused: RefusedConnection) => void,
  methods: Readonly<Record<string, Method>> = {},
  wire: WireKind = 'native',
): ClientPort {
  return new ClientPort({
    wire,
    grpc: {
      methods: new Map<string, Method>([
        [ECHO, { kind: 'unary', handler: (request) => request }],
        [WHO, { kind: 'unary', handler: (_, call) => Buffer.from(call.commonName ?? 'nobody') }],
        ...Object.entries(methods),
      ]),
      requestBytesMax: 1000,
      streamsMax: 100,
      keepaliveIntervalMs: 60_000,
      keepaliveTimeoutMs: 20_000,
      clientPingMinMs: 5000,
      clock: new RealClock(),
      observer: unobserved,
      onError: (_, error) => {
        throw error;
      },
    },
    http: {
      routes: new Map([['/hello', () => ({ status: 200, body: 'hello' })]]),
      onError: (_, error) => {
        throw error;
      },
    },
    onRefused,
  });
}

export interface Handshake {
  readonly protocol: string | null;
  readonly cipher: string;
  readonly alpn: string | false | null;
  readonly serialNumber: string;
}

/** Connects as a client that trusts the authority. */
export async function dial(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { cert: ca } = await authority();
  const socket = tlsConnect({ port, host: '127.0.0.1', ca, ...options });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** What was agreed on; the connection is closed again. Rejects with what OpenSSL says. */
export async function shakeHands(port: number, options: ConnectionOptions = {}): Promise<Handshake> {
  const socket = await dial(port, options);
  const handshake = {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    alpn: socket.alpnProtocol,
    serialNumber: socket.getPeerCertificate().serialNumber,
  };
  socket.destroy();
  return handshake;
}

/** What a server answers over HTTP/1; empty if it closes the connection instead. */
export async function askHttp(port: number, options: ConnectionOptions = {}): Promise<string> {
  return await heardFrom(await dial(port, options), 'GET /hello HTTP/1.0\r\n\r\n');
}

export async function askPlain(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return await heardFrom(socket, text);
}

async function heardFrom(socket: Socket, text: string): Promise<string> {
  let heard = '';
  socket.on('data', (data) => {
    heard += data.toString('latin1');
  });
  const closed = once(socket, 'close');
  socket.write(text);
  await closed;
  return heard;
}
