/**
 * grpc.health.v1.Health, which load balancers and gRPC clients ask. There is one service, the server as a whole, whose name
 * is empty. Like etcd's it has Check and Watch, and no List.
 */

import { type Bytes, RequestError } from '../base/index.ts';
import { grpc } from '../gen/etcd.js';
import type { CallContext, Message, Method, SendStream } from '../wire/index.ts';
import { decodeMessage, encodeMessage } from './message.ts';

const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;
const { ServingStatus } = HealthCheckResponse;

/** Whether the server serves, for those who ask and those who want to hear of every change. */
export class ServingState {
  #isServing: boolean;
  readonly #listeners = new Set<() => void>();

  constructor(isServing: boolean) {
    this.#isServing = isServing;
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  set(isServing: boolean): void {
    if (this.#isServing === isServing) return;
    this.#isServing = isServing;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

export function healthMethods(state: ServingState): readonly (readonly [string, Method])[] {
  return [
    ['/grpc.health.v1.Health/Check', { kind: 'unary', handler: (request) => check(state, request) }],
    [
      '/grpc.health.v1.Health/Watch',
      { kind: 'serverStream', handler: (request, stream, call) => watch(state, request, stream, call) },
    ],
  ];
}

function check(state: ServingState, request: Bytes): Message {
  const { service } = decodeMessage(HealthCheckRequest, request);
  if (service !== '') throw new RequestError('unknownService');
  return answer(state);
}

function answer(state: ServingState): Bytes {
  return encodeMessage(HealthCheckResponse, {
    status: state.isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING,
  });
}

/** A service that is not there may come to be, says the protocol: the stream stays open. It never speaks again, though. */
function watch(state: ServingState, request: Bytes, stream: SendStream, call: CallContext): void {
  const { service } = decodeMessage(HealthCheckRequest, request);
  if (service !== '') {
    stream.write(encodeMessage(HealthCheckResponse, { status: ServingStatus.SERVICE_UNKNOWN }));
    return;
  }
  // A client that does not read misses what is over, never what is.
  let isWritable = true;
  let isBehind = false;
  const tell = (): void => {
    isBehind = !isWritable;
    if (isWritable) isWritable = stream.write(answer(state));
  };
  stream.onWritable(() => {
    isWritable = true;
    if (isBehind) tell();
  });
  const stop = state.onChange(tell);
  call.onCancelled(stop);
  tell();
}
