/**
 * When syncWatchers and moveVictims run. Neither has a timer set while there is nothing for it to do.
 *
 *     SyncLoop     a pass at most every SYNC_PERIOD_MS, so that watchers which are created together are served together;
 *                  but while passes get on and work remains, again as soon as the last one took (half the time is the node's)
 *     VictimLoop   at once when a stream says that it has room, else every VICTIM_RETRY_MS while there are victims: a channel
 *                  with a little room does not say so
 */

import type { Clock, Timer } from '../base/index.ts';
import { SYNC_PERIOD_MS, VICTIM_RETRY_MS } from './limits.ts';

/** A timer that is set to the earliest of the moments asked for, while running. */
class Alarm {
  readonly #clock: Clock;
  readonly #fire: () => void;
  /** A failpoint before it fires. */
  readonly #reach: (() => PromiseLike<unknown> | undefined) | undefined;
  #timer: Timer | undefined = undefined;
  #at = 0;
  #isHeld = false;

  constructor(clock: Clock, fire: () => void, reach: Rounds['reach']) {
    this.#clock = clock;
    this.#fire = fire;
    this.#reach = reach;
  }

  setWithin(delayMs: number): void {
    if (this.#isHeld) return;
    const at = this.#clock.now() + delayMs;
    if (this.#timer !== undefined) {
      if (this.#at <= at) return;
      this.#timer.cancel();
    }
    this.#at = at;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      const held = this.#reach?.();
      if (held === undefined) this.#fire();
      else this.#fireAfter(held);
    });
  }

  #fireAfter(held: PromiseLike<unknown>): void {
    this.#isHeld = true;
    held.then(() => {
      this.#isHeld = false;
      this.#fire();
    });
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** What a loop does and looks at. */
export interface Rounds {
  /** One pass. Whether it got on. */
  pass(): boolean;
  /** Whether there is, or may come to be, something to do. */
  hasWork(): boolean;
  /** The moment before a pass: undefined, or what the pass must wait for. */
  readonly reach?: (() => PromiseLike<unknown> | undefined) | undefined;
}

export class SyncLoop {
  readonly #clock: Clock;
  readonly #rounds: Rounds;
  readonly #alarm: Alarm;
  #running = false;
  #lastPassAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, rounds: Rounds) {
    this.#clock = clock;
    this.#rounds = rounds;
    this.#alarm = new Alarm(clock, () => this.#round(), rounds.reach);
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  stop(): void {
    this.#running = false;
    this.#alarm.clear();
  }

  /** There is something new to do. */
  wake(): void {
    if (!this.#running || !this.#rounds.hasWork()) return;
    this.#alarm.setWithin(Math.max(0, this.#lastPassAt + SYNC_PERIOD_MS - this.#clock.now()));
  }

  /** Work in progress can go on. */
  hurry(): void {
    if (this.#running && this.#rounds.hasWork()) this.#alarm.setWithin(0);
  }

  #round(): void {
    if (!this.#running) return;
    const began = this.#clock.now();
    const gotOn = this.#rounds.pass();
    this.#lastPassAt = this.#clock.now();
    if (gotOn && this.#rounds.hasWork()) this.#alarm.setWithin(this.#lastPassAt - began);
    else this.wake();
  }
}

export class VictimLoop {
  readonly #rounds: Rounds;
  readonly #alarm: Alarm;
  #running = false;

  constructor(clock: Clock, rounds: Rounds) {
    this.#rounds = rounds;
    this.#alarm = new Alarm(clock, () => this.#round(), rounds.reach);
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  stop(): void {
    this.#running = false;
    this.#alarm.clear();
  }

  /** There are victims. */
  wake(): void {
    if (this.#running && this.#rounds.hasWork()) this.#alarm.setWithin(VICTIM_RETRY_MS);
  }

  /** A stream with victims has room. */
  signal(): void {
    if (this.#running && this.#rounds.hasWork()) this.#alarm.setWithin(0);
  }

  #round(): void {
    if (!this.#running) return;
    if (this.#rounds.pass()) this.signal();
    else this.wake();
  }
}
