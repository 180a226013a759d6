/** A real process is killed with SIGKILL, at any moment, and whatever it had acknowledged is there. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { below, SeededPrng } from '../../src/base/index.ts';
import { LevelTables, NodeDisk, openDataDirectory } from '../../src/storage/index.ts';
import { scanned } from '../suites/backend.suite.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { entry, METADATA } from '../support/wal-entry.ts';

const CHILD = fileURLToPath(new URL('../support/storage-child.ts', import.meta.url));
const KILLS = 3;

/** Runs the child until it has printed so many lines, kills it, and returns the last whole number that it printed. */
async function killed(path: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, path, '20'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = -1;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (++seen === lines) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return last;
}

test('nothing acknowledged is lost when the process is killed, however often', async () => {
  const random = new SeededPrng(20_260_104);
  await withTemporaryDirectory(async (path) => {
    for (let kill = 0; kill < KILLS; kill++) {
      const acknowledged = await killed(path, 50 + below(random, 400));
      const data = await openDataDirectory({
        disk: new NodeDisk(),
        path,
        metadata: METADATA,
        wal: { segmentBytes: 64 * 1024 },
        tables: new LevelTables(),
        backend: { onFailure: () => undefined },
      });
      expect(data.wal.lastIndex).toBeGreaterThanOrEqual(acknowledged);
      for (const [at, each] of data.entries.entries()) {
        expect(each).toEqual(entry(data.snapshotMark.index + 1 + at, 1, 100));
      }
      // The store is the state after some entry, from which on the log has them all.
      const applied = data.backend.applied.index;
      expect(applied).toBeGreaterThanOrEqual(data.snapshotMark.index);
      const expected = Array.from({ length: applied }, (_, i) => `${i + 2}.0 value ${i + 1}`);
      expect((await scanned(data.backend)).join()).toBe(expected.join());
      await data.wal.close();
      await data.backend.close();
    }
  });
});
