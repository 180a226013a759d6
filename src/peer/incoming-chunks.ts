/**
 * The chunks of a snapshot between the stream that they come from and the receiver that takes them. The receiver sees the end
 * only if all have come and the checksum is right; otherwise its loop throws.
 */

import { type Bytes, type Clock, crc32c } from '../base/index.ts';
import { SNAPSHOT_BUFFERED_BYTES_MAX, SNAPSHOT_STALLED_MS_MAX } from './limits.ts';

export interface ChunkSource {
  /** Holds the sender back. */
  pause(): void;
  resume(): void;
}

export class IncomingChunks implements AsyncIterable<Bytes> {
  readonly #source: ChunkSource;
  readonly #clock: Clock;
  #waiting: Bytes[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  #crc = 0;
  #end: { readonly error: Error | undefined } | undefined;
  #taken = false;
  #wake: (() => void) | undefined;

  constructor(source: ChunkSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Whether the receiver has been given everything, and has seen the end. */
  get taken(): boolean {
    return this.#taken;
  }

  push(data: Bytes): void {
    if (this.#end !== undefined || data.length === 0) return;
    this.#crc = crc32c(data, this.#crc);
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    if (!this.#isPaused && this.#waitingBytes >= SNAPSHOT_BUFFERED_BYTES_MAX) {
      this.#isPaused = true;
      this.#source.pause();
    }
    this.#wake?.();
  }

  /** The last chunk has come, with this checksum over all. */
  finish(crc: number): void {
    if (crc === this.#crc) this.#over(undefined);
    else this.fail(new Error(`the snapshot arrived with CRC ${this.#crc.toString(16)} instead of ${crc.toString(16)}`));
  }

  /** What has not been taken never will be. Does nothing after the end. */
  fail(error: Error): void {
    if (this.#end !== undefined) return;
    this.#waiting = [];
    this.#over(error);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Bytes, void, undefined> {
    for (;;) {
      const data = this.#waiting.shift();
      if (data !== undefined) {
        this.#waitingBytes -= data.length;
        this.#resumeIfLow();
        yield data;
      } else if (this.#end === undefined) {
        await this.#more();
      } else {
        if (this.#end.error !== undefined) throw this.#end.error;
        this.#taken = true;
        return;
      }
    }
  }

  #over(error: Error | undefined): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  #resumeIfLow(): void {
    if (!this.#isPaused || this.#waitingBytes > SNAPSHOT_BUFFERED_BYTES_MAX / 2) return;
    this.#isPaused = false;
    this.#source.resume();
  }

  async #more(): Promise<void> {
    const stalled = this.#clock.after(SNAPSHOT_STALLED_MS_MAX, () =>
      this.fail(new Error(`no chunk of the snapshot for ${SNAPSHOT_STALLED_MS_MAX} ms`)),
    );
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    stalled.cancel();
  }
}
