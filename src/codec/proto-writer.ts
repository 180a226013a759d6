/**
 * Writes protobuf's wire format from back to front.
 *
 * A message inside a message is preceded by its length, which is known only when it has been written. Written backwards, the
 * length comes when it is known: one pass, no sizes computed beforehand, however deep the nesting.
 *
 *     TxnResponse { header, responses: [ PutResponse { prev_kv } ] }
 *
 *     order of writing:  <- header <- tag <- length <- [ tag <- length <- prev_kv ]
 *
 * Large values that are bytes already (the KeyValues of a range) become pieces of their own and are not copied; small ones
 * are, because a piece has its price as well.
 */

import type { Bytes } from '../base/index.ts';
import { CHUNK_BYTES_MAX, takeChunk } from './chunk-pool.ts';

/** A message in pieces that are sent end to end, or in one. */
export type EncodedMessage = Bytes | Pieces;

export interface Pieces extends ReadonlyArray<Bytes> {
  /** The chunks of the pool that its pieces lie in: of a message that is sent once. Whoever has sent it takes them out and returns them. */
  readonly chunks?: Bytes[];
}

/** From this size on, bytes are sent from where they lie. Copying less than this costs less than a piece does. */
export const PIECE_BYTES_MIN = 4096;

const CHUNK_BYTES_MIN = 128;

const TWO_32 = 0x1_0000_0000;

export class ProtoWriter {
  /** Filled from its end: what is written begins at #at. */
  #chunk: Bytes;
  #at: number;
  /** Finished pieces, the last of the message first. */
  readonly #pieces: Bytes[] = [];
  #piecesBytes = 0;
  /** Chunks of the pool, if it may take any. */
  readonly #pooled: Bytes[] | undefined;

  /**
   * `bytesExpected` spares growing, and memory: the guess may be wrong either way. `isSentOnce`: the message goes to one client, who
   * may have it in chunks that are used again.
   */
  constructor(bytesExpected: number = CHUNK_BYTES_MIN, isSentOnce = false) {
    this.#pooled = isSentOnce ? [] : undefined;
    this.#chunk = this.#newChunk(Math.min(Math.max(bytesExpected, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX));
    this.#at = this.#chunk.length;
  }

  /** Bytes written so far. The difference between two of these is the length of what was written between. */
  get length(): number {
    return this.#piecesBytes + this.#chunk.length - this.#at;
  }

  /** A field of bytes (or an encoded message). Empty ones are written too: leave them out where proto3 does. */
  bytesField(field: number, bytes: Bytes): void {
    this.raw(bytes);
    this.lengthPrefix(field, bytes.length);
  }

  /** Bytes as they are: fields that are encoded already. */
  raw(bytes: Bytes): void {
    if (bytes.length >= PIECE_BYTES_MIN) {
      this.#closeChunk(CHUNK_BYTES_MIN);
      this.#pieces.push(bytes);
      this.#piecesBytes += bytes.length;
    } else {
      this.#reserve(bytes.length);
      this.#at -= bytes.length;
      this.#chunk.set(bytes, this.#at);
    }
  }

  /** Tag and length of a field whose `bytes` bytes stand behind it, whoever put them there. */
  lengthPrefix(field: number, bytes: number): void {
    this.#varint(bytes);
    this.#varint(field * 8 + 2);
  }

  /** Puts the prefix before a message that has just been written, whose last byte was written at length `lengthBefore`. */
  messageField(field: number, lengthBefore: number): void {
    this.lengthPrefix(field, this.length - lengthBefore);
  }

  /** An integer of at most 53 bits. 0 is left out. */
  numberField(field: number, value: number): void {
    if (value === 0) return;
    if (value < 0) this.#bigVarint(BigInt(value));
    else this.#varint(value);
    this.#varint(field * 8);
  }

  /** An integer of 64 bits, signed or not. 0 is left out. */
  bigintField(field: number, value: bigint): void {
    if (value === 0n) return;
    this.#bigVarint(value);
    this.#varint(field * 8);
  }

  /** False is left out. */
  boolField(field: number, value: boolean): void {
    if (value) this.numberField(field, 1);
  }

  /** What was written, front to back. The writer is done after this. */
  finish(): EncodedMessage {
    const chunks = this.#pooled;
    const isPooled = chunks !== undefined && chunks.length > 0;
    if (this.#pieces.length === 0 && !isPooled) return this.#chunk.subarray(this.#at);
    this.#closeChunk(0);
    const pieces = this.#pieces.toReversed();
    return isPooled ? Object.assign(pieces, { chunks }) : pieces;
  }

  #newChunk(bytes: number): Bytes {
    if (this.#pooled === undefined || bytes !== CHUNK_BYTES_MAX) return Buffer.allocUnsafe(bytes);
    const chunk = takeChunk();
    this.#pooled.push(chunk);
    return chunk;
  }

  /** A varint from back to front, so that its first byte is the one with the lowest bits. */
  #varint(value: number): void {
    this.#reserve(8);
    let bytes = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
    this.#at -= bytes;
    let at = this.#at;
    let rest = value;
    while (rest >= TWO_32) {
      this.#chunk[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      this.#chunk[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#chunk[at] = rest;
  }

  #bigVarint(value: bigint): void {
    // Two halves: there is a bigint in every header, and arithmetic with them is slow.
    let low = Number(BigInt.asUintN(32, value));
    let high = Number(BigInt.asUintN(32, value >> 32n));
    if (high === 0) return this.#varint(low);
    const bytes = Math.ceil((64 - Math.clz32(high)) / 7);
    this.#reserve(bytes);
    this.#at -= bytes;
    for (let at = this.#at; at < this.#at + bytes; at++) {
      const isLast = at === this.#at + bytes - 1;
      this.#chunk[at] = isLast ? low : (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
  }

  #reserve(bytes: number): void {
    if (this.#at >= bytes) return;
    this.#closeChunk(Math.max(bytes, Math.min(this.#chunk.length * 2, CHUNK_BYTES_MAX)));
  }

  #closeChunk(nextBytes: number): void {
    const written = this.#chunk.length - this.#at;
    if (written > 0) {
      this.#pieces.push(this.#chunk.subarray(this.#at));
      this.#piecesBytes += written;
    }
    // What is left of the chunk in front of its content serves on.
    if (this.#at >= nextBytes) {
      this.#chunk = this.#chunk.subarray(0, this.#at);
    } else {
      this.#chunk = this.#newChunk(nextBytes);
      this.#at = nextBytes;
    }
  }
}

/** The pieces put end to end; a message that is in one already is returned as it is. */
export function joined(message: EncodedMessage): Bytes {
  if (message instanceof Uint8Array) return message;
  return message.length === 1 && message[0] !== undefined ? message[0] : Buffer.concat(message);
}

/** Bytes of the whole message. */
export function lengthOf(message: EncodedMessage): number {
  if (message instanceof Uint8Array) return message.length;
  let length = 0;
  for (const piece of message) length += piece.length;
  return length;
}
