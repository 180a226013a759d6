/**
 * The wire port on @grpc/grpc-js. Messages pass through as bytes: no serializer of grpc-js ever sees a field.
 *
 * grpc-js is not given a port. Connections are injected into it (see port-mux.ts), so that HTTP/1 can live on the same one.
 */

import type { Duplex } from 'node:stream';
import * as grpc from '@grpc/grpc-js';
import { type Bytes, Status } from '../../base/index.ts';
import { lengthOf } from '../../codec/index.ts';
import { callStatusOf, INTERNAL, STOPPED } from '../call-status.ts';
import { Connections } from '../connections.ts';
import type { MethodObserver } from '../observer.ts';
import type { CallStatus, DuplexHandler, Message, Method, ServerStreamHandler, UnaryHandler } from '../port.ts';
import type { GrpcServer, GrpcServerOptions } from '../server.ts';
import { GrpcJsCall } from './call.ts';
import { deserialized, serialized } from './message.ts';
import { GrpcJsDuplexStream, GrpcJsSendStream } from './stream.ts';

export class GrpcJsServer implements GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #server: grpc.Server;
  readonly #injector: ReturnType<grpc.Server['createConnectionInjector']>;
  readonly #connections = new Connections();
  readonly #calls = new Set<GrpcJsCall>();

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#server = new grpc.Server({
      'grpc.max_receive_message_length': options.requestBytesMax,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': options.streamsMax,
      'grpc.keepalive_time_ms': options.keepaliveIntervalMs,
      'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
      'grpc.enable_channelz': 0,
    });
    for (const [name, method] of options.methods) this.#register(name, method);
    this.#injector = this.#server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  }

  accept(socket: Duplex): void {
    if (this.#connections.add(socket)) this.#injector.injectConnection(socket);
  }

  async close(graceMs: number): Promise<void> {
    // Its own time limit comes after ours.
    this.#injector.drain(2 * graceMs);
    for (const call of this.#calls) call.leave();
    await this.#connections.close(graceMs, () => {
      for (const call of this.#calls) call.breakOff();
    });
    this.#server.forceShutdown();
  }

  #register(name: string, method: Method): void {
    const observer = this.#options.observer(name, method.kind);
    switch (method.kind) {
      case 'unary':
        this.#server.register(name, this.#unary(name, method.handler, observer), serialized, deserialized, 'unary');
        break;
      case 'serverStream':
        this.#server.register(
          name,
          this.#serverStream(name, method.handler, observer),
          serialized,
          deserialized,
          'serverStream',
        );
        break;
      case 'duplex':
        this.#server.register(name, this.#duplex(name, method.handler, observer), serialized, deserialized, 'bidi');
        break;
      default:
        method satisfies never;
    }
  }

  #unary(name: string, handler: UnaryHandler, observer: MethodObserver): grpc.handleUnaryCall<Bytes, Message> {
    return (surface, respond) => {
      const call = new GrpcJsCall(name, surface, observer, this.#options.onError, this.#calls);
      observer.received(surface.request.length);
      call.tellStopped = () => respond(statusObject(STOPPED));
      const succeed = (answer: Message): void => {
        if (!call.isOpen) return;
        observer.sent(lengthOf(answer));
        call.end(Status.ok, () => respond(null, answer));
      };
      const fail = (error: unknown): void => {
        const status = this.#statusOf(name, error);
        call.end(status.code, () => respond(statusObject(status)));
      };
      try {
        const answer = handler(surface.request, call);
        if (answer instanceof Promise) answer.then(succeed).catch(fail);
        else succeed(answer);
      } catch (error) {
        fail(error);
      }
    };
  }

  #serverStream(
    name: string,
    handler: ServerStreamHandler,
    observer: MethodObserver,
  ): grpc.handleServerStreamingCall<Bytes, Message> {
    return (surface) => {
      const call = new GrpcJsCall(name, surface, observer, this.#options.onError, this.#calls);
      observer.received(surface.request.length);
      const stream = new GrpcJsSendStream(surface, call, observer);
      const fail = (error: unknown): void => stream.end(this.#statusOf(name, error));
      try {
        const done = handler(surface.request, stream, call);
        if (done instanceof Promise) done.catch(fail);
      } catch (error) {
        fail(error);
      }
    };
  }

  #duplex(
    name: string,
    handler: DuplexHandler,
    observer: MethodObserver,
  ): grpc.handleBidiStreamingCall<Bytes, Message> {
    return (surface) => {
      const call = new GrpcJsCall(name, surface, observer, this.#options.onError, this.#calls);
      const fail = (error: unknown): void => stream.end(this.#statusOf(name, error));
      const stream: GrpcJsDuplexStream = new GrpcJsDuplexStream(surface, call, observer, fail);
      try {
        const done = handler(stream, call);
        if (done instanceof Promise) done.catch(fail);
      } catch (error) {
        fail(error);
      }
    };
  }

  #statusOf(name: string, error: unknown): CallStatus {
    const status = callStatusOf(error);
    if (status !== undefined) return status;
    this.#options.onError(name, error);
    return INTERNAL;
  }
}

function statusObject(status: CallStatus): Partial<grpc.StatusObject> {
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- grpc-js's enum and ours are the same numbers, gRPC's
  return { code: status.code, details: status.message };
}
