/** What a process uses, by Linux's /proc: for processes of any language. */

import { readFileSync } from 'node:fs';

/** The kernel counts processor time in hundredths of a second for programs (USER_HZ), on every architecture that Node runs on. */
const TICK_MS = 10;

/** Time on the processor of all its threads, milliseconds. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name of the program stands in parentheses and may hold spaces; utime and stime are the 14th and 15th fields.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Memory of its own that is in RAM, without mapped files and shared memory: RssAnon, bytes. */
export function memoryBytes(pid: number): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status does not say RssAnon`);
  return Number(kilobytes) * 1024;
}
