/** Keeps a trouble that repeats itself, many times a second perhaps, from filling the log. */

import type { Clock } from '../base/index.ts';
import { COMPLAINT_MS, COMPLAINTS_MAX } from './limits.ts';

export class Complaints {
  readonly #clock: Clock;
  /** When each was said last; the oldest first. */
  readonly #saidAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls `say` unless this complaint was made less than COMPLAINT_MS ago. Of too many different ones, further ones are not
   * made: somebody is making them up.
   */
  make(complaint: string, say: () => void): void {
    const now = this.#clock.now();
    for (const [old, at] of this.#saidAt) {
      if (now - at < COMPLAINT_MS) break;
      this.#saidAt.delete(old);
    }
    if (this.#saidAt.has(complaint) || this.#saidAt.size >= COMPLAINTS_MAX) return;
    this.#saidAt.set(complaint, now);
    say();
  }
}
