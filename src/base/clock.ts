/**
 * Time is an argument. Code that waits or measures takes a Clock; the node hands in the real one (node/real-clock.ts), the
 * simulator and the tests one that they move by hand (SimulatedClock below).
 */

import { assert } from './assert.ts';

/** A timer that has been set. Cancelling one that has fired or was cancelled does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. For measuring and for deadlines. */
  now(): number;
  /** Milliseconds since 1970 as the host believes. May jump. For what people read, never for deciding. */
  wall(): number;
  /** Calls `fire` once, `delayMs` (0 or more) from now, never from within this call. */
  after(delayMs: number, fire: () => void): Timer;
}

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that stands still until it is advanced. Timers fire in order of time, then of being set. */
export class SimulatedClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  after(delayMs: number, fire: () => void): Timer {
    assert(delayMs >= 0, `a timer cannot fire in the past: ${delayMs} ms`);
    const pending: Pending = { at: this.#now + delayMs, order: this.#order++, fire };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** When the next timer is due, or undefined if none is set. */
  nextAt(): number | undefined {
    return this.#earliest()?.at;
  }

  /** Moves time on by `ms`, firing what falls due on the way, at its own time. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.at > until) break;
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
    this.#now = until;
  }

  #earliest(): Pending | undefined {
    let earliest: Pending | undefined;
    for (const pending of this.#pending) {
      if (
        earliest === undefined ||
        pending.at < earliest.at ||
        (pending.at === earliest.at && pending.order < earliest.order)
      ) {
        earliest = pending;
      }
    }
    return earliest;
  }
}
