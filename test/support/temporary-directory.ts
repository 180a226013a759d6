/** A directory under the system's temporary one, for tests that need real files. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes one, runs `work` with its path and removes it with all that is in it. */
export async function withTemporaryDirectory<T>(work: (path: string) => Promise<T>): Promise<T> {
  const path = await makeTemporaryDirectory();
  try {
    return await work(path);
  } finally {
    await removeDirectory(path);
  }
}

export function makeTemporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'watchraft-test-'));
}

export async function removeDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
