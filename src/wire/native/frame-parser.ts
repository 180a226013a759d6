/**
 * Frames out of whatever pieces a socket reads.
 *
 *     chunks    | PRI * HT | TP/2.0... 00 00 | 05 00 01 00 00 00 01 he | llo 00 00 04 08 ...
 *     sink                                     dataBegin(1, 5) data(he)   data(llo) dataEnd   frame(...)
 *
 * The content of DATA is passed on as it comes, as views of the chunks: nothing is copied, and nobody waits for the rest of a frame.
 * Every other frame is small and is wanted whole: a view too, unless it lies across chunks; then it is gathered.
 */

import {
  ConnectionError,
  ErrorCode,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  PREFACE,
  readUint32,
} from './frame.ts';

/** Who the frames are for. What it throws ends the parsing. */
export interface FrameSink {
  /** A DATA frame begins, whose payload (padding and all) has so many bytes. */
  dataBegin(streamId: number, payloadBytes: number): void;
  /** Some of its content; empty pieces are left out. */
  data(content: Buffer): void;
  dataEnd(isEndOfStream: boolean): void;
  /** Any other frame. `payload` is good until the call returns. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void;
  /** True: no further frame now. Asked before each one. */
  readonly isHeld: boolean;
}

/** No frame is being read. */
const BETWEEN = -1;

/** The length of the padding is yet to come. */
const UNREAD = -1;

export class FrameParser {
  readonly #sink: FrameSink;
  #prefaceBytes = 0;
  readonly #header: Buffer = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  // The frame being read.
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #bytesLeft = BETWEEN;
  #paddingBytes = 0;
  /** The payload of a frame that lies across chunks. */
  #gathered: Buffer | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Whether the connection has begun as HTTP/2 does. */
  get hasPreface(): boolean {
    return this.#prefaceBytes === PREFACE.length;
  }

  /** Reads on. Returns how many bytes it took: all, unless the sink holds. Throws ConnectionError. */
  feed(chunk: Buffer): number {
    let at = this.hasPreface ? 0 : this.#readPreface(chunk);
    while (at < chunk.length) {
      if (this.#bytesLeft === BETWEEN) {
        if (this.#headerBytes === 0 && this.#sink.isHeld) return at;
        at = this.#readHeader(chunk, at);
      } else if (this.#type === FrameType.data) {
        at = this.#readData(chunk, at);
      } else {
        at = this.#readPayload(chunk, at);
      }
    }
    return at;
  }

  #readPreface(chunk: Buffer): number {
    let at = 0;
    for (; at < chunk.length && this.#prefaceBytes < PREFACE.length; at++, this.#prefaceBytes++) {
      if (chunk[at] !== PREFACE[this.#prefaceBytes]) throw new ConnectionError(ErrorCode.protocolError, 'bad preface');
    }
    return at;
  }

  #readHeader(chunk: Buffer, at: number): number {
    if (this.#headerBytes === 0 && chunk.length - at >= FRAME_HEADER_BYTES) {
      this.#begin(chunk, at);
      return at + FRAME_HEADER_BYTES;
    }
    const copied = chunk.copy(this.#header, this.#headerBytes, at);
    this.#headerBytes += copied;
    if (this.#headerBytes === FRAME_HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#begin(this.#header, 0);
    }
    return at + copied;
  }

  #begin(bytes: Buffer, at: number): void {
    const length = readUint32(bytes, at) >>> 8;
    if (length > FRAME_BYTES_MAX) throw new ConnectionError(ErrorCode.frameSizeError, `a frame of ${length} bytes`);
    this.#type = bytes[at + 3] ?? 0;
    this.#flags = bytes[at + 4] ?? 0;
    this.#streamId = readUint32(bytes, at + 5) & 0x7fff_ffff;
    this.#bytesLeft = length;
    if (this.#type === FrameType.data) {
      const isPadded = (this.#flags & FrameFlag.padded) !== 0;
      if (isPadded && length === 0) throw new ConnectionError(ErrorCode.frameSizeError, 'no room for the padding');
      this.#paddingBytes = isPadded ? UNREAD : 0;
      this.#sink.dataBegin(this.#streamId, length);
    }
    // A frame without payload ends here, even if it ends the chunk.
    if (length === 0) this.#end(EMPTY);
  }

  #readData(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#paddingBytes === UNREAD) {
      this.#paddingBytes = chunk[at++] ?? 0;
      if (this.#paddingBytes >= this.#bytesLeft) throw new ConnectionError(ErrorCode.protocolError, 'too much padding');
      this.#bytesLeft--;
    }
    const content = Math.min(this.#bytesLeft - this.#paddingBytes, chunk.length - at);
    if (content > 0) {
      this.#sink.data(at === 0 && content === chunk.length ? chunk : chunk.subarray(at, at + content));
      at += content;
      this.#bytesLeft -= content;
    }
    if (this.#bytesLeft <= this.#paddingBytes) {
      const skipped = Math.min(this.#bytesLeft, chunk.length - at);
      at += skipped;
      this.#bytesLeft -= skipped;
      this.#paddingBytes -= skipped;
      if (this.#bytesLeft === 0) this.#end(EMPTY);
    }
    return at;
  }

  #readPayload(chunk: Buffer, at: number): number {
    const bytes = Math.min(this.#bytesLeft, chunk.length - at);
    this.#bytesLeft -= bytes;
    const gathered = this.#gathered;
    if (gathered !== undefined) chunk.copy(gathered, gathered.length - this.#bytesLeft - bytes, at, at + bytes);
    if (this.#bytesLeft === 0) {
      this.#gathered = undefined;
      this.#end(gathered ?? chunk.subarray(at, at + bytes));
    } else if (gathered === undefined) {
      this.#gathered = Buffer.allocUnsafe(bytes + this.#bytesLeft);
      chunk.copy(this.#gathered, 0, at);
    }
    return at + bytes;
  }

  #end(payload: Buffer): void {
    this.#bytesLeft = BETWEEN;
    if (this.#type === FrameType.data) this.#sink.dataEnd((this.#flags & FrameFlag.endStream) !== 0);
    else this.#sink.frame(this.#type, this.#flags, this.#streamId, payload);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
