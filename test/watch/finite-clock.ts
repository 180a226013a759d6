/**
 * A simulated clock on which a loop that does not get on is an error, and not a test that never ends. A turn of the event loop takes no
 * time, or as long as is said: then what goes on in the next turn can be looked at before.
 */

import { assert, SimulatedClock, type Timer } from '../../src/base/index.ts';

const TIMERS_PER_INSTANT_MAX = 2000;

export class FiniteClock extends SimulatedClock {
  readonly #turnMs: number;
  #instant = -1;
  #timers = 0;

  constructor(turnMs = 0) {
    super();
    this.#turnMs = turnMs;
  }

  override after(delayMs: number, fire: () => void): Timer {
    if (this.now() !== this.#instant) {
      this.#instant = this.now();
      this.#timers = 0;
    }
    assert(++this.#timers <= TIMERS_PER_INSTANT_MAX, 'a loop goes on and on while time stands still');
    return super.after(Math.max(delayMs, this.#turnMs), fire);
  }
}
