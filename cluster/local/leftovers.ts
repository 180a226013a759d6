/**
 * Processes that a runner left behind because it was killed itself: they hold the ports and the data. A process counts as one
 * of ours only if its command line names the member's directory: pids are given out again.
 */

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Leftover {
  readonly pid: number | undefined;
  /** What its command line must name. */
  readonly mark: string;
}

const LOOK_EVERY_MS = 20;

/** Kills those that still run. Resolves to how many when they are gone. */
export async function endLeftovers(candidates: readonly Leftover[]): Promise<number> {
  let ended = 0;
  for (const { pid, mark } of candidates) {
    if (pid === undefined || !(await isOurs(pid, mark))) continue;
    process.kill(pid, 'SIGKILL');
    while (await isOurs(pid, mark)) await sleep(LOOK_EVERY_MS);
    ended++;
  }
  return ended;
}

async function isOurs(pid: number, mark: string): Promise<boolean> {
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    return words.includes(`--data-dir=${mark}`);
  } catch {
    return false;
  }
}
