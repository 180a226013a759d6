import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { processorWait } from '../../src/ops/processor-wait.ts';

test('a thread that others keep from running has waited', async () => {
  const waitedMs = processorWait();
  if (process.platform !== 'linux') {
    expect(waitedMs()).toBe(0);
    return;
  }
  const spin = 'for (;;);';
  const others = Array.from({ length: 2 * availableParallelism() }, () => spawn(process.execPath, ['-e', spin]));
  try {
    const before = waitedMs();
    expect(before).toBeGreaterThanOrEqual(0);
    // Ends as soon as it has been kept waiting, which with twice as many others as processors it is.
    while (waitedMs() <= before) await new Promise((resolve) => setImmediate(resolve));
    expect(waitedMs()).toBeGreaterThan(before);
  } finally {
    for (const other of others) other.kill('SIGKILL');
  }
});
