/**
 * How long the event loop is held. A timer is set again and again; as much as it comes late, whatever was due then came late.
 *
 *     due      |----10 ms----|----10 ms----|
 *     fired    |-------------|--+4 ms held-|------...
 *
 * perf_hooks has monitorEventLoopDelay, but tells only quantiles since its start, which Prometheus can neither add up over
 * members nor take a rate of. Hence one observation a sample, into a histogram.
 */

import type { Clock, Timer } from '../base/index.ts';

const SAMPLE_MS = 10;

/** Observes, each 10 ms, by how many seconds the loop was late. Returns what stops it. */
export function watchLoopDelay(clock: Clock, observe: (seconds: number) => void): () => void {
  let timer: Timer | undefined;
  const sample = (): void => {
    const due = clock.now() + SAMPLE_MS;
    timer = clock.after(SAMPLE_MS, () => {
      observe(Math.max(0, clock.now() - due) / 1000);
      sample();
    });
  };
  sample();
  return () => timer?.cancel();
}
