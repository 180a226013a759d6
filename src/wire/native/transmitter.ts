/**
 * The sending half of a connection.
 *
 *     stream -- small, and nothing waits --------------------------> output --(end of turn)--> socket
 *     stream -- large, or others wait, or the window is used up --> ready     one frame each, in turn
 *
 * As long as the client keeps up, what a stream writes goes straight into the output. When it does not, each stream keeps what it
 * has, and those that have something stand in `ready`; whenever the socket has taken the last output, the next is made of one frame
 * of each. So a small event waits for one frame of each large answer at most, and for what is in the output already.
 */

import type { Duplex } from 'node:stream';
import {
  type ErrorCode,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  WINDOW_BYTES_INITIAL,
  WINDOW_BYTES_MAX,
  writeUint32,
} from './frame.ts';
import {
  CONNECTION_QUEUED_BYTES_MAX,
  CONTROL_BYTES_MAX,
  FLUSH_BYTES_MAX,
  OUTPUT_BYTES_MAX,
  TURN_BYTES_MAX,
} from './limits.ts';
import { Output, PIECE_BYTES_MIN } from './output.ts';
import type { Flushing, Turn } from './turn.ts';

/** A stream that has something to send. */
export interface Sender {
  /** Sends at most a frame's worth. True: there is more, and its own window lets it pass. */
  sendNext(): boolean;
}

/** No stream has this id: it is the connection's. */
const NO_STREAM = 0;

const EMPTY: Buffer = Buffer.alloc(0);

export class Transmitter implements Flushing {
  readonly output: Output = new Output();
  readonly #socket: Duplex;
  readonly #turn: Turn;
  /** Hears when the client does not read and makes us keep more than is allowed. */
  readonly #onOverflow: () => void;
  #window = WINDOW_BYTES_INITIAL;
  /** In the order of their turns. */
  readonly #ready = new Set<Sender>();
  /** The DATA frame at the end of the output, which may become longer: whose it is, where its header is, and its bytes. */
  #openStream = NO_STREAM;
  #openSlab: Buffer = EMPTY;
  #openAt = 0;
  #openBytes = 0;
  #isWriting = false;
  #writes = 0;
  #isScheduled = false;
  #isClosed = false;
  #queuedBytes = 0;
  #controlBytes = 0;
  #onFlushed: (() => void) | undefined;

  constructor(socket: Duplex, turn: Turn, onOverflow: () => void) {
    this.#socket = socket;
    this.#turn = turn;
    this.#onOverflow = onOverflow;
  }

  /** What the client takes of all streams together, before it says more. */
  get window(): number {
    return this.#window;
  }

  /** Whether frames may be put into the output now. (Those of the connection itself always may.) */
  get isOpen(): boolean {
    return !this.#isWriting && !this.#isClosed && this.output.bytes < OUTPUT_BYTES_MAX;
  }

  /** Whether a stream may send so many bytes now, without waiting for its turn. */
  isFreeFor(bytes: number): boolean {
    return this.#ready.size === 0 && bytes <= this.#window && this.isOpen;
  }

