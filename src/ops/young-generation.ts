/**
 * Keeps collections of young objects short.
 *
 * V8 lets the space in which objects begin grow to 16 MB a half. When it is full, what lives is copied, and everything waits: 5 to 7 ms at a time under
 * load, where a whole turn of the event loop should stay below 10. With 8 MB it takes half as long, for one to two hundredths more of the processor
 * in all. The limit itself can be given on the command line only, which is not ours; but how fast the space grows can be said at any time.
 */

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Of both halves. */
export const YOUNG_BYTES_MAX: number = 2 * 8 * 1024 * 1024;

/** V8's own. */
const GROWTH = 2;
const NO_GROWTH = 1;

export function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}

/** From now on, until the process ends. Looks after each collection, because that is when the space grows, or shrinks if there is little to do. */
export function boundYoungGeneration(): void {
  let growth = GROWTH;
  const collections = new PerformanceObserver(() => {
    const wanted = youngBytes() >= YOUNG_BYTES_MAX ? NO_GROWTH : GROWTH;
    if (wanted === growth) return;
    growth = wanted;
    setFlagsFromString(`--semi-space-growth-factor=${growth}`);
  });
  collections.observe({ entryTypes: ['gc'] });
}
