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

  after(delayMs: number, fire: () => void): Timer {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  }
}