  /**
   * The header of a DATA frame, whose payload the caller adds, to begin with what goes to the place that this returns. If a frame of the stream is
   * the last thing in the output, and has room, it becomes longer instead: many small messages of a stream are one frame.
   */
  dataHeader(streamId: number, bytes: number, roomFor: number): number {
    this.#window -= bytes;
    if (this.#openStream === streamId && this.#openBytes + bytes <= TURN_BYTES_MAX) {
      this.#openBytes += bytes;
      writeUint32(this.#openSlab, this.#openAt, this.#openBytes << 8);
      return this.output.reserve(roomFor);
    }
    const at = this.output.reserve(FRAME_HEADER_BYTES + roomFor);
    const { slab } = this.output;
    writeUint32(slab, at, bytes << 8);
    slab[at + 4] = 0;
    writeUint32(slab, at + 5, streamId);
    this.#openStream = streamId;
    this.#openSlab = slab;
    this.#openAt = at;
    this.#openBytes = bytes;
    this.schedule();
    return at + FRAME_HEADER_BYTES;
  }

  /** A whole frame, made beforehand, for this stream. */
  frame(prepared: Buffer, streamId: number): void {
    this.schedule();
    this.#openStream = NO_STREAM;
    if (prepared.length > PIECE_BYTES_MIN) {
      const frame = Buffer.from(prepared);
      writeUint32(frame, 5, streamId);
      return this.output.add(frame, 0, frame.length);
    }
    const at = this.output.reserve(prepared.length);
    const { slab } = this.output;
    slab.set(prepared, at);
    writeUint32(slab, at + 5, streamId);
    return undefined;
  }

  windowUpdate(streamId: number, bytes: number): void {
    const payload = Buffer.allocUnsafe(4);
    writeUint32(payload, 0, bytes);
    this.control(FrameType.windowUpdate, 0, streamId, payload);
  }

  resetStream(streamId: number, code: ErrorCode): void {
    const payload = Buffer.allocUnsafe(4);
    writeUint32(payload, 0, code);
    this.control(FrameType.resetStream, 0, streamId, payload);
  }

  goAway(lastStreamId: number, code: ErrorCode, message: string): void {
    const text = Buffer.from(message);
    const payload = Buffer.allocUnsafe(8 + text.length);
    writeUint32(payload, 0, lastStreamId);
    writeUint32(payload, 4, code);
    text.copy(payload, 8);
    this.control(FrameType.goAway, 0, 0, payload);
  }

  /** A frame of the connection itself, or about a stream. */
  control(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    if (this.#isClosed) return;
    const bytes = FRAME_HEADER_BYTES + payload.length;
    if (this.#isWriting) {
      this.#controlBytes += bytes;
      if (this.#controlBytes > CONTROL_BYTES_MAX) return this.#onOverflow();
    }
    this.#openStream = NO_STREAM;
    const at = this.output.reserve(bytes);
    const { slab } = this.output;
    writeUint32(slab, at, (payload.length << 8) | type);
    slab[at + 4] = flags;
    writeUint32(slab, at + 5, streamId);
    slab.set(payload, at + FRAME_HEADER_BYTES);
    this.schedule();
  }

  acknowledge(type: number, payload: Uint8Array): void {
    this.control(type, FrameFlag.ack, 0, payload);
  }

  /** The stream has something to send that must wait. */
  ready(sender: Sender): void {
    if (this.#isClosed) return;
    this.#ready.add(sender);
    if (!this.#isWriting) this.schedule();
  }

  /** The stream has nothing to send any more. */
  forget(sender: Sender): void {
    this.#ready.delete(sender);
  }

  /** Streams keep so many bytes more (or fewer) for this client. */
  queued(bytes: number): void {
    this.#queuedBytes += bytes;
    if (this.#queuedBytes > CONNECTION_QUEUED_BYTES_MAX) this.#onOverflow();
  }

  /** The client takes more. False: more than a window can be. */
  openWindow(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > WINDOW_BYTES_MAX) return false;
    if (this.#ready.size > 0) this.schedule();
    return true;
  }

  /** Calls `listener` once, when all that can be sent now is with the socket. */
  afterFlush(listener: () => void): void {
    this.#onFlushed = listener;
    this.schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#ready.clear();
  }

  schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    this.#turn.flushAtEnd(this);
  }

  flush(): void {
    this.#isScheduled = false;
    let bytesLeft = FLUSH_BYTES_MAX;
    while (!this.#isWriting && !this.#isClosed) {
      this.#fill();
      if (this.output.bytes === 0) break;
      bytesLeft -= this.#write();
      if (bytesLeft <= 0 && !this.#isWriting && this.#hasMore()) return this.schedule();
    }
    if (this.#isWriting || this.#isClosed || this.#onFlushed === undefined) return;
    const listener = this.#onFlushed;
    this.#onFlushed = undefined;
    listener();
  }

  /** One frame of each, in turn, until there is enough. */
  #fill(): void {
    for (const sender of this.#ready) {
      if (this.#window <= 0 || this.output.bytes >= OUTPUT_BYTES_MAX) return;
      this.#ready.delete(sender);
      // Behind all others.
      if (sender.sendNext()) this.#ready.add(sender);
    }
  }

  #hasMore(): boolean {
    return this.#ready.size > 0 && this.#window > 0;
  }

  #write(): number {
    if (this.#socket.destroyed || this.#socket.writableEnded) {
      this.close();
      return 0;
    }
    this.#isWriting = true;
    this.#controlBytes = 0;
    this.#openStream = NO_STREAM;
    const number = ++this.#writes;
    const bytes = this.output.writeTo(this.#socket, () => {
      if (number !== this.#writes || !this.#isWriting) return;
      this.#isWriting = false;
      if (this.output.bytes > 0 || this.#ready.size > 0 || this.#onFlushed !== undefined) this.schedule();
    });
    // Mostly the system takes everything at once, and the callback only comes later.
    if (this.#socket.writableLength === 0) this.#isWriting = false;
    return bytes;
  }
}
