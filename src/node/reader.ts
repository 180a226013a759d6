/**
 * Reads. A linearizable one first asks the log how far this member must have applied (one question serves all the reads that
 * wait), then reads like a serializable one: the store as it is, at one revision, in slices.
 */

import { type Clock, RequestError } from '../base/index.ts';
import type { RangeOperation, RangeResult, Store } from '../mvcc/index.ts';
import type { Applier } from './applier.ts';
import type { ReplicatedLog } from './log.ts';
import { nextTurn, SLICE_MS } from './turn.ts';

/** Rows read between looks at the clock. */
const STEP_ROWS = 128;

export class Reader {
  readonly #clock: Clock;
  readonly #log: ReplicatedLog;
  readonly #applier: Applier;
  readonly #store: Store;
  /** The question that reads of this turn share, until it is put. */
  #round: Promise<void> | undefined;
  #stopped = false;

  constructor(options: { clock: Clock; log: ReplicatedLog; applier: Applier; store: Store }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#applier = options.applier;
    this.#store = options.store;
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

  async range(operation: RangeOperation): Promise<RangeResult> {
    const read = this.#store.rangeSlices(operation);
    try {
      let until = this.#clock.now() + SLICE_MS;
      while (!read.step(STEP_ROWS)) {
        if (this.#clock.now() < until) continue;
        await nextTurn(this.#clock);
        until = this.#clock.now() + SLICE_MS;
      }
      return read.result();
    } finally {
      read.close();
    }
  }
}
