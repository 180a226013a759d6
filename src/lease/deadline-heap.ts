/**
 * Deadlines, the earliest first: a binary heap in which each deadline knows its place, so that it can be moved and taken out.
 *
 *              1                 array   1 4 2 9 5
 *          4       2             the children of i are 2i+1 and 2i+2
 *        9   5
 *
 * A lease that is renewed moves down its branch; one that is revoked leaves. So the heap holds what there is, never what there was.
 */

import { present } from '../base/index.ts';

/** In a heap while `place` is not negative. Made by whoever keeps it, changed by the heap only. */
export interface Deadline {
  at: number;
  place: number;
}

export class DeadlineHeap<T extends Deadline> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest; undefined if there is none. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Puts a deadline in, or moves it if it is in. */
  set(deadline: T, at: number): void {
    deadline.at = at;
    if (deadline.place < 0) {
      deadline.place = this.#heap.length;
      this.#heap.push(deadline);
    }
    this.#rise(deadline);
    this.#sink(deadline);
  }

  /** Takes a deadline out. One that is not in stays out. */
  delete(deadline: T): void {
    const { place } = deadline;
    if (place < 0) return;
    deadline.place = -1;
    const last = present(this.#heap.pop(), 'the last of a heap that is not empty');
    if (last === deadline) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  #rise(deadline: T): void {
    while (deadline.place > 0) {
      const parent = present(this.#heap[(deadline.place - 1) >> 1], 'a parent');
      if (parent.at <= deadline.at) return;
      this.#swap(parent, deadline);
    }
  }

  #sink(deadline: T): void {
    for (;;) {
      const left = this.#heap[2 * deadline.place + 1];
      const right = this.#heap[2 * deadline.place + 2];
      const child = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (child === undefined || child.at >= deadline.at) return;
      this.#swap(deadline, child);
    }
  }

  /** `upper` is the parent of `lower`. */
  #swap(upper: T, lower: T): void {
    const { place } = upper;
    this.#put(upper, lower.place);
    this.#put(lower, place);
  }

  #put(deadline: T, place: number): void {
    this.#heap[place] = deadline;
    deadline.place = place;
  }
}
