/** A gRPC client that knows no messages: bytes go out as they are given and come back as they came. */

import { createSecureContext, type SecureContextOptions } from 'node:tls';
import * as grpc from '@grpc/grpc-js';

export interface Answer {
  readonly code: number;
  readonly message: string;
  /** The message or messages of the answer, in order. */
  readonly messages: readonly Buffer[];
}

const same = (bytes: Buffer): Buffer => bytes;

export class WireClient {
  readonly #client: grpc.Client;

  /** With `tls`, in TLS. */
  constructor(port: number, tls?: SecureContextOptions) {
    const credentials =
      tls === undefined
        ? grpc.credentials.createInsecure()
        : grpc.credentials.createFromSecureContext(createSecureContext(tls));
    this.#client = new grpc.Client(`127.0.0.1:${port}`, credentials, {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.enable_retries': 0,
      // Each client its own connection, or a test would share another's.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Never rejects: an error is an answer as well. */
  unary(
    method: string,
    request: Uint8Array,
    options: { readonly metadata?: grpc.Metadata; readonly deadlineMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Answer> {
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(
        method,
        same,
        same,
        Buffer.from(request),
        options.metadata ?? new grpc.Metadata(),
        options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs },
        (error, message) => {
          if (error) resolve({ code: error.code, message: error.details, messages: [] });
          else resolve({ code: 0, message: '', messages: message === undefined ? [] : [message] });
        },
      );
      options.signal?.addEventListener('abort', () => call.cancel());
    });
  }

  serverStream(method: string, request: Uint8Array): grpc.ClientReadableStream<Buffer> {
    const call = this.#client.makeServerStreamRequest(method, same, same, Buffer.from(request));
    call.on('error', () => {});
    return call;
  }

  duplex(method: string, metadata: grpc.Metadata = new grpc.Metadata()): grpc.ClientDuplexStream<Buffer, Buffer> {
    const call = this.#client.makeBidiStreamRequest(method, same, same, metadata);
    call.on('error', () => {});
    return call;
  }

  close(): void {
    this.#client.close();
  }
}

/** Reads a stream to its end. */
export function answerOf(
  call: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>,
): Promise<Answer> {
  const messages: Buffer[] = [];
  call.on('data', (message: Buffer) => messages.push(message));
  return new Promise((resolve) => {
    call.on('status', (status: grpc.StatusObject) => resolve({ code: status.code, message: status.details, messages }));
  });
}
