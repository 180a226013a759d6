/**
 * Shares a turn of the event loop among all who have something to do in it.
 *
 * When many clients come at once, a member that has just started say, each of their requests is small, and together they hold
 * the loop: a thousand watchers are created in a tenth of a second. So all of them together get SLICE_MS; who finds it spent waits
 * for the next turn, in order of coming.
 *
 *     turn       |a b c d e : f g|           : h|
 *     done in it |a b c d e      | f g h        |
 *                          slice       slice
 */

import { type Clock, Fifo } from '../../base/index.ts';
import { SLICE_MS } from '../../node/index.ts';

export class SharedTurn {
  readonly #clock: Clock;
  /** Whether the slice of this turn has begun; and until when it lasts. */
  #isBegun = false;
  #until = 0;
  /** Bounded by who asks: each waits with one thing at a time. */
  readonly #waiting = new Fifo<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether there is time left for one more, and nobody who came earlier waits. */
  hasTime(): boolean {
    if (!this.#isBegun) this.#begin();
    return this.#waiting.length === 0 && this.#clock.now() < this.#until;
  }

  /** Has `work` done in one of the next turns. Only for who has been told that there is no time. */
  wait(work: () => void): void {
    this.#waiting.push(work);
  }

  #begin(): void {
    this.#isBegun = true;
    this.#until = this.#clock.now() + SLICE_MS;
    this.#clock.after(0, () => this.#end());
  }

  #end(): void {
    this.#isBegun = false;
    if (this.#waiting.length === 0) return;
    this.#begin();
    do this.#waiting.shift()?.();
    while (this.#waiting.length > 0 && this.#clock.now() < this.#until);
  }
}
