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
  /** Whether a watcher has been quiet since the last tick. A new one has. */
  readonly #quiet = new Map<number, boolean>();
  #timer: Timer | undefined = undefined;

  constructor(clock: Clock, prng: Prng, intervalMs: number, due: (watchId: number) => void) {
    this.#clock = clock;
    this.#intervalMs = Math.max(intervalMs, INTERVAL_MS_MIN) * (1 + JITTER * fraction(prng));
    this.#due = due;
  }

  add(watchId: number): void {
    this.#quiet.set(watchId, true);
    this.#timer ??= this.#clock.after(this.#intervalMs, () => this.#tick());
  }

  delete(watchId: number): void {
    this.#quiet.delete(watchId);
  }

  /** These have been sent an event. */
  told(watchers: readonly { readonly id: number }[]): void {
    if (this.#quiet.size === 0) return;
    for (const { id } of watchers) if (this.#quiet.has(id)) this.#quiet.set(id, false);
  }

  stop(): void {
    this.#quiet.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tick(): void {
    this.#timer = undefined;
    if (this.#quiet.size === 0) return;
    this.#timer = this.#clock.after(this.#intervalMs, () => this.#tick());
    for (const [watchId, quiet] of this.#quiet) {
      if (quiet) this.#due(watchId);
      this.#quiet.set(watchId, true);
    }
  }
}
