/**
 * What the clients of a run did, as the checkers want it, and how fast it went. All of it is kept until the end, about 150 bytes
 * an operation: how many there may be is decided before the run, by its rate and length.
 */

import { type Operation, tookEffect } from '../checker/index.ts';

export interface Stall {
  /** Milliseconds on the clock of the run. */
  readonly fromMs: number;
  readonly ms: number;
}

export class Record {
  readonly operations: Operation[] = [];
  readonly byKey: Map<string, Operation[]> = new Map();
  /** How many of a kind had an outcome: 'put ok', 'read unknown'. */
  readonly tallies: Map<string, number> = new Map();
  /** Writes that were acknowledged in each second of the run. */
  readonly writesPerSecond: number[] = [];
  #acknowledgedAt: number;
  #longest: Stall;
  #closed = false;
  readonly #startedAt: number;

  /** `startedAt`: on the clock of performance.now(), as all times here. */
  constructor(startedAt: number) {
    this.#startedAt = startedAt;
    this.#acknowledgedAt = startedAt;
    this.#longest = { fromMs: 0, ms: 0 };
  }

  /** The longest time in which no write was acknowledged to anyone. */
  get longestStall(): Stall {
    return this.#longest;
  }

  add(operation: Operation): void {
    this.operations.push(operation);
    this.#addTo(operation.key, operation);
    if (operation.kind === 'pair') this.#addTo(operation.other, operation);
    const tally = `${operation.kind} ${operation.outcome}`;
    this.tallies.set(tally, (this.tallies.get(tally) ?? 0) + 1);
    if (!this.#closed && tookEffect(operation)) this.#acknowledged(operation.completedAt);
  }

  /** The run is over: a stall that lasts until now counts, and what follows is not measured any more. */
  close(now: number): void {
    this.#stall(now);
    this.#closed = true;
  }

  #acknowledged(at: number): void {
    this.#stall(at);
    this.#acknowledgedAt = at;
    const second = Math.floor((at - this.#startedAt) / 1000);
    while (this.writesPerSecond.length <= second) this.writesPerSecond.push(0);
    this.writesPerSecond[second] = (this.writesPerSecond[second] ?? 0) + 1;
  }

  #stall(until: number): void {
    const ms = until - this.#acknowledgedAt;
    if (ms > this.#longest.ms) this.#longest = { fromMs: this.#acknowledgedAt - this.#startedAt, ms };
  }

  #addTo(key: string, operation: Operation): void {
    const operations = this.byKey.get(key);
    if (operations === undefined) this.byKey.set(key, [operation]);
    else operations.push(operation);
  }
}
