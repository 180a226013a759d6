/**
 * Reads protobuf's wire format (https://protobuf.dev/programming-guides/encoding), field by field, without making objects
 * of what is passed over.
 *
 *     0a 01 61 | 18 07        field 1, length 1, "a" | field 3, number 7
 *
 *     const reader = new ProtoReader(bytes);
 *     while (reader.next()) {
 *       if (reader.field === 1) key = reader.bytes();
 *       else if (reader.field === 3) lease = reader.bigint();
 *       else reader.skip();
 *     }
 *
 * After next() exactly one of the reading methods must be called. All of them throw ProtocolError where the bytes are not
 * what they should be, and never look beyond the end.
 */

import type { Bytes, Key } from '../base/index.ts';

/** Bytes that are not the message they should be. The text says what is wrong; etcd's words where it has them. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const GROUP_START = 3;
const GROUP_END = 4;
const FIXED32 = 5;

/** A 64-bit number takes ten bytes of seven bits. */
const VARINT_BYTES_MAX = 10;

const TWO_32 = 0x1_0000_0000;

export class ProtoReader {
  readonly #bytes: Bytes;
  #at: number;
  readonly #end: number;
  #wireType = 0;
  /** Low and high halves of the varint read last, as int32: so they are small integers to the engine, which keeps doubles in objects of their own. */
  #low = 0;
  #high = 0;
  /** Number of the field that next() has come to. */
  field = 0;

  /** Of all of `bytes`, or of those from `at` to `end`. */
  constructor(bytes: Bytes, at = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** Goes to the next field. False at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.#readVarint();
    this.#wireType = this.#low & 7;
    this.field = this.#high === 0 ? this.#low >>> 3 : Number.POSITIVE_INFINITY;
    if (this.field === 0 || this.field > 0x1fff_ffff) {
      const tag = (this.#high >>> 0) * TWO_32 + (this.#low >>> 0);
      throw new ProtocolError(`proto: illegal tag ${(tag - this.#wireType) / 8} (wire type ${this.#wireType})`);
    }
    return true;
  }

  /** A field of bytes (or a message), as a view of the whole. */
  bytes(): Bytes {
    this.#expect(LENGTH);
    return this.#view(this.#readLength());
  }

  /** A field that is a message: a reader of it. */
  message(): ProtoReader {
    this.#expect(LENGTH);
    const length = this.#readLength();
    this.#pass(length);
    return new ProtoReader(this.#bytes, this.#at - length, this.#at);
  }

  /** A field of bytes as a key. */
  key(): Key {
    this.#expect(LENGTH);
    const length = this.#readLength();
    this.#pass(length);
    return latin1Slice.call(this.#bytes, this.#at - length, this.#at);
  }

  /** A field of text. */
  text(): string {
    const bytes = this.bytes();
    try {
      return UTF8.decode(bytes);
    } catch (cause) {
      throw new ProtocolError(`proto: field ${this.field} contains invalid UTF-8`, { cause });
    }
  }

  /** An int64 (or int32, or enum) as a number. Beyond 2^53 the nearest one that JavaScript has. */
  number(): number {
    this.#expect(VARINT);
    return this.#nextNumber();
  }

  /** A field of many int32s (or enums), packed or one at a time: adds to `into` what is here. */
  numbers(into: number[]): void {
    if (this.#wireType !== LENGTH) {
      into.push(this.number());
      return;
    }
    const packed = this.message();
    while (packed.#at < packed.#end) into.push(packed.#nextNumber());
  }

  /** An int64 as it is. */
  bigint(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  uint64(): bigint {
    this.#expect(VARINT);
    this.#readVarint();
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }

  bool(): boolean {
    this.#expect(VARINT);
    this.#readVarint();
    return this.#low !== 0 || this.#high !== 0;
  }

  /** Passes over a field that nobody asked for. */
  skip(): void {
    // Groups are long out of use, but they nest; a count does instead of a stack, whose limit the sender could find.
    let groups = 0;
    for (;;) {
      if (this.#wireType === VARINT) this.#readVarint();
      else if (this.#wireType === FIXED64) this.#pass(8);
      else if (this.#wireType === FIXED32) this.#pass(4);
      else if (this.#wireType === LENGTH) this.#pass(this.#readLength());
      else if (this.#wireType === GROUP_START) groups++;
      else if (this.#wireType === GROUP_END && groups > 0) groups--;
      else throw new ProtocolError(`proto: illegal wireType ${this.#wireType} for field ${this.field}`);
      if (groups === 0) return;
      if (!this.next()) throw endsTooSoon();
    }
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) {
      throw new ProtocolError(`proto: wrong wireType = ${this.#wireType} for field ${this.field}`);
    }
  }

  #readLength(): number {
    this.#readVarint();
    if (this.#high < 0) throw new ProtocolError('proto: negative length found during unmarshaling');
    return this.#high * TWO_32 + (this.#low >>> 0);
  }

  /** Not subarray: that of a Buffer makes a Buffer, which costs twice as much. */
  #view(length: number): Bytes {
    this.#pass(length);
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + this.#at - length, length);
  }

  #pass(length: number): void {
    if (length > this.#end - this.#at) throw endsTooSoon();
    this.#at += length;
  }

  #nextNumber(): number {
    this.#readVarint();
    return this.#high === 0 && this.#low >= 0 ? this.#low : this.#high * TWO_32 + (this.#low >>> 0);
  }

  /** Reads a varint into #low and #high. Bits beyond the 64th are dropped, as everyone does. */
  #readVarint(): void {
    const bytes = this.#bytes;
    const first = this.#at < this.#end ? (bytes[this.#at] as number) : 0x80;
    if (first < 0x80) {
      // Nearly every tag, and most lengths.
      this.#at++;
      this.#low = first;
      this.#high = 0;
      return;
    }
    let low = 0;
    let high = 0;
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      if (this.#at >= this.#end) throw endsTooSoon();
      const byte = bytes[this.#at++] as number;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (i * 7);
      else if (i === 4) {
        // The fifth byte lies across the halves: four bits below, three above.
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (i * 7 - 32);
      if (byte < 0x80) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw new ProtocolError('proto: integer overflow');
  }
}

/** One character a byte, with no view in between; of Uint8Arrays too. */
const { latin1Slice } = Buffer.prototype;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function endsTooSoon(): ProtocolError {
  return new ProtocolError('unexpected EOF');
}
