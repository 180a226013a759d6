/**
 * A call that came as JSON, as a handler sees it: the same as one over gRPC.
 *
 *     unary     one answer:          {"header":{..},"kvs":[..]}
 *     streams   a line for each:     {"result":{"header":{..},"events":[..]}}
 */

import type { Bytes, Status } from '../../../base/index.ts';
import { lengthOf } from '../../../codec/index.ts';
import type {
  CallContext,
  CallStatus,
  DuplexStream,
  HttpExchange,
  Message,
  MethodObserver,
} from '../../../wire/index.ts';
import { errorBody, errorLine, httpStatusOf } from './http-status.ts';
import { jsonOf } from './json-answer.ts';
import type { Shape } from './shape.ts';

const JSON_HEADERS = { 'Content-Type': 'application/json', 'Grpc-Metadata-Content-Type': 'application/grpc' };

const OK: CallStatus = { code: 0, message: '' };
const CANCELED: Status = 1;

/** What a client may say beside its request. Of others nobody here would know what to do. */
const METADATA = [
  ['authorization', 'authorization'],
  ['grpc-metadata-token', 'token'],
  ['grpc-metadata-hasleader', 'hasleader'],
  ['grpc-metadata-client-api-version', 'client-api-version'],
] as const;

export interface GatewayCallOptions {
  readonly method: string;
  readonly exchange: HttpExchange;
  readonly response: Shape;
  readonly observer: MethodObserver;
  readonly statusOf: (error: unknown) => CallStatus;
}

export class GatewayCall implements CallContext, DuplexStream {
  readonly method: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly peer: string;
  /** A client's certificate is nobody's name here: etcd's gateway, which calls for its clients, cannot tell it either. */
  readonly commonName = undefined;
  readonly #exchange: HttpExchange;
  readonly #response: Shape;
  readonly #observer: MethodObserver;
  readonly #statusOf: (error: unknown) => CallStatus;
  readonly #begunAt = performance.now();
  #state: 'open' | 'cancelled' | 'ended' = 'open';
  #hasBegun = false;
  #onCancelled: (() => void)[] = [];
  #onEnded: () => void = () => undefined;
  #onMessage: (message: Bytes) => void = () => undefined;
  #onHalfClose: () => void = () => undefined;
  /** Resolves when the client is heard again. */
  #paused: Promise<void> | undefined;
  #resume: () => void = () => undefined;

  constructor({ method, exchange, response, observer, statusOf }: GatewayCallOptions) {
    this.method = method;
    this.#statusOf = statusOf;
    this.peer = exchange.peer;
    this.metadata = metadataOf(exchange);
    this.#exchange = exchange;
    this.#response = response;
    this.#observer = observer;
    observer.started();
    exchange.onGone(() => this.#cancel());
  }

  // ---- what the gateway does ----

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The client has said something. Resolves when it may say more. */
  async heard(message: Bytes): Promise<void> {
    this.#observer.received(message.length);
    this.#onMessage(message);
    while (this.#paused !== undefined && this.isOpen) await this.#paused;
  }

  halfClosed(): void {
    if (this.isOpen) this.#onHalfClose();
  }

  /** The one answer of a call that has one. */
  answer(message: Message): void {
    if (!this.isOpen) return;
    this.#observer.sent(lengthOf(message));
    this.#whole(200, jsonOf(this.#response, message));
    this.#over('ended', OK.code);
  }

  // ---- CallContext ----

  get cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  onCancelled(listener: () => void): void {
    if (this.cancelled) queueMicrotask(listener);
    else this.#onCancelled.push(listener);
  }

  onEnded(listener: () => void): void {
    if (this.isOpen) this.#onEnded = listener;
    else queueMicrotask(listener);
  }

  // ---- DuplexStream ----

  write(message: Message): boolean {
    if (!this.isOpen) return false;
    this.#observer.sent(lengthOf(message));
    this.#begin();
    return this.#exchange.write(`{"result":${jsonOf(this.#response, message)}}\n`);
  }

  onWritable(listener: () => void): void {
    this.#exchange.onWritable(listener);
  }

  end(status: CallStatus = OK): void {
    if (!this.isOpen) return;
    if (status.code === OK.code) {
      this.#begin();
      this.#exchange.end();
    } else if (this.#hasBegun) {
      this.#exchange.write(errorLine(status));
      this.#exchange.end();
    } else this.#whole(httpStatusOf(status), errorBody(status));
    this.#over('ended', status.code);
  }

  fail(error: unknown): void {
    this.end(this.#statusOf(error));
  }

  onMessage(listener: (message: Bytes) => void): void {
    this.#onMessage = listener;
  }

  onHalfClose(listener: () => void): void {
    this.#onHalfClose = listener;
  }

  pause(): void {
    this.#paused ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#paused = undefined;
    this.#resume();
  }

  // ---- within ----

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#exchange.begin(200, JSON_HEADERS);
  }

  #whole(httpStatus: number, body: string): void {
    this.#exchange.begin(httpStatus, { ...JSON_HEADERS, 'Content-Length': String(Buffer.byteLength(body)) });
    this.#exchange.write(body);
    this.#exchange.end();
  }

  #cancel(): void {
    if (!this.isOpen) return;
    const listeners = this.#onCancelled;
    this.#over('cancelled', CANCELED);
    for (const listener of listeners) listener();
  }

  #over(state: 'cancelled' | 'ended', code: Status): void {
    this.#state = state;
    this.#onCancelled = [];
    this.#resume();
    this.#onEnded();
    this.#observer.handled(code, (performance.now() - this.#begunAt) / 1000);
  }
}

function metadataOf(exchange: HttpExchange): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const [header, name] of METADATA) {
    const value = exchange.header(header);
    if (value !== undefined) metadata.set(name, value);
  }
  return metadata;
}
