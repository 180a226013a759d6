/**
 * One stream of HTTP/2, which is one call of gRPC: what handlers see of it, and what the connection does.
 *
 *                      client                            we
 *     begins           HEADERS                           (headers go out before the first message, or with the status)
 *     goes on          DATA ...                          DATA ...
 *     half-closes      END_STREAM                        -
 *     ends             -                                 HEADERS with END_STREAM: the status
 *                      RST_STREAM, deadline, lost        (RST_STREAM): cancelled
 *
 * There may be a million of these: no closure, promise or queue is made before there is something to put into it.
 */

import { type Bytes, Fifo, Status, type Timer } from '../../base/index.ts';
import { lengthOf } from '../../codec/index.ts';
import { OK, STOPPED } from '../call-status.ts';
import type { MethodObserver } from '../observer.ts';
import type { CallContext, CallStatus, DuplexStream, Message, Method } from '../port.ts';
import { ErrorCode, WINDOW_BYTES_MAX, writeUint32 } from './frame.ts';
import { inflated } from './inflate.ts';
import { STREAM_QUEUED_BYTES_MAX, STREAM_WINDOW_BYTES, TURN_BYTES_MAX } from './limits.ts';
import { isOneMessage, MessageReader, messageIn, type ReadMessage } from './message-reader.ts';
import type { RequestHead } from './request-head.ts';
import { RESPONSE_HEADERS, trailers, trailersOnly } from './response-headers.ts';
import { PREFIX_BYTES, SendQueue } from './send-queue.ts';
import type { OpenStream, StreamHost } from './stream-host.ts';
import type { Sender } from './transmitter.ts';
import type { Waiting } from './turn.ts';

/** A method, with who hears of its calls. */
export interface Route {
  readonly name: string;
  readonly method: Method;
  readonly observer: MethodObserver;
}

/** How long a conversation's half-close is held back: a reset may be on its heels. */
const HALF_CLOSE_MS = 5;

/** What a piece that is held costs beside its bytes. */
const HELD_COST_BYTES = 128;

const CANCELLED: CallStatus = { code: Status.canceled, message: 'cancelled' };
const DEADLINE_EXCEEDED: CallStatus = { code: Status.deadlineExceeded, message: 'Deadline exceeded' };
const TOO_MUCH: CallStatus = {
  code: Status.resourceExhausted,
  message: 'grpc: too much is being received on this connection',
};

export class Stream implements OpenStream, CallContext, DuplexStream, Sender, Waiting {
  readonly id: number;
  readonly #host: StreamHost;
  readonly #route: Route;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #isGzip: boolean;
  readonly #startedAt: number;
  #deadline: Timer | undefined;
  #state: 'open' | 'ended' | 'cancelled' = 'open';
  #cancelListeners: (() => void)[] | undefined;
  #onEnded: (() => void) | undefined;

  // What comes in.
  #receiveWindow = STREAM_WINDOW_BYTES;
  #isHalfClosed = false;
  /** The handler does not know yet. */
  #isHalfCloseDue = false;
  #isPaused = false;
  #isResuming = false;
  /** Content that has come while paused. */
  #held: Fifo<Buffer> | undefined;
  #heldBytes = 0;
  /** What the connection was told is kept here. */
  #kept = 0;
  #reader: MessageReader | undefined;
  /** Of a call that takes one message. */
  #request: Bytes | undefined;
  #onMessage: ((message: Bytes) => void) | undefined;
  #onHalfClose: (() => void) | undefined;

  // What goes out.
  #sendWindow: number;
  #hasSentHeaders = false;
  #queue: SendQueue | undefined;
  #queueCost = 0;
  #status: CallStatus | undefined;
  #isHeldBack = false;
  /** The server stops: what the client says from now on is not heard. */
  #isLeaving = false;
  #onWritable: (() => void) | undefined;

  constructor(host: StreamHost, id: number, route: Route, head: RequestHead, sendWindow: number) {
    this.id = id;
    this.#host = host;
    this.#route = route;
    this.metadata = head.metadata;
    this.#isGzip = head.isGzip;
    this.#sendWindow = sendWindow;
    this.#startedAt = host.clock.now();
    route.observer.started();
    if (head.timeoutMs !== undefined)
      this.#deadline = host.clock.after(head.timeoutMs, () => this.#breakOff(DEADLINE_EXCEEDED));
  }

