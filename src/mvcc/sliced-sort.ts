/**
 * Sorting that can be interrupted: the sort of a million rows would hold the event loop for a second.
 *
 *     add add add ... | runs of 512, each sorted when it is full | next next next ... takes the least of the runs' heads
 *
 * An external merge sort (Knuth, volume 3, 5.4) without the tapes. Each call does little: an `add` sorts at most one run, a
 * `next` moves one head within a heap of the runs. Stable: what compares equal comes out in the order in which it went in.
 */

import { assert } from '../base/index.ts';

const RUN_LENGTH = 512;

interface Run<T> {
  readonly items: readonly T[];
  /** Place among the runs. */
  readonly order: number;
  /** Index of its head; what is before has come out. */
  at: number;
}

export class SlicedSort<T> {
  readonly #compare: (a: T, b: T) => number;
  readonly #wantedMax: number;
  #filling: T[] = [];
  /** Until the first `next` in order of filling, from then on a heap: the run with the least head first. */
  readonly #runs: Run<T>[] = [];
  #draining = false;
  #length = 0;

  /** Of a sort of which no more than the least `wantedMax` will be taken, the rest need not be kept. */
  constructor(compare: (a: T, b: T) => number, wantedMax: number = Number.POSITIVE_INFINITY) {
    this.#compare = compare;
    this.#wantedMax = wantedMax;
  }

  /** Items kept and not yet taken. */
  get length(): number {
    return this.#length;
  }

  add(item: T): void {
    assert(!this.#draining, 'an item for a sort that is being read');
    this.#filling.push(item);
    this.#length++;
    if (this.#filling.length === RUN_LENGTH) this.#closeRun();
  }

  /** The least item left, or undefined if none is. No more may be added. */
  next(): T | undefined {
    if (!this.#draining) this.#drain();
    const run = this.#runs[0];
    if (run === undefined) return undefined;
    const item = run.items[run.at++];
    this.#length--;
    if (run.at === run.items.length) {
      const last = this.#runs.pop();
      if (last !== undefined && this.#runs.length > 0) this.#runs[0] = last;
    }
    this.#sink(0);
    return item;
  }

  #closeRun(): void {
    if (this.#filling.length === 0) return;
    const sorted = this.#filling.sort(this.#compare);
    const items = sorted.length > this.#wantedMax ? sorted.slice(0, this.#wantedMax) : sorted;
    this.#length -= sorted.length - items.length;
    this.#runs.push({ items, order: this.#runs.length, at: 0 });
    this.#filling = [];
  }

  #drain(): void {
    this.#closeRun();
    this.#draining = true;
    for (let i = (this.#runs.length >>> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** Moves the run at `i` down to where no run below it has a lesser head. */
  #sink(i: number): void {
    const runs = this.#runs;
    for (let at = i; ; ) {
      let least = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < runs.length && this.#precedes(runs[below] as Run<T>, runs[least] as Run<T>)) least = below;
      }
      if (least === at) return;
      const run = runs[at] as Run<T>;
      runs[at] = runs[least] as Run<T>;
      runs[least] = run;
      at = least;
    }
  }

  #precedes(a: Run<T>, b: Run<T>): boolean {
    const order = this.#compare(a.items[a.at] as T, b.items[b.at] as T);
    return order < 0 || (order === 0 && a.order < b.order);
  }
}
