/**
 * How often a client may ask for a sign of life (gRPC's keepalive, proposal A8).
 *
 * A PING is a strike if it comes sooner after the last than `minMs`; with no call open, sooner than two hours. Whenever we have sent
 * something of a call since, the client may measure with a PING what it likes: then it is no strike, and the strikes are forgotten.
 * After more than PING_STRIKES_MAX of them the client is sent away with "too_many_pings", which makes gRPC clients ask half as often.
 */

import { PING_STRIKES_MAX } from './limits.ts';

const IDLE_MIN_MS: number = 2 * 60 * 60 * 1000;

export class PingPolicy {
  readonly #minMs: number;
  #lastAt = Number.NEGATIVE_INFINITY;
  #strikes = 0;
  #isForgiven = false;

  constructor(minMs: number) {
    this.#minMs = minMs;
  }

  /** Something of a call was sent. */
  forgive(): void {
    this.#isForgiven = true;
  }

  /** A PING has come at `now` (milliseconds). True: one too many. */
  isTooManyAt(now: number, hasCalls: boolean): boolean {
    const sinceLast = now - this.#lastAt;
    this.#lastAt = now;
    if (this.#isForgiven) {
      this.#isForgiven = false;
      this.#strikes = 0;
      return false;
    }
    if (sinceLast < (hasCalls ? this.#minMs : Math.max(this.#minMs, IDLE_MIN_MS))) this.#strikes++;
    return this.#strikes > PING_STRIKES_MAX;
  }
}
