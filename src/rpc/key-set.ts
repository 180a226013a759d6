/**
 * A set of keys made of ranges, kept as disjoint ranges in order. Adding and looking up take a binary search.
 *
 *     add [b, d)   add [f, g)   add [c, f)        =>  [b, g)
 */

import { type Key, type KeyRange, present } from '../base/index.ts';

interface Interval {
  readonly from: Key;
  readonly to: Key;
}

export class KeySet {
  /** Disjoint, in rising order. */
  readonly #intervals: Interval[] = [];

  add(range: KeyRange): void {
    // The key that follows `key` with nothing between them is key + '\0'.
    this.#add({ from: range.key, to: range.end ?? `${range.key}\0` });
  }

  addAll(other: KeySet): void {
    for (const interval of other.#intervals) this.#add(interval);
  }

  has(key: Key): boolean {
    const interval = this.#intervals[this.#firstEndingAfter(key)];
    return interval !== undefined && interval.from <= key;
  }

  #add({ from, to }: Interval): void {
    if (from >= to) return;
    const first = this.#firstEndingAfter(from);
    let last = first;
    while (last < this.#intervals.length && present(this.#intervals[last], 'an interval').from < to) last++;
    const lowest = this.#intervals[first];
    const highest = this.#intervals[last - 1];
    const merged: Interval =
      last === first || lowest === undefined || highest === undefined
        ? { from, to }
        : { from: lowest.from < from ? lowest.from : from, to: highest.to > to ? highest.to : to };
    this.#intervals.splice(first, last - first, merged);
  }

  /** Index of the first interval that ends after `key`; it is the only one that can hold it. */
  #firstEndingAfter(key: Key): number {
    let low = 0;
    let high = this.#intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (present(this.#intervals[middle], 'an interval').to > key) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
