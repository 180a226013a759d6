/** One attempt at a stream of frames to a peer: from opening it to its end, whatever ends it. */

import { type Client, type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import type { Bytes } from '../base/index.ts';
import { decodePeerAck } from '../codec/index.ts';
import { asBuffer, asBytes, type OpenChannel } from './channel.ts';
import { MESSAGES_METHOD } from './hello.ts';

export interface MessageStreamEvents {
  acknowledged(number: number): void;
  /** Once, and the last event; not after `cut`. */
  ended(problem: StreamProblem): void;
}

export interface StreamProblem {
  readonly text: string;
  /** The peer does not want to talk to us. */
  readonly refused: boolean;
}

export class MessageStream {
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Bytes, Bytes>;
  readonly #events: MessageStreamEvents;
  #over = false;

  /** Throws a TypeError if `url` is none. */
  constructor(url: string, openChannel: OpenChannel, events: MessageStreamEvents) {
    this.#events = events;
    this.#client = openChannel(url);
    this.#call = this.#client.makeBidiStreamRequest(MESSAGES_METHOD, asBuffer, asBytes);
    this.#call.on('data', (bytes: Bytes) => this.#onData(bytes));
    this.#call.on('error', (error: ServiceError) =>
      this.#end({ text: error.details || error.message, refused: error.code === status.FAILED_PRECONDITION }),
    );
    this.#call.on('end', () => this.#end({ text: 'the peer has ended the stream', refused: false }));
  }

  /** What is written and not acknowledged lies in buffers: the caller bounds it. */
  write(frame: Bytes): void {
    if (!this.#over) this.#call.write(frame);
  }

  /** Says that nothing more will come. The peer answers what it has, and then the stream ends. */
  finish(): void {
    if (!this.#over) this.#call.end();
  }

  /** Ends it now. */
  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.#call.cancel();
    this.#client.close();
  }

  #onData(bytes: Bytes): void {
    if (this.#over) return;
    let number: number;
    try {
      number = decodePeerAck(bytes);
    } catch (error) {
      this.#end({ text: `an acknowledgement that is none: ${String(error)}`, refused: false });
      return;
    }
    this.#events.acknowledged(number);
  }

  #end(problem: StreamProblem): void {
    if (this.#over) return;
    this.cut();
    this.#events.ended(problem);
  }
}
