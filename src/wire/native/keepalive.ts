/**
 * Finds out whether the client is still there: a connection on which nothing has come for `intervalMs` is sent a PING, and cut
 * if nothing comes for `timeoutMs` more. Anything that comes is a sign of life.
 *
 *     last data     + interval: PING    + timeout: cut
 *     ----|----------------|------------------|
 *
 * What comes only sets a mark: the timer looks at it when it fires, and is not set anew each time.
 */

import type { Clock, Timer } from '../../base/index.ts';

export interface KeepaliveOptions {
  /** 0: never asks. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly ping: () => void;
  readonly cut: () => void;
}

export class Keepalive {
  readonly #clock: Clock;
  readonly #options: KeepaliveOptions;
  #hasHeard = false;
  #timer: Timer | undefined;

  constructor(clock: Clock, options: KeepaliveOptions) {
    this.#clock = clock;
    this.#options = options;
    if (options.intervalMs > 0) this.#watch();
  }

  heard(): void {
    this.#hasHeard = true;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #watch(): void {
    this.#hasHeard = false;
    this.#timer = this.#clock.after(this.#options.intervalMs, () => {
      if (this.#hasHeard) this.#watch();
      else this.#ask();
    });
  }

  #ask(): void {
    this.#options.ping();
    this.#timer = this.#clock.after(this.#options.timeoutMs, () => {
      if (this.#hasHeard) this.#watch();
      else this.#options.cut();
    });
  }
}
