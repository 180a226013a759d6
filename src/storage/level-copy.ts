/**
 * A copy of a LevelDB that cannot be written any more, to read from while that is closed and opened anew.
 *
 * Files of tables never change: the copy gets them as further names of the same files. Only the logs, which hold what was not written out
 * yet, and the manifest are copied; they are small. LevelDB may still be at work in the background, and the order takes care of it: logs, then
 * the manifest, then the tables. What was written out of a log meanwhile is in tables that the manifest names; and if one of these is gone
 * by then, the copy does not open.
 */

import { copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import type { Level } from './level-table.ts';

const LOG = /^\d+\.log$/;
const MANIFEST = /^(?:CURRENT|MANIFEST-\d+)$/;
const TABLE = /^\d+\.(?:ldb|sst)$/;

/** Makes and opens it. Leaves nothing behind if it rejects, as it does when there is no room, or with what `open` rejects with. */
export async function copyLevel(from: string, to: string, open: (path: string) => Promise<Level>): Promise<Level> {
  try {
    await rm(to, { recursive: true, force: true });
    await mkdir(to);
    for (const [pattern, bring] of [[LOG, copyFile] as const, [MANIFEST, copyFile] as const, [TABLE, link] as const]) {
      for (const name of await readdir(from)) if (pattern.test(name)) await bring(`${from}/${name}`, `${to}/${name}`);
    }
    return await open(to);
  } catch (error) {
    await Promise.allSettled([rm(to, { recursive: true, force: true })]);
    throw error;
  }
}
