/**
 * Messages of one stream that wait to be sent, and how far the first of them has gone.
 *
 *     messages   [a1 a2 a3] [b] [c1 c2]
 *     bytes      P a1a1a1 a2 a3 P b P c1 c2       P: gRPC's five bytes, not compressed and the length
 *                        ^ sent so far: in the message, in the piece
 *
 * What is sent is cut wherever a window or a frame ends. Frames need not begin or end where messages do.
 */

import type { Bytes } from '../../base/index.ts';
import { lengthOf } from '../../codec/index.ts';
import type { Message } from '../port.ts';
import { writeUint32 } from './frame.ts';
import type { Output } from './output.ts';

export const PREFIX_BYTES = 5;

/** What a message costs while it waits beside its bytes, so that empty ones count as well. */
const MESSAGE_COST_BYTES = 256;

export class SendQueue {
  readonly #messages: Message[] = [];
  #first = 0;
  #bytes = 0;
  /** Of the first message: bytes of its prefix that are gone, the piece that is next, and how much of this one is gone. */
  #prefixSent = 0;
  #piece = 0;
  #pieceSent = 0;

  /** Bytes that are yet to be sent. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What it costs to keep them. */
  get cost(): number {
    return this.#bytes + (this.#messages.length - this.#first) * MESSAGE_COST_BYTES;
  }

  /** Whether the first message has gone in part. */
  get isWithinMessage(): boolean {
    return this.#prefixSent > 0;
  }

  add(message: Message): void {
    this.#messages.push(message);
    this.#bytes += PREFIX_BYTES + lengthOf(message);
  }

  /** Moves the next `bytes` bytes to the output. There must be as many. */
  moveTo(output: Output, bytes: number): void {
    this.#bytes -= bytes;
    let left = bytes;
    while (left > 0 || this.#isFirstDone()) {
      const message = this.#messages[this.#first];
      if (message === undefined) return;
      if (this.#prefixSent < PREFIX_BYTES) {
        left -= this.#movePrefix(output, message, left);
        continue;
      }
      const piece = pieceOf(message, this.#piece);
      if (piece === undefined) {
        if ('chunks' in message && message.chunks !== undefined) output.returnWhenWritten(message.chunks.splice(0));
        this.#next();
        continue;
      }
      const moved = Math.min(left, piece.length - this.#pieceSent);
      output.add(piece, this.#pieceSent, this.#pieceSent + moved);
      left -= moved;
      this.#pieceSent += moved;
      if (this.#pieceSent === piece.length) {
        this.#piece++;
        this.#pieceSent = 0;
      }
    }
  }

  /** Whether nothing of the first message is left but to forget it. */
  #isFirstDone(): boolean {
    const message = this.#messages[this.#first];
    if (message === undefined || this.#prefixSent < PREFIX_BYTES) return false;
    const piece = pieceOf(message, this.#piece);
    return piece === undefined || piece.length === 0;
  }

  #movePrefix(output: Output, message: Message, left: number): number {
    const prefix = new Uint8Array(PREFIX_BYTES);
    writeUint32(prefix, 1, lengthOf(message));
    const moved = Math.min(left, PREFIX_BYTES - this.#prefixSent);
    output.add(prefix, this.#prefixSent, this.#prefixSent + moved);
    this.#prefixSent += moved;
    return moved;
  }

  #next(): void {
    this.#prefixSent = 0;
    this.#piece = 0;
    this.#pieceSent = 0;
    this.#messages[this.#first++] = NOTHING;
    // What has gone is cut off now and then, not each time.
    if (this.#first * 2 >= this.#messages.length) {
      this.#messages.splice(0, this.#first);
      this.#first = 0;
    }
  }
}

const NOTHING: Message = [];

function pieceOf(message: Message, index: number): Bytes | undefined {
  if (message instanceof Uint8Array) return index === 0 ? message : undefined;
  return message[index];
}
