/**
 * Tells, every so often, for which watchers a bookmark is due: those that asked for progress_notify and have been sent no event
 * since the last tick. An event says by itself how far the watcher is.
 *
 * The interval is stretched by up to a tenth, once a stream, so that streams which began together do not go on in step.
 */

import { type Clock, fraction, type Prng, type Timer } from '../../base/index.ts';

/** An interval below this is taken for this. */
const INTERVAL_MS_MIN = 100;

const JITTER = 0.1;

export class ProgressTicker {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #due: (watchId: number) => void;
  /** Whether a watcher has been quiet since the last tick. A new one has. Most streams have none that asked. */
  #quiet: Map<number, boolean> | undefined = undefined;
  #timer: Timer | undefined = undefined;

  constructor(clock: Clock, prng: Prng, intervalMs: number, due: (watchId: number) => void) {
    this.#clock = clock;
    this.#intervalMs = Math.max(intervalMs, INTERVAL_MS_MIN) * (1 + JITTER * fraction(prng));
    this.#due = due;
  }

  add(watchId: number): void {
    (this.#quiet ??= new Map()).set(watchId, true);
    this.#timer ??= this.#clock.after(this.#intervalMs, () => this.#tick());
  }

  delete(watchId: number): void {
    this.#quiet?.delete(watchId);
  }

  /** These have been sent an event. */
  told(watchers: readonly { readonly id: number }[]): void {
    const quiet = this.#quiet;
    if (quiet === undefined) return;
    for (const { id } of watchers) if (quiet.has(id)) quiet.set(id, false);
  }

  stop(): void {
    this.#quiet = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tick(): void {
    this.#timer = undefined;
    const watchers = this.#quiet;
    if (watchers === undefined || watchers.size === 0) return;
    this.#timer = this.#clock.after(this.#intervalMs, () => this.#tick());
    for (const [watchId, quiet] of watchers) {
      if (quiet) this.#due(watchId);
      watchers.set(watchId, true);
    }
  }
}
