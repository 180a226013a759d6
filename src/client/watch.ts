/**
 * One watch, as its reader sees it: batches of events in order, across reconnections, until it is cancelled or fails.
 *
 *     for await (const event of client.watch('/debian/', { prefix: true, startRevision: 1 })) …
 *     for await (const batch of watch.batches()) …          the events of whole revisions together, and progress
 *
 * What was received and not yet read waits here, in a buffer bounded in bytes. When it is full the watch asks its stream to
 * hold still, so that a slow reader is felt by the server and not by this process's memory. That holds back all watches
 * of the stream: give a reader that is slow on purpose a stream of its own.
 *
 * `nextRevision` is where the watch goes on when its stream has been lost: one after the last revision of which everything
 * has been received. It moves with events and with progress, not with the header of an answer that carries events, because
 * a server that is catching up puts its newest revision there while more is to come.
 */

import type { WireRange } from './key-input.ts';
import type { WatchEvent } from './message.ts';

export interface WatchBatch {
  /** The revision in the header of the answer. */
  readonly revision: number;
  /** Whole revisions, in order. None: everything up to `revision` has been delivered. */
  readonly events: readonly WatchEvent[];
}

export type WatchFilter = 'noPut' | 'noDelete';

/** What a watch is, for its stream to create it on a server. */
export interface WatchPlan {
  readonly range: WireRange;
  readonly filters: readonly WatchFilter[];
  readonly prevKv: boolean;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
}

/** What a watch needs of its stream. */
export interface WatchHost {
  /** The watch's buffer is full (or has room again): hold still (or go on). */
  setFull(watch: Watch, full: boolean): void;
  /** The reader is done with it. */
  cancel(watch: Watch): void;
}

interface Buffered {
  readonly batch: WatchBatch;
  readonly bytes: number;
}

/** What a batch occupies beside its bytes, roughly. */
const BATCH_BYTES = 200;

export class Watch implements AsyncIterable<WatchEvent> {
  readonly plan: WatchPlan;
  /** Resolves to the store's revision when the server first confirmed the watch; rejects if it never does. */
  readonly created: Promise<number>;
  readonly #host: WatchHost;
  readonly #bufferBytesMax: number;
  #confirm: (revision: number) => void = () => {};
  #refuse: (error: Error) => void = () => {};
  #nextRevision: number;
  #buffer: Buffered[] = [];
  #bufferBytes = 0;
  #full = false;
  #ended: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(host: WatchHost, plan: WatchPlan, startRevision: number, bufferBytesMax: number) {
    this.#host = host;
    this.plan = plan;
    this.#nextRevision = startRevision;
    this.#bufferBytesMax = bufferBytesMax;
    this.created = new Promise((resolve, reject) => {
      this.#confirm = resolve;
      this.#refuse = reject;
    });
    // Whoever does not wait for it learns of the failure by reading.
    this.created.catch(() => {});
  }

  /** The revision to go on from: everything before it that the watch is to see has been received. 0: not created yet. */
  get nextRevision(): number {
    return this.#nextRevision;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Ends the watch; what is buffered can still be read. Idempotent. */
  cancel(): void {
    if (this.#ended !== undefined) return;
    this.#host.cancel(this);
    this.finish(undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent, void, undefined> {
    for await (const batch of this.batches()) yield* batch.events;
  }

  /**
   * The batches, for one reader. Ends when the watch is cancelled, throws what it failed with: CompactedError,
   * WatchCanceledError, ClientError or the reason of an abort. Leaving the loop cancels the watch.
   */
  async *batches(): AsyncGenerator<WatchBatch, void, undefined> {
    try {
      for (;;) {
        const next = this.#take();
        if (next !== undefined) {
          yield next;
        } else if (this.#ended !== undefined) {
          if (this.#ended.error !== undefined) throw this.#ended.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.cancel();
    }
  }

  /** For the stream: the server has confirmed the watch. */
  confirm(revision: number): void {
    if (this.#nextRevision === 0) this.#nextRevision = revision + 1;
    this.#confirm(revision);
  }

  /** For the stream: an answer, whole, that took `bytes` on the wire. */
  deliver(batch: WatchBatch, bytes: number): void {
    if (this.#ended !== undefined) return;
    const last = batch.events.at(-1);
    const through = last === undefined ? batch.revision : last.kv.modRevision;
    this.#nextRevision = Math.max(this.#nextRevision, through + 1);
    this.#buffer.push({ batch, bytes: bytes + BATCH_BYTES });
    this.#bufferBytes += bytes + BATCH_BYTES;
    if (!this.#full && this.#bufferBytes >= this.#bufferBytesMax) {
      this.#full = true;
      this.#host.setFull(this, true);
    }
    this.#awaken();
  }

  /** For the stream: nothing follows. */
  finish(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#refuse(error ?? new Error('the watch was cancelled before it was created'));
    if (this.#full) this.#host.setFull(this, false);
    this.#awaken();
  }

  #take(): WatchBatch | undefined {
    const next = this.#buffer.shift();
    if (next === undefined) return undefined;
    this.#bufferBytes -= next.bytes;
    if (this.#full && this.#bufferBytes <= this.#bufferBytesMax / 2) {
      this.#full = false;
      this.#host.setFull(this, false);
    }
    return next.batch;
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** For messages of the wire. */
export const FILTERS: Readonly<Record<WatchFilter, number>> = { noPut: 0, noDelete: 1 };
