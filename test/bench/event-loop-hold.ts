/**
 * How long the event loop of this project's node was held at most, read from its /metrics: the histogram
 * watchraft_event_loop_delay_seconds. A bucket tells no more than its upper bound, so this is the bound of the highest bucket that
 * holds anything; or the sum of all, where that is less: no one was longer than all together. To be read before garbage is collected by force: that holds the loop for as long as it takes.
 */

import { less, type Measured } from './sample.ts';
import type { BenchServer } from './server-process.ts';

const BUCKET = /^watchraft_event_loop_delay_seconds_bucket\{.*?le="([^"]+)".*?\} (\S+)/gm;
const SUM = /^watchraft_event_loop_delay_seconds_sum(?:\{.*\})? (\S+)/m;

/** A row about this project's node, none about another server; about the time since its metrics were `before`. Throws if the metrics have no such histogram. */
export async function eventLoopHold(server: BenchServer, work: string, before = ''): Promise<Measured[]> {
  if (!server.isNode) return [];
  const ms = longestHoldMs(await server.metrics(), before);
  if (ms === undefined) throw new Error('/metrics has no watchraft_event_loop_delay_seconds');
  return [less(`longest hold of the event loop is below, ${work}`, 'ms', ms)];
}

/** Milliseconds, since the metrics were `before`; undefined if they have no such histogram. */
export function longestHoldMs(metrics: string, before = ''): number | undefined {
  const sum = SUM.exec(metrics)?.[1];
  if (sum === undefined) return undefined;
  const earlier = new Map([...before.matchAll(BUCKET)].map(([, bound = '', value = '']) => [bound, Number(value)]));
  let longest = 0;
  let countedBefore = 0;
  for (const [, bound = '', value = ''] of metrics.matchAll(BUCKET)) {
    const counted = Number(value) - (earlier.get(bound) ?? 0);
    if (counted > countedBefore) longest = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    countedBefore = counted;
  }
  return Math.min(longest, Number(sum) - Number(SUM.exec(before)?.[1] ?? 0)) * 1000;
}
