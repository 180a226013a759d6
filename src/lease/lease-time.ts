/**
 * The time of leases: the clock's, without what the process slept through.
 *
 *     clock    0   100   200            9 200   9 300        the process was stopped for nine seconds
 *     leases   0   100   200            1 200   1 300
 *
 * While a process is stopped, or its event loop held, it cannot hear of keepalives: they wait at the door. Counting that time
 * would end leases whose owners did all they could. So between two looks at the clock at most a step goes by, and whoever decides
 * by this time must look often. It never goes faster than the clock, so no lease can end early by it.
 */

import { LEASE_TIME_STEP_MS_MAX } from './limits.ts';

export class LeaseTime {
  #clockMs: number;
  #timeMs = 0;

  /** `clockMs` is a monotonic clock's, here and below. */
  constructor(clockMs: number) {
    this.#clockMs = clockMs;
  }

  /** Milliseconds since the beginning. */
  at(clockMs: number): number {
    this.#timeMs += Math.min(Math.max(clockMs - this.#clockMs, 0), LEASE_TIME_STEP_MS_MAX);
    this.#clockMs = clockMs;
    return this.#timeMs;
  }
}
