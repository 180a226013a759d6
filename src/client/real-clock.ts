/** The time of this process. */

import { performance } from 'node:perf_hooks';
import type { Clock } from '../base/index.ts';

export const REAL_CLOCK: Pick<Clock, 'now' | 'after'> = {
  now: () => performance.now(),
  /** No delay means the end of this turn of the event loop: after what has come meanwhile has been handed out. */
  after(delayMs, fire) {
    if (delayMs === 0) {
      const immediate = setImmediate(fire);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
