/** A stream whose client is not known yet: what comes meanwhile is kept, and the client held back, until somebody is there to listen. */

import type { Bytes } from '../../base/index.ts';
import type { CallStatus, DuplexStream, Message } from '../../wire/index.ts';

export class HeldStream implements DuplexStream {
  readonly #stream: DuplexStream;
  /** What had been on its way when the client was held back: little. */
  readonly #kept: Bytes[] = [];
  #isHeld = true;
  #wantsPause = false;
  #isHalfClosed = false;
  #messageListener: ((message: Bytes) => void) | undefined;
  #halfCloseListener: (() => void) | undefined;
  #writableListener: (() => void) | undefined;

  constructor(stream: DuplexStream) {
    this.#stream = stream;
    stream.onMessage((message) => {
      if (this.#isHeld) this.#kept.push(message);
      else this.#messageListener?.(message);
    });
    stream.onHalfClose(() => {
      this.#isHalfClosed = true;
      if (!this.#isHeld) this.#halfCloseListener?.();
    });
    stream.onWritable(() => this.#writableListener?.());
    stream.pause();
  }

  /** Somebody listens now. */
  release(): void {
    this.#isHeld = false;
    for (const message of this.#kept.splice(0)) this.#messageListener?.(message);
    if (this.#isHalfClosed) this.#halfCloseListener?.();
    if (!this.#wantsPause) this.#stream.resume();
  }

  write(message: Message): boolean {
    return this.#stream.write(message);
  }

  onWritable(listener: () => void): void {
    this.#writableListener = listener;
  }

  end(status?: CallStatus): void {
    this.#stream.end(status);
  }

  fail(error: unknown): void {
    this.#stream.fail(error);
  }

  onMessage(listener: (message: Bytes) => void): void {
    this.#messageListener = listener;
  }

  onHalfClose(listener: () => void): void {
    this.#halfCloseListener = listener;
  }

  pause(): void {
    this.#wantsPause = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#wantsPause = false;
    if (!this.#isHeld) this.#stream.resume();
  }
}
