/**
 * Calls of bytes to one of several endpoints, on grpc-js.
 *
 * All calls go to one endpoint as long as it answers; when it does not, they move on to the next (sticky with failover). Which
 * calls may be tried again follows from what is known about the failed one:
 *
 *     never     the caller sees every failure (raw calls)
 *     unsent    again if the request never left this process (writes)
 *     safe      again whenever the server was not there (reads)
 *
 * Waits between tries grow and are drawn at random, so that the clients of a lost member do not fall upon the next one all at once.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ChannelOptions,
  type ClientDuplexStream,
  credentials,
  Client as GrpcClient,
  InterceptingCall,
  type Interceptor,
  Metadata,
  type ServiceError,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import { type Bytes, present, Status } from '../base/index.ts';
import { etcdserverpb } from '../gen/etcd.js';
import { ClientError } from './error.ts';
import { type Credentials, isStaleToken, NO_TOKEN, SignIn } from './sign-in.ts';

export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the call with all its tries. */
  readonly deadlineMs?: number | undefined;
  /** In place of the client's own; '' for none. */
  readonly token?: string | undefined;
}

export type Retry = 'never' | 'unsent' | 'safe';

/** How a stream ended. */
export interface StreamStatus {
  readonly code: Status;
  readonly message: string;
}

export interface StreamListeners {
  /** Called for each message in order. */
  onMessage(message: Bytes): void;
  /** Called once; no message follows it. */
  onEnd(status: StreamStatus): void;
}

/** A conversation in bytes. */
export interface RawStream {
  readonly endpoint: string;
  send(message: Bytes): void;
  /** Says that no more will be sent. */
  halfClose(): void;
  /** Gives the call up; onEnd follows. */
  cancel(): void;
  /** Holds back messages; the server is held back by flow control once the buffers on the way are full. */
  pause(): void;
  resume(): void;
}

/** All in PEM form. */
export interface ClientTls {
  /** Whose certificates are believed; those that the system believes if not given. */
  readonly ca?: string | undefined;
  /** What this client shows, and the key to it. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The host that the servers' certificates are for, if it is not that of the endpoint. */
  readonly serverName?: string | undefined;
}

export interface TransportOptions {
  /** 'host:port', with 'http://', 'https://' or nothing before it. */
  readonly endpoints: readonly string[];
  /** Who the client is, where auth is on. */
  readonly credentials?: Credentials | undefined;
  /** Speaks TLS to endpoints that do not begin with 'http://'. One that begins with 'https://' is spoken to in TLS in any case. */
  readonly tls?: ClientTls | undefined;
  /** For calls that name no deadline of their own, milliseconds. */
  readonly deadlineMs?: number | undefined;
}

const DEADLINE_MS_DEFAULT = 10_000;
const RETRY_WAIT_FIRST_MS = 10;
const RETRY_WAIT_MAX_MS = 500;

const CHANNEL_OPTIONS: ChannelOptions = {
  // Answers are as large as what was asked for; the server has its own limits for requests.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // grpc-js would keep the messages of long streams to send them again.
  'grpc.enable_retries': 0,
  // Without pings a network that drops packets gives no sign at all. etcd allows one every 5 s while a call is open.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // Each transport has connections of its own.
  'grpc.use_local_subchannel_pool': 1,
  'grpc-node.flow_control_window': 1024 * 1024,
};

const asIs = (bytes: Bytes): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const asBytes = (buffer: Buffer): Bytes => buffer;

/** Milliseconds to wait before try number `attempt` (from 1): up to twice as long each time, drawn from the upper half. */
export function retryWaitMs(attempt: number): number {
  const longest = Math.min(RETRY_WAIT_MAX_MS, RETRY_WAIT_FIRST_MS * 2 ** Math.min(attempt, 16));
  return longest * (0.5 + Math.random() / 2);
}

export class Transport {
  readonly #endpoints: readonly string[];
  readonly #deadlineMs: number;
  readonly #tls: ClientTls | undefined;
  readonly #clients = new Map<string, GrpcClient>();
  readonly #signIn: SignIn | undefined;
  #current = 0;
  #closed = false;

  constructor(options: TransportOptions) {
    if (options.endpoints.length === 0) throw new TypeError('no endpoints');
    this.#endpoints = options.endpoints;
    this.#tls = options.tls;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS_DEFAULT;
    const { credentials: who } = options;
    if (who !== undefined) this.#signIn = new SignIn(() => this.#authenticate(who));
  }

  /** Makes a call of one request and one answer. Rejects with a ClientError or the signal's reason. */
  async unary(method: string, request: Bytes, retry: Retry, options: CallOptions = {}): Promise<Bytes> {
    const signIn = this.#signIn;
    if (signIn === undefined || options.token !== undefined) return await this.#tried(method, request, retry, options);
    const token = await signIn.token();
    try {
      return await this.#tried(method, request, retry, { ...options, token });
    } catch (error) {
      if (!isStaleToken(error)) throw error;
      await signIn.refused(token);
      return await this.#tried(method, request, retry, { ...options, token: await signIn.token() });
    }
  }

