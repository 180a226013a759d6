/**
 * Millions of delays in a few kilobytes: counts in classes that are 1/64 wide of what they hold, from 1 us to over an hour.
 *
 *     us:      0, 1, 2 … 127 | 128, 130 … 254 | 256, 260 … 508 | …        64 classes for each doubling
 */

const CLASSES_PER_DOUBLING = 64;
const LIMIT_US = 2 ** 32 - 1;

/** How many delays are in which class: a histogram that crosses a process boundary. */
export type LatencyCounts = readonly (readonly [index: number, count: number])[];

export class LatencyHistogram {
  readonly #counts = new Float64Array(CLASSES_PER_DOUBLING * 28);
  #count = 0;

  /** Of several histograms together. */
  static of(...parts: readonly LatencyCounts[]): LatencyHistogram {
    const all = new LatencyHistogram();
    for (const [index, count] of parts.flat()) all.#addTo(index, count);
    return all;
  }

  get counts(): LatencyCounts {
    return [...this.#counts.entries()].filter(([, count]) => count > 0);
  }

  get count(): number {
    return this.#count;
  }

  /** Counts `count` delays of so many milliseconds. */
  add(ms: number, count: number): void {
    const us = Math.min(Math.max(Math.round(ms * 1000), 0), LIMIT_US);
    this.#addTo(classOf(us), count);
  }

  /** The delay, in milliseconds, that this share of all (0 to 1) did not exceed; 0 if there are none. */
  quantileMs(share: number): number {
    const wanted = share * this.#count;
    let counted = 0;
    for (const [index, count] of this.#counts.entries()) {
      counted += count;
      if (count > 0 && counted >= wanted) return lowestOf(index) / 1000;
    }
    return 0;
  }

  #addTo(index: number, count: number): void {
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
    this.#count += count;
  }
}

function classOf(us: number): number {
  const doublings = Math.max(0, 31 - Math.clz32(us) - 6);
  return doublings * CLASSES_PER_DOUBLING + (us >>> doublings);
}

function lowestOf(index: number): number {
  if (index < 2 * CLASSES_PER_DOUBLING) return index;
  const doublings = Math.floor(index / CLASSES_PER_DOUBLING) - 1;
  return (index - doublings * CLASSES_PER_DOUBLING) * 2 ** doublings;
}
