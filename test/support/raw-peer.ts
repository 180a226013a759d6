/** A client of the peer port that says what it is told to, and not what a member would. */

import * as grpc from '@grpc/grpc-js';
import { MESSAGES_METHOD, SNAPSHOT_METHOD } from '../../src/peer/hello.ts';

const pass = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

/** How a stream ended. */
export interface StreamEnd {
  readonly code: number;
  readonly text: string;
}

export class RawStream {
  readonly #client: grpc.Client;
  readonly #call: grpc.ClientDuplexStream<Uint8Array, Buffer>;
  readonly answers: Buffer[] = [];
  readonly end: Promise<StreamEnd>;

  constructor(port: number, method: 'messages' | 'snapshot') {
    this.#client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    const path = method === 'messages' ? MESSAGES_METHOD : SNAPSHOT_METHOD;
    this.#call = this.#client.makeBidiStreamRequest(path, pass, (bytes: Buffer) => bytes);
    this.#call.on('data', (bytes: Buffer) => this.answers.push(bytes));
    this.#call.on('error', () => {});
    this.end = new Promise((resolve) => {
      this.#call.on('status', ({ code, details }: grpc.StatusObject) => resolve({ code, text: details }));
    });
  }

  write(bytes: Uint8Array): this {
    this.#call.write(bytes);
    return this;
  }

  finish(): void {
    this.#call.end();
  }

  cut(): void {
    this.#call.cancel();
    this.#client.close();
  }

  close(): void {
    this.#client.close();
  }
}
