/**
 * How long the server's event loop was held, as its metrics tell: a histogram of which the highest bucket that has anything
 * in it bounds the longest hold, or undefined for a server that has no such metric (etcd).
 */

const METRIC = 'watchraft_event_loop_delay_seconds';
const ASK_WITHIN_MS = 5_000;

export interface LoopDelay {
  /** The longest hold was at most this, seconds; Infinity if it was above the highest bucket. */
  readonly atMostSeconds: number;
  /** Delays above the bound, 10 ms, and all. */
  readonly above: number;
  readonly all: number;
}

const BOUND_SECONDS = 0.01;

/** Reads the text of /metrics. */
export function loopDelayOf(metrics: string): LoopDelay | undefined {
  const buckets = [...metrics.matchAll(new RegExp(`^${METRIC}_bucket\\{.*?le="([^"]+)".*?\\} (\\d+)$`, 'gm'))]
    .map(([, le, count]) => ({ le: le === '+Inf' ? Infinity : Number(le), count: Number(count) }))
    .sort((a, b) => a.le - b.le);
  const all = buckets.at(-1)?.count;
  if (all === undefined) return undefined;
  const within = buckets.findLast(({ le }) => le <= BOUND_SECONDS)?.count ?? 0;
  return { atMostSeconds: buckets.find(({ count }) => count === all)?.le ?? Infinity, above: all - within, all };
}

/** Asks a server on its client port. */
export async function loopDelay(endpoint: string): Promise<LoopDelay | undefined> {
  const response = await fetch(`http://${endpoint}/metrics`, { signal: AbortSignal.timeout(ASK_WITHIN_MS) });
  return loopDelayOf(await response.text());
}
