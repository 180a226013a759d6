/**
 * A warning that may have to be given thousands of times a second, when the disk is slow or the machine is overloaded, and that would then
 * make things worse. So many a second are written; the rest are counted, and the next one written says how many were left out.
 */

import type { Clock, LogFields, Logger } from '../base/index.ts';

const WINDOW_MS = 1000;

export class RateLimitedLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #perSecondMax: number;
  #windowFrom = Number.NEGATIVE_INFINITY;
  #written = 0;
  #leftOut = 0;

  constructor(clock: Clock, logger: Logger, perSecondMax: number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#perSecondMax = perSecondMax;
  }

  warn(message: string, fields: LogFields): void {
    const now = this.#clock.now();
    if (now - this.#windowFrom >= WINDOW_MS) {
      this.#windowFrom = now;
      this.#written = 0;
    }
    if (this.#written === this.#perSecondMax) {
      this.#leftOut++;
      return;
    }
    this.#written++;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    this.#logger.warn(message, leftOut === 0 ? fields : { ...fields, 'left-out': leftOut });
  }
}
