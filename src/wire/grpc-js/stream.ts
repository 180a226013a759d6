/**
 * The streams of the port on those of grpc-js.
 *
 * grpc-js counts buffered messages; what fills memory is bytes. So bytes are counted here: those handed to grpc-js and not
 * yet gone into the socket.
 *
 *     write ... write -> false (>= SEND_BUFFER_BYTES_MAX waiting) ... socket drains ... onWritable (half of it left)
 */

import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { type Bytes, Status } from '../../base/index.ts';
import { lengthOf } from '../../codec/index.ts';
import { OK, STOPPED } from '../call-status.ts';
import type { MethodObserver } from '../observer.ts';
import type { CallStatus, DuplexStream, Message, SendStream } from '../port.ts';
import type { GrpcJsCall } from './call.ts';

/** From here on write() says to hold on. Twice HTTP/2's initial window: the connection need never run dry. */
export const SEND_BUFFER_BYTES_MAX: number = 128 * 1024;

/** What a message costs beside its bytes, so that empty ones count as well. */
const MESSAGE_BYTES = 256;

export class GrpcJsSendStream implements SendStream {
  readonly #surface: ServerWritableStream<Bytes, Message> | ServerDuplexStream<Bytes, Message>;
  readonly #call: GrpcJsCall;
  readonly #observer: MethodObserver;
  #bufferedBytes = 0;
  #isHeld = false;
  #onWritable: (() => void) | undefined;

  constructor(
    surface: ServerWritableStream<Bytes, Message> | ServerDuplexStream<Bytes, Message>,
    call: GrpcJsCall,
    observer: MethodObserver,
  ) {
    this.#surface = surface;
    this.#call = call;
    this.#observer = observer;
    call.tellStopped = () => this.#tell(STOPPED);
  }

  write(message: Message): boolean {
    if (!this.#call.isOpen) return false;
    const bytes = lengthOf(message);
    const cost = bytes + MESSAGE_BYTES;
    this.#bufferedBytes += cost;
    this.#observer.sent(bytes);
    this.#surface.write(message, () => this.#written(cost));
    this.#isHeld = this.#bufferedBytes >= SEND_BUFFER_BYTES_MAX;
    return !this.#isHeld;
  }

  onWritable(listener: () => void): void {
    this.#onWritable = listener;
  }

  end(status: CallStatus = OK): void {
    this.#call.end(status.code, () => this.#tell(status));
  }

  /** This is how grpc-js is told the status of a stream: it catches the error, and sends it behind what is buffered. */
  #tell(status: CallStatus): void {
    if (status.code === Status.ok) this.#surface.end();
    else this.#surface.emit('error', { code: status.code, details: status.message });
  }

  #written(cost: number): void {
    this.#bufferedBytes -= cost;
    if (!this.#isHeld || this.#bufferedBytes > SEND_BUFFER_BYTES_MAX / 2 || !this.#call.isOpen) return;
    this.#isHeld = false;
    this.#onWritable?.();
  }
}

export class GrpcJsDuplexStream extends GrpcJsSendStream implements DuplexStream {
  readonly #surface: ServerDuplexStream<Bytes, Message>;
  readonly #call: GrpcJsCall;
  readonly #failed: (error: unknown) => void;
  #onMessage: ((message: Bytes) => void) | undefined;
  #onHalfClose: (() => void) | undefined;
  /** The server stops: what the client says from now on is not heard. */
  #isLeaving = false;

  /** `failed` is told what a listener threw. */
  constructor(
    surface: ServerDuplexStream<Bytes, Message>,
    call: GrpcJsCall,
    observer: MethodObserver,
    failed: (error: unknown) => void,
  ) {
    super(surface, call, observer);
    this.#surface = surface;
    this.#call = call;
    this.#failed = failed;
    const guarded = (listener: () => void): void => {
      if (!this.#call.isOpen) return;
      try {
        listener();
      } catch (error) {
        failed(error);
      }
    };
    call.leave = () => {
      this.#isLeaving = true;
      guarded(() => this.#onHalfClose?.());
    };
    surface.on('data', (message: Bytes) => {
      if (this.#isLeaving) return;
      observer.received(message.length);
      guarded(() => this.#onMessage?.(message));
    });
    // A reset looks like an end at first, until the stream is closed as well: within this turn of the loop.
    surface.on('end', () =>
      setImmediate(() => {
        if (!this.#isLeaving) guarded(() => this.#onHalfClose?.());
      }),
    );
  }

  override end(status: CallStatus = this.#isLeaving ? STOPPED : OK): void {
    super.end(status);
  }

  onMessage(listener: (message: Bytes) => void): void {
    this.#onMessage = listener;
  }

  onHalfClose(listener: () => void): void {
    this.#onHalfClose = listener;
  }

  fail(error: unknown): void {
    this.#failed(error);
  }

  pause(): void {
    this.#surface.pause();
  }

  resume(): void {
    this.#surface.resume();
  }
}
