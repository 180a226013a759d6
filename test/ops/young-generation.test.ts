import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { YOUNG_BYTES_MAX } from '../../src/ops/young-generation.ts';

const MODULE = new URL('../../src/ops/young-generation.ts', import.meta.url).href;

/** Bytes of the young generation of a process that keeps what it has made for a while, in many turns of its loop. */
function grownBytes(bounded: boolean): number {
  const program = `
    const { boundYoungGeneration, youngBytes } = await import(${JSON.stringify(MODULE)});
    if (${bounded}) boundYoungGeneration();
    let kept = [];
    for (let turn = 0; turn < 400; turn++) {
      for (let i = 0; i < 5000; i++) kept.push({ i, more: [i] });
      if (kept.length > 100_000) kept = kept.slice(50_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    console.log(youngBytes());`;
  return Number(execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]).toString());
}

test('the young generation grows to the bound and no further, where it otherwise would', () => {
  expect(grownBytes(false)).toBeGreaterThan(YOUNG_BYTES_MAX);
  expect(grownBytes(true)).toBe(YOUNG_BYTES_MAX);
});
