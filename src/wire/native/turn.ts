/**
 * One turn of the event loop, as all connections of a server share it: the time for handlers, and the moment at its end when what
 * they have produced is written.
 *
 *     turn   | data of A: calls a1 a2 ... time is up | data of B: waits | flush A |
 *     next   | A goes on: a3 ... | B: b1 b2 ... | data of C ... | flush A | flush B | flush C |
 */

import type { Clock } from '../../base/index.ts';
import { TURN_MS_MAX } from './limits.ts';

/** Two frames are a call. */
const ASKED_PER_LOOK = 8;

/** Who has produced something. */
export interface Flushing {
  flush(): void;
}

/** Who was told that there is no time. */
export interface Waiting {
  goOn(): void;
}

export class Turn {
  readonly #clock: Clock;
  #isBegun = false;
  #until = 0;
  #isOver = false;
  #asked = 0;
  #flushing: Flushing[] = [];
  /** In the order of their coming. Bounded by the connections. */
  readonly #waiting: Waiting[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether handlers may go on. Asked for every frame, and looks at the clock for one in some: small frames take little time, and large ones are few. */
  hasTime(): boolean {
    if (!this.#isBegun) this.#begin();
    if (this.#asked++ % ASKED_PER_LOOK === 0) this.#isOver = this.#clock.now() >= this.#until;
    return !this.#isOver;
  }

  /** Calls it once when this turn ends. */
  flushAtEnd(flushing: Flushing): void {
    if (!this.#isBegun) this.#begin();
    this.#flushing.push(flushing);
  }

  /** Calls it once when it is its turn. */
  wait(waiting: Waiting): void {
    if (!this.#isBegun) this.#begin();
    this.#waiting.push(waiting);
  }

  #begin(): void {
    this.#isBegun = true;
    this.#isOver = false;
    this.#asked = 0;
    this.#until = this.#clock.now() + TURN_MS_MAX;
    this.#clock.after(0, () => this.#end());
  }

  #end(): void {
    const flushing = this.#flushing;
    this.#flushing = [];
    this.#isBegun = false;
    for (const one of flushing) one.flush();
    while (this.#waiting.length > 0 && this.hasTime()) this.#waiting.shift()?.goOn();
    // Whatever is left goes on when the turn that has just begun ends.
  }
}
