/**
 * How long the event loop is held. A timer is set again and again; as much as it comes late, whatever was due then came late.
 *
 *     due      |--5 ms--|--5 ms--|
 *     fired    |--------|-----------+4 ms held-|------...
 *
 * A timer of an overloaded machine is late as well, though nothing here holds the loop: the thread could run, and no processor
 * would have it. The kernel keeps account of that (processor-wait.ts), and it is taken off:
 *
 *     held = lateness - time that the thread waited for a processor since the timer was set
 *
 * So a slow system call or a read that waits for the disk counts, as it must, and other processes do not. A hold is seen from
 * when the timer is due, and all waiting since it was set is taken off: a hold may be longer than told here, by 5 ms at most.
 *
 * perf_hooks has monitorEventLoopDelay, but tells only quantiles since its start, which Prometheus can neither add up over
 * members nor take a rate of. Hence one observation a sample, into a histogram.
 */

import type { Clock, Timer } from '../base/index.ts';

/** Shorter ones would see more of each hold; this costs an idle member one hundredth of a processor. */
const SAMPLE_MS = 5;

/**
 * Observes, each 5 ms, for how many seconds the loop was held. `processorWaitMs` says how long the thread has waited for a
 * processor in its life. Returns what stops it.
 */
export function watchLoopDelay(
  clock: Clock,
  processorWaitMs: () => number,
  observe: (seconds: number) => void,
): () => void {
  let timer: Timer | undefined;
  let waitedMs = processorWaitMs();
  const sample = (): void => {
    const due = clock.now() + SAMPLE_MS;
    timer = clock.after(SAMPLE_MS, () => {
      const lateMs = clock.now() - due;
      const waitedBeforeMs = waitedMs;
      waitedMs = processorWaitMs();
      observe(Math.max(0, lateMs - (waitedMs - waitedBeforeMs)) / 1000);
      sample();
    });
  };
  sample();
  return () => timer?.cancel();
}
