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
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { type Bytes, present, Status } from '../base/index.ts';
import { ClientError } from './error.ts';

export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the call with all its tries. */
  readonly deadlineMs?: number | undefined;
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

export interface TransportOptions {
  /** 'host:port', with or without 'http://' before it. */
  readonly endpoints: readonly string[];
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
  readonly #clients = new Map<string, GrpcClient>();
  #current = 0;
  #closed = false;

  constructor(options: TransportOptions) {
    if (options.endpoints.length === 0) throw new TypeError('no endpoints');
    this.#endpoints = options.endpoints.map((endpoint) => endpoint.replace(/^http:\/\//, ''));
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS_DEFAULT;
  }

  /** Makes a call of one request and one answer. Rejects with a ClientError or the signal's reason. */
  async unary(method: string, request: Bytes, retry: Retry, options: CallOptions = {}): Promise<Bytes> {
    const deadline = Date.now() + (options.deadlineMs ?? this.#deadlineMs);
    for (let attempt = 1; ; attempt++) {
      options.signal?.throwIfAborted();
      const endpoint = this.#endpoint();
      try {
        return await this.#unaryOnce(endpoint, method, request, deadline, options.signal);
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
    signal: AbortSignal | undefined,
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
        new Metadata(),
        { deadline },
        done,
      );
      const abort = (): void => call.cancel();
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Opens a conversation with the present endpoint. It is not tried again. */
  duplex(method: string, listeners: StreamListeners): RawStream {
    const endpoint = this.#endpoint();
    const call: ClientDuplexStream<Bytes, Bytes> = this.#client(endpoint).makeBidiStreamRequest(method, asIs, asBytes);
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
      client = new GrpcClient(endpoint, credentials.createInsecure(), CHANNEL_OPTIONS);
      this.#clients.set(endpoint, client);
    }
    return client;
  }
}

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
