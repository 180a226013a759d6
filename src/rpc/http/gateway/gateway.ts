/**
 * etcd's API as JSON over HTTP, for those who do not speak gRPC: curl, Patroni.
 *
 *     curl http://localhost:2379/v3/kv/put -d '{"key":"Zm9v","value":"YmFy"}'
 *
 * A request becomes the bytes of its message and goes to the very handler that gRPC's goes to, past the same guards; what that answers becomes
 * JSON. So there is nothing here that knows a service.
 */

import { type Bytes, Status } from '../../../base/index.ts';
import {
  type CallObserver,
  type CallStatus,
  callStatusOf,
  type ExchangeHandler,
  type HttpExchange,
  INTERNAL,
  type Method,
  type MethodObserver,
  type Methods,
  STOPPED,
} from '../../../wire/index.ts';
import { GatewayCall } from './gateway-call.ts';
import { JsonError, requestOf } from './json-request.ts';
import { JsonValues } from './json-values.ts';
import { GATEWAY_PATHS } from './paths.ts';
import { type MethodShape, Shapes } from './shape.ts';

export interface GatewayOptions {
  readonly methods: Methods;
  readonly observer: CallObserver;
  /** Of a request, as a message. As JSON it may have twice as many. */
  readonly requestBytesMax: number;
  /** Hears of errors that are no answers: bugs of ours, of which the client sees Internal only. */
  readonly onError: (method: string, error: unknown) => void;
}

/** A watch goes on when its client has said all that it wants; any other conversation ends when that is answered. */
const GOES_ON: ReadonlySet<string> = new Set(['/etcdserverpb.Watch/Watch']);

/** By path. */
export function gatewayExchanges(options: GatewayOptions): ReadonlyMap<string, ExchangeHandler> {
  const shapes = new Shapes();
  const handlers = new Map<string, ExchangeHandler>();
  for (const [path, name] of GATEWAY_PATHS) {
    const method = options.methods.get(name);
    if (method === undefined) continue;
    const route = new Route(options, name, method, shapes.method(name));
    handlers.set(path, (exchange) => void route.serve(exchange));
  }
  return handlers;
}

class Route {
  readonly #options: GatewayOptions;
  readonly #name: string;
  readonly #method: Method;
  readonly #shape: MethodShape;
  readonly #observer: MethodObserver;

  constructor(options: GatewayOptions, name: string, method: Method, shape: MethodShape) {
    this.#options = options;
    this.#name = name;
    this.#method = method;
    this.#shape = shape;
    this.#observer = options.observer(name, method.kind);
  }

  /** Never rejects. */
  async serve(exchange: HttpExchange): Promise<void> {
    const call = new GatewayCall({
      method: this.#name,
      exchange,
      response: this.#shape.response,
      observer: this.#observer,
      statusOf: (error) => this.#statusOf(error),
    });
    try {
      const method = this.#method;
      if (method.kind === 'duplex') {
        exchange.onLeaving(() => call.end(STOPPED));
        await Promise.all([method.handler(call, call), this.#converse(exchange, call)]);
        return;
      }
      const request = await this.#request(exchange);
      this.#observer.received(request.length);
      if (!call.isOpen) return;
      if (method.kind === 'unary') call.answer(await method.handler(request, call));
      else await method.handler(request, call, call);
    } catch (error) {
      call.fail(error);
    }
  }

  /** The one request of a call. As with etcd, no body at all is a message without fields, and what follows it is not looked at. */
  async #request(exchange: HttpExchange): Promise<Bytes> {
    const values = new JsonValues();
    for await (const piece of exchange.body) {
      const [text] = values.push(piece);
      if (text !== undefined) return this.#message(text);
      this.#checkSize(values.keptBytes / 2);
    }
    return this.#message(values.finish() ?? '{}');
  }

  async #converse(exchange: HttpExchange, call: GatewayCall): Promise<void> {
    const values = new JsonValues();
    for await (const piece of exchange.body) {
      for (const text of values.push(piece)) await this.#say(call, text);
      if (!call.isOpen) return;
      this.#checkSize(values.keptBytes / 2);
    }
    const last = values.finish();
    if (last !== undefined) await this.#say(call, last);
    if (!GOES_ON.has(this.#name)) call.halfClosed();
  }

  async #say(call: GatewayCall, text: string): Promise<void> {
    if (call.isOpen) await call.heard(this.#message(text));
  }

  #message(text: string): Bytes {
    const message = requestOf(this.#shape.request, text);
    this.#checkSize(message.length);
    return message;
  }

  #checkSize(bytes: number): void {
    if (bytes > this.#options.requestBytesMax) throw new TooLargeError(this.#options.requestBytesMax);
  }

  #statusOf(error: unknown): CallStatus {
    if (error instanceof JsonError) {
      // A gateway that calls for its client, as etcd's does, cannot tell what has broken a conversation.
      const code = this.#method.kind === 'duplex' ? Status.unknown : Status.invalidArgument;
      return { code, message: error.message };
    }
    if (error instanceof TooLargeError) return { code: Status.resourceExhausted, message: error.message };
    const status = callStatusOf(error);
    if (status !== undefined) return status;
    this.#options.onError(this.#name, error);
    return INTERNAL;
  }
}

class TooLargeError extends Error {
  override readonly name = 'TooLargeError';

  constructor(bytesMax: number) {
    super(`grpc: received message larger than max (${bytesMax})`);
  }
}