  // ---- CallContext ----

  get method(): string {
    return this.#route.name;
  }

  get peer(): string {
    return this.#host.peer;
  }

  get commonName(): string | undefined {
    return this.#host.commonName;
  }

  get cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  onCancelled(listener: () => void): void {
    if (this.#state === 'cancelled') queueMicrotask(listener);
    if (this.#state !== 'open') return;
    if (this.#cancelListeners === undefined) this.#cancelListeners = [listener];
    else this.#cancelListeners.push(listener);
  }

  onEnded(listener: () => void): void {
    if (this.#state === 'open') this.#onEnded = listener;
    else queueMicrotask(listener);
  }

  // ---- what handlers receive ----

  onMessage(listener: (message: Bytes) => void): void {
    this.#onMessage = listener;
  }

  onHalfClose(listener: () => void): void {
    this.#onHalfClose = listener;
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What has come meanwhile is delivered soon, not within this call. */
  resume(): void {
    this.#isPaused = false;
    if (this.#isResuming) return;
    this.#isResuming = true;
    queueMicrotask(() => {
      this.#isResuming = false;
      this.#deliver();
    });
  }

  /** A DATA frame begins. False: more than the client may send. */
  takeFromWindow(bytes: number): boolean {
    this.#receiveWindow -= bytes;
    return this.#receiveWindow >= 0;
  }

  /** Content of a DATA frame. */
  receive(content: Buffer): void {
    if (this.#state !== 'open') return;
    if (this.#mustWait()) this.#hold(content);
    else this.#read(content);
  }

  /** A DATA frame has ended; its bytes may be sent again. */
  received(): void {
    const owed = STREAM_WINDOW_BYTES - this.#receiveWindow - this.#heldBytes;
    if (owed < STREAM_WINDOW_BYTES / 2 || this.#isHalfClosed || this.#state !== 'open') return;
    this.#receiveWindow += owed;
    this.#host.transmitter.windowUpdate(this.id, owed);
  }

  /** The client will send no more. */
  halfClose(): void {
    this.#isHalfClosed = true;
    this.#isHalfCloseDue = true;
    if (this.#route.method.kind !== 'duplex') return this.goOn();
    // A client in Node ends a stream that it cancels, and resets it in the next turn. That is no half-close.
    this.#host.clock.after(HALF_CLOSE_MS, () => this.#host.wait(this));
    return undefined;
  }

  goOn(): void {
    if (this.#isHalfCloseDue && !this.#mustWait()) this.#halfClosed();
  }

  get isHalfClosed(): boolean {
    return this.#isHalfClosed;
  }

  /** Whether what comes now comes behind something that is not delivered yet. */
  #mustWait(): boolean {
    return this.#isPaused || this.#isResuming || this.#held !== undefined;
  }

  #hold(content: Buffer): void {
    (this.#held ??= new Fifo()).push(content);
    this.#heldBytes += content.length;
    this.#account();
  }

  /** Tells the connection how much is kept here of what has come. */
  #account(): void {
    const kept = this.#heldBytes + (this.#held?.length ?? 0) * HELD_COST_BYTES + (this.#reader?.waitingBytes ?? 0);
    if (kept === this.#kept) return;
    const isFine = this.#host.keep(kept - this.#kept);
    this.#kept = kept;
    if (!isFine) this.end(TOO_MUCH);
  }

  #deliver(): void {
    while (this.#held !== undefined && !this.#isPaused && this.#state === 'open') {
      const content = this.#held.shift();
      if (this.#held.length === 0) this.#held = undefined;
      if (content === undefined) break;
      this.#heldBytes -= content.length;
      this.#read(content);
    }
    if (this.#state !== 'open' || this.#isPaused) return;
    this.#account();
    this.received();
    if (this.#isHalfCloseDue) this.#halfClosed();
  }

  #read(content: Buffer): void {
    if (this.#reader === undefined && isOneMessage(content)) return this.#message(messageIn(content));
    const reader = (this.#reader ??= new MessageReader(this.#host.requestBytesMax));
    reader.give(content);
    let message = reader.next();
    for (; message !== undefined; message = reader.next()) {
      if (message === 'tooLarge') return this.end(this.#tooLarge());
      this.#compressible(message);
      if (this.#state !== 'open') return undefined;
      if (!this.#isPaused) continue;
      const rest = reader.rest();
      if (rest.length > 0) {
        (this.#held ??= new Fifo()).unshift(rest);
        this.#heldBytes += rest.length;
      }
      break;
    }
    if (reader.waitingBytes === 0) this.#reader = undefined;
    this.#account();
    return undefined;
  }

  #compressible({ bytes, isCompressed }: ReadMessage): void {
    if (!isCompressed) return this.#message(bytes);
    const message = inflated(bytes, this.#isGzip, this.#host.requestBytesMax);
    if (message instanceof Uint8Array) this.#message(message);
    else this.end(message);
    return undefined;
  }

  #message(message: Bytes): void {
    this.#route.observer.received(message.length);
    if (this.#isLeaving) return;
    if (this.#route.method.kind === 'duplex') {
      this.#host.guarded(this, () => this.#onMessage?.(message));
    } else if (this.#request === undefined) {
      this.#request = message;
    } else {
      this.end({ code: Status.unimplemented, message: 'grpc: a second request where there can be one only' });
    }
  }

  #halfClosed(): void {
    if (this.#state !== 'open' || this.#isLeaving) return;
    this.#isHalfCloseDue = false;
    if (this.#reader !== undefined) {
      this.end({ code: Status.internal, message: 'grpc: the request ends within a message' });
    } else if (this.#route.method.kind === 'duplex') {
      this.#host.guarded(this, () => this.#onHalfClose?.());
    } else if (this.#request === undefined) {
      this.end({ code: Status.unimplemented, message: 'grpc: no request' });
    } else {
      const request = this.#request;
      this.#request = undefined;
      this.#host.answer(this, this.#route.method, request);
    }
  }

  #tooLarge(): CallStatus {
    return {
      code: Status.resourceExhausted,
      message: `grpc: received message larger than max (${this.#host.requestBytesMax})`,
    };
  }

  // ---- what handlers send ----

  write(message: Message): boolean {
    if (this.#state !== 'open') return false;
    const length = lengthOf(message);
    this.#route.observer.sent(length);
    const bytes = PREFIX_BYTES + length;
    const { transmitter } = this.#host;
    if (
      this.#queue === undefined &&
      bytes <= TURN_BYTES_MAX &&
      bytes <= this.#sendWindow &&
      transmitter.isFreeFor(bytes)
    ) {
      this.#sendHeaders();
      this.#sendNow(message, length);
      return true;
    }
    (this.#queue ??= new SendQueue()).add(message);
    this.#recount();
    if (this.#sendWindow > 0) transmitter.ready(this);
    this.#isHeldBack = this.#queueCost >= STREAM_QUEUED_BYTES_MAX;
    return !this.#isHeldBack;
  }

  onWritable(listener: () => void): void {
    this.#onWritable = listener;
  }

  end(status: CallStatus = this.#isLeaving ? STOPPED : OK): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#finish(status);
    this.#sendStatus(status);
  }

  fail(error: unknown): void {
    this.#host.guarded(this, () => {
      throw error;
    });
  }

  /** One message and the end. */
  answer(message: Message): void {
    this.write(message);
    this.end();
  }

  /** The client takes more of this stream. False: more than a window can be. */
  openWindow(bytes: number): boolean {
    this.#sendWindow += bytes;
    if (this.#sendWindow > WINDOW_BYTES_MAX) return false;
    if (this.#queue !== undefined && this.#sendWindow > 0) this.#host.transmitter.ready(this);
    return true;
  }

  sendNext(): boolean {
    const { transmitter } = this.#host;
    this.#host.sentSomething();
    this.#sendHeaders();
    const queue = this.#queue;
    if (queue !== undefined) {
      const bytes = Math.min(queue.bytes, this.#sendWindow, transmitter.window, TURN_BYTES_MAX);
      if (bytes > 0) {
        this.#sendWindow -= bytes;
        transmitter.dataHeader(this.id, bytes, 0);
        queue.moveTo(transmitter.output, bytes);
      }
      if (queue.bytes === 0) this.#queue = undefined;
      this.#recount();
    }
    if (this.#queue !== undefined) return this.#sendWindow > 0;
    if (this.#status !== undefined) this.#sendTrailers(this.#status);
    return false;
  }

  #sendNow(message: Message, length: number): void {
    const { transmitter } = this.#host;
    this.#host.sentSomething();
    const { output } = transmitter;
    this.#sendWindow -= PREFIX_BYTES + length;
    const at = transmitter.dataHeader(this.id, PREFIX_BYTES + length, PREFIX_BYTES);
    output.slab[at] = 0;
    writeUint32(output.slab, at + 1, length);
    if (message instanceof Uint8Array) output.add(message, 0, length);
    else for (const piece of message) output.add(piece, 0, piece.length);
  }

  #sendHeaders(): void {
    if (this.#hasSentHeaders) return;
    // A status without messages brings its headers along.
    if (this.#queue === undefined && this.#status !== undefined) return;
    this.#hasSentHeaders = true;
    this.#host.transmitter.frame(RESPONSE_HEADERS, this.id);
  }

  #sendStatus(status: CallStatus): void {
    const { transmitter } = this.#host;
    if (this.#queue === undefined && transmitter.isOpen) return this.#sendTrailers(status);
    this.#status = status;
    // With a window used up it is its turn when there is one again.
    if (this.#queue === undefined || this.#sendWindow > 0) transmitter.ready(this);
    return undefined;
  }

  #sendTrailers(status: CallStatus): void {
    const { transmitter } = this.#host;
    this.#host.sentSomething();
    transmitter.frame(this.#hasSentHeaders ? trailers(status) : trailersOnly(status), this.id);
    // The client need not go on sending what nobody reads.
    if (!this.#isHalfClosed) transmitter.resetStream(this.id, ErrorCode.noError);
    this.#host.closed(this);
  }

  /** Counts what is queued; lets the handler go on when half of it is gone. */
  #recount(): void {
    const cost = this.#queue?.cost ?? 0;
    this.#host.transmitter.queued(cost - this.#queueCost);
    this.#queueCost = cost;
    if (!this.#isHeldBack || cost > STREAM_QUEUED_BYTES_MAX / 2 || this.#state !== 'open') return;
    this.#isHeldBack = false;
    // Not within the making of the output: the handler may write a lot.
    queueMicrotask(() => {
      if (this.#state === 'open') this.#host.guarded(this, () => this.#onWritable?.());
    });
  }

  // ---- the end ----

  /** The client has reset it, or is gone: nothing can be sent any more. */
  cancel(): void {
    this.#drop();
    this.#cancelled(CANCELLED);
  }

  leave(): void {
    if (this.#route.method.kind !== 'duplex' || this.#state !== 'open' || this.#isLeaving) return;
    this.#isLeaving = true;
    // Unless it has heard of one.
    if (!this.#isHalfClosed || this.#isHalfCloseDue) this.#host.guarded(this, () => this.#onHalfClose?.());
    this.#isHalfCloseDue = false;
  }

  breakOff(): void {
    this.#breakOff(STOPPED);
  }

  #breakOff(status: CallStatus): void {
    if (this.#state !== 'open') return;
    const isWithinMessage = this.#queue?.isWithinMessage === true;
    this.#drop();
    this.#cancelled(status);
    if (!isWithinMessage) return this.#sendStatus(status);
    this.#host.transmitter.resetStream(this.id, ErrorCode.cancel);
    this.#host.closed(this);
    return undefined;
  }

  #cancelled(status: CallStatus): void {
    if (this.#state !== 'open') return;
    this.#state = 'cancelled';
    const listeners = this.#cancelListeners ?? [];
    this.#finish(status);
    for (const listener of listeners) this.#host.guarded(this, listener);
  }

  #finish(status: CallStatus): void {
    this.#deadline?.cancel();
    this.#cancelListeners = undefined;
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#reader = undefined;
    this.#account();
    this.#request = undefined;
    const onEnded = this.#onEnded;
    this.#onEnded = undefined;
    if (onEnded !== undefined) this.#host.guarded(this, onEnded);
    const seconds = (this.#host.clock.now() - this.#startedAt) / 1000;
    // Whatever becomes of those who count it, it is answered.
    this.#host.guarded(this, () => this.#route.observer.handled(status.code, seconds));
  }

  #drop(): void {
    this.#host.transmitter.forget(this);
    this.#queue = undefined;
    this.#status = undefined;
    this.#recount();
  }
}
