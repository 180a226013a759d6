/**
 * How long this thread has been ready to run without a processor to run on: Linux's /proc/thread-self/schedstat.
 *
 *     9120403112 3008117 1182        nanoseconds on a processor, nanoseconds waited for one, times it ran
 */

import { openSync, readSync } from 'node:fs';

const SCHEDSTAT = '/proc/thread-self/schedstat';
const TEXT_BYTES_MAX = 64;
const NANOSECONDS_PER_MS = 1e6;

/** Gives what reads it, in milliseconds, of the thread that calls this now. Where there is no such file it stays 0. Takes 4 us. */
export function processorWait(): () => number {
  let file: number;
  try {
    file = openSync(SCHEDSTAT, 'r');
  } catch {
    // Another system, or a kernel that keeps no such account.
    return () => 0;
  }
  const text = Buffer.alloc(TEXT_BYTES_MAX);
  return () => {
    const bytes = readSync(file, text, 0, TEXT_BYTES_MAX, 0);
    return Number(text.toString('latin1', 0, bytes).split(' ')[1]) / NANOSECONDS_PER_MS;
  };
}
