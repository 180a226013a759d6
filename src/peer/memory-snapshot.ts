/** One snapshot on its way through the network in memory: as on the real one, in chunks, held back by a slow receiver, and broken anywhere. */

import { assert, type Bytes, type Clock, crc32c } from '../base/index.ts';
import type { MemberId, MessageOf } from '../raft/index.ts';
import { IncomingChunks } from './incoming-chunks.ts';
import { Interruption } from './interruption.ts';
import { SNAPSHOT_INSTALL_MS_MAX, SNAPSHOT_STALLED_MS_MAX } from './limits.ts';
import { type PeerReceiver, SNAPSHOT_CHUNK_BYTES_MAX } from './transport.ts';

export class MemorySnapshot {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly #message: MessageOf<'installSnapshot'>;
  readonly #clock: Clock;
  /** How long the next chunk takes. */
  readonly #delayMs: () => number;
  readonly #chunks: IncomingChunks;
  readonly #interruption = new Interruption();
  #isHeld = false;
  #released: (() => void) | undefined;

  constructor(message: MessageOf<'installSnapshot'>, clock: Clock, delayMs: () => number) {
    this.#message = message;
    this.from = message.from;
    this.to = message.to;
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#chunks = new IncomingChunks({ pause: () => this.#hold(), resume: () => this.#release() }, clock);
  }

  /** Resolves when the receiver is done with all of it. */
  async run(chunks: AsyncIterable<Bytes>, receiver: PeerReceiver): Promise<void> {
    const iterator = chunks[Symbol.asyncIterator]();
    const answer = this.#receive(receiver);
    let crc = 0;
    try {
      for (;;) {
        const next = await this.#interruption.unless(iterator.next());
        await this.#travel();
        if (next.done === true) break;
        assert(next.value.length <= SNAPSHOT_CHUNK_BYTES_MAX, `a chunk of ${next.value.length} bytes`);
        crc = crc32c(next.value, crc);
        this.#chunks.push(next.value);
      }
      this.#chunks.finish(crc);
      await this.#within(SNAPSHOT_INSTALL_MS_MAX, answer);
    } finally {
      this.#chunks.fail(new Error('the sender of the snapshot has broken off'));
      void iterator.return?.().then(undefined, () => {});
    }
  }

  /** The connection is gone: neither side hears of the other any more. */
  break(): void {
    this.#interruption.interrupt(new Error('the connection broke'));
  }

  /** Resolves when the receiver has taken all. Otherwise the sending is interrupted. */
  async #receive(receiver: PeerReceiver): Promise<void> {
    try {
      await receiver.receiveSnapshot(this.#message, this.#chunks);
      if (!this.#chunks.taken) throw new Error('the snapshot was not read to its end');
    } catch (error) {
      this.#interruption.interrupt(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #travel(): Promise<void> {
    await this.#within(
      SNAPSHOT_STALLED_MS_MAX,
      new Promise<void>((resolve) => {
        this.#clock.after(this.#delayMs(), () => {
          if (this.#isHeld) this.#released = resolve;
          else resolve();
        });
      }),
    );
  }

  async #within<T>(ms: number, step: Promise<T>): Promise<T> {
    const timer = this.#clock.after(ms, () => this.#interruption.interrupt(new Error(`no progress for ${ms} ms`)));
    try {
      return await this.#interruption.unless(step);
    } finally {
      timer.cancel();
    }
  }

  #hold(): void {
    this.#isHeld = true;
  }

  #release(): void {
    this.#isHeld = false;
    this.#released?.();
  }
}
