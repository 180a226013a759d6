/** The clock of the real world, behind the port of base/clock.ts. */

import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../base/index.ts';

export class RealClock implements Clock {
  now(): number {
    return performance.now();
  }

  wall(): number {
    return Date.now();
  }

  /** No delay means the end of this turn of the event loop: after the input that waits now has been handed out, and well before a timer could fire. */
  after(delayMs: number, fire: () => void): Timer {
    if (delayMs === 0) {
      const immediate = setImmediate(fire);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  }
}
