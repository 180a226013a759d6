/**
 * Time in the simulation. One queue of timers for the whole world; each process (one life of one member) sees it through a clock of
 * its own, which stops for good when the process dies, stands still while it is paused, and runs a little ahead when it is busy.
 *
 *     world   10.0 tick of m1    10.0 message m1 > m2    10.2 sync of m2    12.5 tick of m3
 *     step()  fires the first, and only that: what it sets off is over before anything else happens
 */

import { assert, below, type Clock, type Prng, type Timer } from '../../src/base/index.ts';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
  isCancelled: boolean;
}

const isBefore = (a: Pending, b: Pending): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Timers fire in order of time, then of being set. */
export class WorldClock implements Clock {
  #now = 0;
  #order = 0;
  /** A binary heap: the earliest is the first, and each is before the two at twice its place. */
  readonly #heap: Pending[] = [];
  steps = 0;

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  after(delayMs: number, fire: () => void): Timer {
    assert(delayMs >= 0, `a timer cannot fire in the past: ${delayMs} ms`);
    const pending: Pending = { at: this.#now + delayMs, order: this.#order++, fire, isCancelled: false };
    this.#push(pending);
    return {
      cancel: () => {
        pending.isCancelled = true;
      },
    };
  }

  /** Fires the next timer. Its time is reached by then. */
  step(): void {
    for (;;) {
      const next = this.#pop();
      assert(next !== undefined, 'there is always a timer');
      if (next.isCancelled) continue;
      this.#now = next.at;
      this.steps++;
      next.fire();
      return;
    }
  }

  #push(pending: Pending): void {
    const heap = this.#heap;
    let at = heap.push(pending) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above] as Pending;
      if (!isBefore(pending, other)) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = pending;
  }

  #pop(): Pending | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const least = isRight ? right : left;
      if (!isBefore(least, last)) break;
      heap[at] = least;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
    return first;
  }
}

/** How far a busy process may be ahead of the world at one look at the clock. */
const BUSY_MS_MAX = 6;

/** The clock of one process. */
export class ProcessClock implements Clock {
  readonly #world: WorldClock;
  readonly #prng: Prng;
  readonly #stepped: () => void;
  /** One look at the clock in so many finds that time has passed since the last one; 0: none does. */
  readonly #busyOneIn: number;
  #aheadMs = 0;
  #isAlive = true;
  #isPaused = false;
  #held: (() => void)[] = [];

  /** `stepped` is called before each timer that fires. */
  constructor(world: WorldClock, prng: Prng, busyOneIn: number, stepped: () => void) {
    this.#world = world;
    this.#prng = prng;
    this.#busyOneIn = busyOneIn;
    this.#stepped = stepped;
  }

  now(): number {
    if (this.#busyOneIn > 0 && below(this.#prng, this.#busyOneIn) === 0) {
      this.#aheadMs += below(this.#prng, BUSY_MS_MAX * 10) / 10;
    }
    return this.#world.now() + this.#aheadMs;
  }

  wall(): number {
    return this.#world.wall();
  }

  after(delayMs: number, fire: () => void): Timer {
    let isCancelled = false;
    const fireIfAlive = (): void => {
      if (!this.#isAlive || isCancelled) return;
      if (this.#isPaused) {
        this.#held.push(fireIfAlive);
        return;
      }
      this.#stepped();
      fire();
    };
    const timer = this.#world.after(delayMs, fireIfAlive);
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What fell due meanwhile happens now, in its order. */
  resume(): void {
    this.#isPaused = false;
    for (const fire of this.#held.splice(0)) this.#world.after(0, fire);
  }

  /** Nothing of this process ever happens again. */
  kill(): void {
    this.#isAlive = false;
    this.#held = [];
  }
}
