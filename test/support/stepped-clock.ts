/** A clock whose time stands still until it is moved, but whose turns of the event loop end as they do in reality. */

import { type Clock, SimulatedClock, type Timer } from '../../src/base/index.ts';

export class SteppedClock implements Clock {
  readonly #simulated = new SimulatedClock();
  /** The delay of every timer that was set, in order. */
  readonly delays: number[] = [];

  now(): number {
    return this.#simulated.now();
  }

  wall(): number {
    return this.#simulated.wall();
  }

  after(delayMs: number, fire: () => void): Timer {
    this.delays.push(delayMs);
    if (delayMs > 0) return this.#simulated.after(delayMs, fire);
    const immediate = setImmediate(fire);
    return { cancel: () => clearImmediate(immediate) };
  }

  advance(ms: number): void {
    this.#simulated.advance(ms);
  }
}