  async #authenticate(who: Credentials): Promise<string> {
    const request = etcdserverpb.AuthenticateRequest.encode(who).finish();
    const answer = await this.#tried('/etcdserverpb.Auth/Authenticate', request, 'safe', {});
    return etcdserverpb.AuthenticateResponse.decode(answer).token;
  }

  async #tried(method: string, request: Bytes, retry: Retry, options: CallOptions): Promise<Bytes> {
    const deadline = Date.now() + (options.deadlineMs ?? this.#deadlineMs);
    for (let attempt = 1; ; attempt++) {
      options.signal?.throwIfAborted();
      const endpoint = this.#endpoint();
      try {
        return await this.#unaryOnce(endpoint, method, request, deadline, options);
      } catch (error) {
        if (!(error instanceof ClientError) || !mayRetry(error, retry) || this.#closed) throw error;
        this.failed(endpoint);
        const waitMs = retryWaitMs(attempt);
        if (Date.now() + waitMs >= deadline) throw error;
        await sleep(waitMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
      }
    }
  }

  #unaryOnce(
    endpoint: string,
    method: string,
    request: Bytes,
    deadline: number,
    { signal, token }: CallOptions,
  ): Promise<Bytes> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response: Bytes | undefined): void => {
        signal?.removeEventListener('abort', abort);
        if (error !== null)
          reject(signal?.aborted ? reasonOf(signal) : new ClientError(statusOf(error.code), error.details));
        else resolve(present(response, 'the answer of a call that succeeded'));
      };
      const call = this.#client(endpoint).makeUnaryRequest(
        method,
        asIs,
        asBytes,
        request,
        metadataOf(token),
        { deadline },
        done,
      );
      const abort = (): void => call.cancel();
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Opens a conversation with the present endpoint. It is not tried again. */
  duplex(method: string, listeners: StreamListeners, options: Pick<CallOptions, 'token'> = {}): RawStream {
    const endpoint = this.#endpoint();
    const signIn = options.token === undefined ? this.#signIn : undefined;
    const call: ClientDuplexStream<Bytes, Bytes> = this.#client(endpoint).makeBidiStreamRequest(
      method,
      asIs,
      asBytes,
      metadataOf(options.token),
      signIn === undefined ? {} : { interceptors: [withToken(signIn)] },
    );
    let ended = false;
    call.on('data', (message: Bytes) => {
      if (!ended) listeners.onMessage(message);
    });
    // The status says it all; but an 'error' that nobody listens to would be thrown.
    call.on('error', () => {});
    call.on('status', (status: StatusObject) => {
      if (ended) return;
      ended = true;
      listeners.onEnd({ code: statusOf(status.code), message: status.details });
    });
    return {
      endpoint,
      send: (message) => {
        if (!ended) call.write(message);
      },
      halfClose: () => void call.end(),
      cancel: () => call.cancel(),
      pause: () => void call.pause(),
      resume: () => void call.resume(),
    };
  }

  /** Whether calls go with a token of the client's own. */
  get signsIn(): boolean {
    return this.#signIn !== undefined;
  }

  /** A conversation was refused for its token: the next one begins with another. */
  async renewToken(): Promise<void> {
    const signIn = this.#signIn;
    if (signIn !== undefined) await signIn.refused(await signIn.token());
  }

  /** Says that an endpoint did not answer: the next calls go to another one. */
  failed(endpoint: string): void {
    if (this.#endpoint() === endpoint) this.#current = (this.#current + 1) % this.#endpoints.length;
  }

  /** Ends all connections. Calls under way fail. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #endpoint(): string {
    return present(this.#endpoints[this.#current], 'the current endpoint');
  }

  #client(endpoint: string): GrpcClient {
    if (this.#closed) throw new ClientError(Status.canceled, 'the client is closed');
    let client = this.#clients.get(endpoint);
    if (client === undefined) {
      client = newClient(endpoint, this.#tls);
      this.#clients.set(endpoint, client);
    }
    return client;
  }
}

function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token) metadata.set('token', token);
  return metadata;
}

/** Holds a call back until there is a token. Without one it is made all the same, and ends with the reason why there is none. */
function withToken(signIn: SignIn): Interceptor {
  return (options, nextCall) => {
    const call: InterceptingCall = new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        void setToken(signIn, metadata).then((failure) => {
          // oxlint-disable-next-line promise/no-callback-in-promise -- it is what the library calls the way on
          next(metadata, listener);
          if (failure === undefined) return;
          const isAway = failure instanceof ClientError && failure.status === Status.unavailable;
          call.cancelWithStatus(isAway ? status.UNAVAILABLE : status.UNAUTHENTICATED, failure.message);
        });
      },
    });
    return call;
  };
}

/** Resolves to the reason why there is no token, if so. */
async function setToken(signIn: SignIn, metadata: Metadata): Promise<Error | undefined> {
  try {
    const token = await signIn.token();
    if (token !== NO_TOKEN) metadata.set('token', token);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function newClient(endpoint: string, tls: ClientTls | undefined): GrpcClient {
  const address = endpoint.replace(/^https?:\/\//, '');
  const isSecure = endpoint.startsWith('https://') || (tls !== undefined && !endpoint.startsWith('http://'));
  if (!isSecure) return new GrpcClient(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  const { ca, cert, key, serverName } = tls ?? {};
  const secured = credentials.createSsl(bufferOf(ca), bufferOf(key), bufferOf(cert));
  const name = serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName };
  return new GrpcClient(address, secured, { ...CHANNEL_OPTIONS, ...name });
}

const bufferOf = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));

function mayRetry(error: ClientError, retry: Retry): boolean {
  switch (retry) {
    case 'never':
      return false;
    case 'unsent':
      return error.unsent;
    case 'safe':
      return error.status === Status.unavailable;
    default:
      return retry satisfies never;
  }
}

function statusOf(code: number): Status {
  return Object.values(Status).find((status) => status === code) ?? Status.unknown;
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}
