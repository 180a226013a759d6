/**
 * gRPC messages out of the content of DATA frames, cut wherever they are.
 *
 *     compressed 8 | length 32 | message
 *
 * A message that lies in one piece is a view of it. One that does not is gathered in a buffer that grows with what has come: a client
 * that announces much and sends little costs little.
 */

import type { Bytes } from '../../base/index.ts';
import { readUint32 } from './frame.ts';
import { PREFIX_BYTES } from './send-queue.ts';

const GATHERED_BYTES_MIN = 1024;

export interface ReadMessage {
  readonly bytes: Bytes;
  readonly isCompressed: boolean;
}

/** Whether this is one message, not compressed, and nothing else. As what clients ask is small, it mostly is. */
export function isOneMessage(content: Buffer): boolean {
  return content.length >= PREFIX_BYTES && content[0] === 0 && readUint32(content, 1) === content.length - PREFIX_BYTES;
}

/** That message. No subarray: that of a Buffer makes a Buffer, which costs twice as much. */
export function messageIn(content: Buffer): Bytes {
  return new Uint8Array(content.buffer, content.byteOffset + PREFIX_BYTES, content.length - PREFIX_BYTES);
}

export class MessageReader {
  readonly #bytesMax: number;
  /** What is left to be read. */
  #input: Buffer;
  #at = 0;
  /** A message that has come in part, with its prefix. */
  #gathered: Buffer = EMPTY;
  #gatheredBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#input = EMPTY;
  }

  /** Bytes that wait for the rest of their message. */
  get waitingBytes(): number {
    return this.#gatheredBytes;
  }

  /** Goes on with `input`. Take with next() what there is before giving more. */
  give(input: Buffer): void {
    this.#input = input;
    this.#at = 0;
  }

  /** The next message, if it is whole; 'tooLarge' if it is announced as larger than allowed. */
  next(): ReadMessage | 'tooLarge' | undefined {
    return this.#gatheredBytes > 0 ? this.#nextGathered() : this.#nextInPlace();
  }

  /** Takes back what has not been looked at. Only right after next() has given a message. */
  rest(): Buffer {
    const rest = this.#input.subarray(this.#at);
    this.#input = EMPTY;
    this.#at = 0;
    return rest;
  }

  #nextInPlace(): ReadMessage | 'tooLarge' | undefined {
    const from = this.#at;
    const there = this.#input.length - from;
    if (there >= PREFIX_BYTES) {
      const length = readUint32(this.#input, from + 1);
      if (length > this.#bytesMax) return 'tooLarge';
      if (there >= PREFIX_BYTES + length) {
        this.#at = from + PREFIX_BYTES + length;
        return {
          bytes: this.#input.subarray(from + PREFIX_BYTES, this.#at),
          isCompressed: this.#input[from] === 1,
        };
      }
    }
    if (there > 0) this.#gather(there);
    return undefined;
  }

  #nextGathered(): ReadMessage | 'tooLarge' | undefined {
    if (this.#gatheredBytes < PREFIX_BYTES) this.#gather(PREFIX_BYTES - this.#gatheredBytes);
    if (this.#gatheredBytes < PREFIX_BYTES) return undefined;
    const length = readUint32(this.#gathered, 1);
    if (length > this.#bytesMax) return 'tooLarge';
    this.#gather(PREFIX_BYTES + length - this.#gatheredBytes);
    if (this.#gatheredBytes < PREFIX_BYTES + length) return undefined;
    const bytes = this.#gathered.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
    const isCompressed = this.#gathered[0] === 1;
    this.#gathered = EMPTY;
    this.#gatheredBytes = 0;
    return { bytes, isCompressed };
  }

  /** Moves at most `bytes` of the input behind what is gathered. */
  #gather(bytes: number): void {
    const moved = Math.min(bytes, this.#input.length - this.#at);
    const needed = this.#gatheredBytes + moved;
    if (needed > this.#gathered.length) {
      const grown = Buffer.allocUnsafe(
        Math.max(needed, Math.min(this.#gathered.length * 2, this.#bytesMax + PREFIX_BYTES), GATHERED_BYTES_MIN),
      );
      this.#gathered.copy(grown, 0, 0, this.#gatheredBytes);
      this.#gathered = grown;
    }
    this.#input.copy(this.#gathered, this.#gatheredBytes, this.#at, this.#at + moved);
    this.#gatheredBytes = needed;
    this.#at += moved;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
