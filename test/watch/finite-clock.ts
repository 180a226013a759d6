/** A simulated clock on which a loop that does not get on is an error, and not a test that never ends. */

import { assert, SimulatedClock, type Timer } from '../../src/base/index.ts';

const TIMERS_PER_INSTANT_MAX = 2000;

export class FiniteClock extends SimulatedClock {
  #instant = -1;
  #timers = 0;

  override after(delayMs: number, fire: () => void): Timer {
    if (this.now() !== this.#instant) {
      this.#instant = this.now();
      this.#timers = 0;
    }
    assert(++this.#timers <= TIMERS_PER_INSTANT_MAX, 'a loop goes on and on while time stands still');
    return super.after(delayMs, fire);
  }
}
