/**
 * A set of keys, made of ranges: what somebody may read, or write. Ranges that overlap or touch are one, so that whoever has
 * [a, c) by one role and [c, f) by another may read [b, e):
 *
 *     granted      [a, c)  [c, f)   [m]          [x, infinity)
 *     kept         [a, f)           [m, m\0)     [x, infinity)
 *
 * A range lies in the set if one of those kept holds it whole; which one, a binary search tells.
 */

import { assert, type Key, type KeyRange } from '../base/index.ts';

interface Span {
  readonly begin: Key;
  /** Beyond the last. */
  end: Key;
}

/** One key is all from itself to the one after it. */
function spanOf({ key, end }: KeyRange): Span {
  return { begin: key, end: end ?? `${key}\0` };
}

export class RangeSet {
  /** Apart from each other, in order. */
  readonly #spans: readonly Span[];

  /** Empty and reversed ranges add nothing. */
  constructor(ranges: Iterable<KeyRange>) {
    const spans = Array.from(ranges, spanOf)
      .filter(({ begin, end }) => begin < end)
      .sort((a, b) => (a.begin < b.begin ? -1 : a.begin > b.begin ? 1 : 0));
    const merged: Span[] = [];
    for (const span of spans) {
      const last = merged.at(-1);
      if (last === undefined || span.begin > last.end) merged.push(span);
      else if (span.end > last.end) last.end = span.end;
    }
    this.#spans = merged;
  }

  /** Whether every key of the range is in the set. An empty or reversed one has none: then the key that it names must be. */
  contains(range: KeyRange): boolean {
    const asked = spanOf(range);
    const span = this.#lastFrom(asked.begin);
    return span !== undefined && asked.begin < span.end && asked.end <= span.end;
  }

  /** The last that begins at `key` or before. */
  #lastFrom(key: Key): Span | undefined {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const span = this.#spans[middle];
      assert(span !== undefined, 'within the spans');
      if (span.begin <= key) low = middle + 1;
      else high = middle;
    }
    return this.#spans[low - 1];
  }
}
