/**
 * Reads. A linearizable one first asks the log how far this member must have applied (one question serves all the reads that
 * wait), then reads like a serializable one: the store as it is, at one revision, in slices.
 */

import { type Clock, RequestError } from '../base/index.ts';
import type { RangeOperation, RangeReading, RangeResult } from '../mvcc/index.ts';
import type { AppliedState } from './applied-state.ts';
import type { Applier } from './applier.ts';
import type { ReplicatedLog } from './log.ts';
import { nextTurn, SLICE_MS } from './turn.ts';

/** Rows read between looks at the clock. */
const STEP_ROWS = 128;

export interface ReaderOptions {
  readonly clock: Clock;
  readonly log: ReplicatedLog;
  readonly applier: Applier;
  readonly state: AppliedState;
  /** A range was read, or given up. */
  readonly observe: (seconds: number, ok: boolean) => void;
}

export class Reader {
  readonly #clock: Clock;
  readonly #log: ReplicatedLog;
  readonly #applier: Applier;
  readonly #state: AppliedState;
  readonly #observe: ReaderOptions['observe'];
  /** The question that reads of this turn share, until it is put. */
  #round: Promise<void> | undefined;
  #stopped = false;
  /** Ranges being read at the moment. */
  open = 0;

  constructor(options: ReaderOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#applier = options.applier;
    this.#state = options.state;
    this.#observe = options.observe;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when the store holds everything acknowledged before the call. */
  readIndex(): Promise<void> {
    if (this.#stopped) return Promise.reject(new RequestError('stopped'));
    this.#round ??= this.#ask();
    return this.#round;
  }

  async #ask(): Promise<void> {
    // Asked at the end of this step: whoever calls before then shares the answer, whoever calls later asks anew.
    await Promise.resolve();
    this.#round = undefined;
    await this.#applier.reached(await this.#log.readIndex());
  }

  /** At once if one slice is enough. Throws or rejects with RequestError futureRevision, compacted. */
  range(operation: RangeOperation): RangeResult | Promise<RangeResult> {
    const started = this.#clock.now();
    const read = this.#state.store.rangeSlices(operation);
    this.open++;
    let isDone = false;
    try {
      isDone = this.#slice(read, started);
    } catch (error) {
      this.#ended(read, started, false);
      throw error;
    }
    if (!isDone) return this.#inSlices(read, started);
    this.#ended(read, started, true);
    return read.result();
  }

  async #inSlices(read: RangeReading, started: number): Promise<RangeResult> {
    let ok = false;
    try {
      do await nextTurn(this.#clock);
      while (!this.#slice(read, this.#clock.now()));
      ok = true;
      return read.result();
    } finally {
      this.#ended(read, started, ok);
    }
  }

  /** Reads on for as long as one may hold the loop, from `now` on. True: it is done. */
  #slice(read: RangeReading, now: number): boolean {
    while (!read.step(STEP_ROWS)) if (this.#clock.now() >= now + SLICE_MS) return false;
    return true;
  }

  #ended(read: RangeReading, started: number, ok: boolean): void {
    this.open--;
    this.#observe((this.#clock.now() - started) / 1000, ok);
    read.close();
  }
}
