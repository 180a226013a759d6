/**
 * How long the event loop of this project's node was held at most, read from its /metrics: the histogram
 * watchraft_event_loop_delay_seconds. A bucket tells no more than its upper bound, so this is the bound of the highest bucket that
 * holds anything.
 */

const BUCKET = /^watchraft_event_loop_delay_seconds_bucket\{.*?le="([^"]+)".*?\} (\S+)/gm;

/** Milliseconds; undefined if the metrics have no such histogram. */
export function longestHoldMs(metrics: string): number | undefined {
  let longest: number | undefined;
  let countedBefore = 0;
  for (const [, bound = '', value = ''] of metrics.matchAll(BUCKET)) {
    longest ??= 0;
    const counted = Number(value);
    if (counted > countedBefore) longest = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound) * 1000;
    countedBefore = counted;
  }
  return longest;
}
