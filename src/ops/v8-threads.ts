/**
 * Lets the event loop go before V8's helper threads.
 *
 * V8 compiles and collects garbage in four threads beside the event loop. Where a member has one processor (a container's limit, a benchmark's pin) they
 * are five of equal right there, and whoever wants to answer waits for their slices of some ms each: with a hundred puts a second the p99 of an
 * event's delay was 24 ms, with the helpers a little less urgent 6 to 9. In Linux a thread has a priority of its own, and lowering it needs no rights.
 *
 * The threads are those that Node starts before anything else can: V8's timer, then the pool. What libuv starts later writes and syncs files, and stays
 * as it is.
 */

import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** V8's timer thread and its pool, whose size is Node's `--v8-pool-size`. */
const HELPERS = 1 + 4;
const NICENESS = 10;

const THREADS = '/proc/self/task';

/** From now on, until the process ends. Where threads cannot be seen, or their number is not the usual one, nothing is done. */
export function giveWayToEventLoop(): void {
  if (process.platform !== 'linux' || process.execArgv.some((flag) => flag.startsWith('--v8-pool-size'))) return;
  for (const thread of helperThreads()) {
    try {
      setPriority(thread, NICENESS);
    } catch {
      // Forbidden to this process, or the thread has gone: then they stay equal.
    }
  }
}

/** Ids rise as threads are made, but for the turn of an era, when it is left alone. */
function helperThreads(): number[] {
  const others = readdirSync(THREADS)
    .map(Number)
    .filter((id) => id !== process.pid);
  return others.some((id) => id < process.pid) ? [] : others.sort((a, b) => a - b).slice(0, HELPERS);
}
