/**
 * Protobuf as we write it into files: fields in order of their numbers, none left out, every number in as few bytes as it
 * takes. There is then exactly one way to encode a message, and a reader can refuse everything else. Decoders for the wire
 * must be lenient; one for our own files must not be, because there an unknown field or a long zero is a damaged bit.
 *
 *     08 02 | 10 ac 02        field 1: 2, field 2: 300; refused: 08 82 00 | 10 ac 02, or 10 ac 02 | 08 02, or 08 02
 */

import { assert, type Bytes, InvariantError } from '../base/index.ts';

/** A 64-bit number takes at most ten bytes of seven bits. */
export const VARINT_BYTES_MAX = 10;

/** How many bytes `value` takes. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Writes `value`, a whole number below 2^53, at `at`; returns the position behind it. */
export function writeVarint(to: Bytes, at: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvariantError(`not a whole number of at most 53 bits: ${value}`);
  }
  let position = at;
  let rest = value;
  // Above 31 bits the bit operators do not work.
  while (rest > 0x7fff_ffff) {
    to[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    to[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  to[position++] = rest;
  return position;
}

/** Writes an id of 64 bits at `at`; returns the position behind it. */
export function writeIdVarint(to: Bytes, at: number, id: bigint): number {
  assert(id >= 0n && id <= 0xffff_ffff_ffff_ffffn, `not an id of 64 bits: ${id}`);
  let position = at;
  let rest = id;
  while (rest >= 0x80n) {
    to[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  to[position++] = Number(rest);
  return position;
}

/**
 * Reads fields in the order asked for. The first that is not there, or not in its one form, spoils the whole: every further
 * read gives zero, and `done` is false. Asking once at the end is enough.
 */
export class StrictReader {
  readonly #bytes: Bytes;
  #at: number;
  #ok = true;

  constructor(bytes: Bytes, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Whether all went well and nothing is left over. */
  get done(): boolean {
    return this.#ok && this.#at === this.#bytes.length;
  }

  /** A number of at most 53 bits. */
  number(tag: number): number {
    this.#expect(tag);
    return this.#varint();
  }

  /** A number of 64 bits. */
  id(tag: number): bigint {
    this.#expect(tag);
    let id = 0n;
    for (let byte = 0; this.#ok && byte < VARINT_BYTES_MAX; byte++) {
      const next = this.#byte();
      id |= BigInt(next & 0x7f) << BigInt(7 * byte);
      if (next >= 0x80) continue;
      if ((next === 0 && byte > 0) || id > 0xffff_ffff_ffff_ffffn) break;
      return id;
    }
    this.#ok = false;
    return 0n;
  }

  /** A length and so many bytes: a view of them. */
  bytes(tag: number): Bytes {
    this.#expect(tag);
    const length = this.#varint();
    if (!this.#ok || length > this.#bytes.length - this.#at) {
      this.#ok = false;
      return this.#bytes.subarray(0, 0);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #expect(tag: number): void {
    if (this.#byte() !== tag) this.#ok = false;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte !== undefined) return byte;
    this.#ok = false;
    return 0;
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let byte = 0; this.#ok && byte < VARINT_BYTES_MAX; byte++) {
      const next = this.#byte();
      value += (next & 0x7f) * scale;
      scale *= 0x80;
      if (next >= 0x80) continue;
      if ((next === 0 && byte > 0) || value > Number.MAX_SAFE_INTEGER) break;
      return value;
    }
    this.#ok = false;
    return 0;
  }
}
