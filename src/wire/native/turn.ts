/**
 * One turn of the event loop, as all connections of a server share it: the time for handlers, and the moment at its end when what
 * they have produced is written.
 *
 *     turn   | data of A: calls a1 a2 ... time is up | data of B: waits | flush A |
 *     next   | A goes on: a3 ... | B: b1 b2 ... | data of C ... | flush A | flush B | flush C |
 */

import { type Clock, Fifo } from '../../base/index.ts';
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
  #isFlushing = false;
  /** In the order of their coming. Bounded by the connections. */
  readonly #waiting = new Fifo<Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether handlers may go on. Asked for every frame, and looks at the clock for one in some: small frames take little time, and large ones are few. */
  hasTime(): boolean {
    if (!this.#isBegun) this.#begin();
    if (this.#asked++ % ASKED_PER_LOOK === 0) this.#isOver = this.#clock.now() >= this.#until;
    return !this.#isOver;
  }

  /**
   * Calls it once when this turn ends. If nothing has come in that began it, whoever produces may be at the end of the loop's turn already (a
   * write that a majority has): then it is called when that callback is through with all it has set going, and not a whole turn later.
   */
  flushAtEnd(flushing: Flushing): void {
    this.#flushing.push(flushing);
    if (this.#isBegun) return;
    // Who has more than may be written at once goes on in the next turn.
    if (this.#isFlushing) this.#begin();
    else if (this.#flushing.length === 1) process.nextTick(() => this.#flush());
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
    this.#isBegun = false;
    this.#flush();
    while (this.#waiting.length > 0 && this.hasTime()) this.#waiting.shift()?.goOn();
    // Whatever is left goes on when the turn that has just begun ends.
  }

  #flush(): void {
    const flushing = this.#flushing;
    this.#flushing = [];
    this.#isFlushing = true;
    for (const one of flushing) one.flush();
    this.#isFlushing = false;
  }
}
