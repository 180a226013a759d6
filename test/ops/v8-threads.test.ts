import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const MODULE = new URL('../../src/ops/v8-threads.ts', import.meta.url).href;

/** Of the threads of a process that has called it, in the order in which they were made: niceness, and whether they wrote files. */
function threads(): { readonly niceness: number; readonly hasWritten: boolean }[] {
  const program = `
    const { readdirSync, readFileSync } = await import('node:fs');
    const { open, rm } = await import('node:fs/promises');
    const { giveWayToEventLoop } = await import(${JSON.stringify(MODULE)});
    giveWayToEventLoop();
    // Who writes for us, its io tells.
    const file = await open(process.argv[1], 'w');
    await Promise.all(Array.from({ length: 64 }, (_, i) => file.write(Buffer.alloc(4096), 0, 4096, i * 4096)));
    await file.close();
    await rm(process.argv[1]);
    const all = readdirSync('/proc/self/task').map(Number).sort((a, b) => a - b).map((id) => ({
      niceness: Number(readFileSync('/proc/self/task/' + id + '/stat', 'utf8').split(') ')[1].split(' ')[16]),
      hasWritten: Number(/^wchar: (.*)$/m.exec(readFileSync('/proc/self/task/' + id + '/io', 'utf8'))[1]) >= 4096,
    }));
    console.log(JSON.stringify(all));`;
  const file = `/tmp/watchraft-threads-${process.pid}`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', program, file];
  return JSON.parse(execFileSync(process.execPath, args).toString());
}

test('the helpers of V8 give way; who writes files does not', () => {
  const [main, ...others] = threads();
  expect(main?.niceness).toBe(0);
  expect(others.filter(({ niceness }) => niceness === 10)).toHaveLength(5);
  const writers = others.filter(({ hasWritten }) => hasWritten);
  expect(writers.length).toBeGreaterThan(0);
  expect(writers.every(({ niceness }) => niceness === 0)).toBe(true);
});
