/**
 * Whole clusters with everything going wrong, by seed: some that stay the same, and some that nobody has run before. A seed that fails is
 * repeated, with its trace, by `npm run sim -- --seed N`.
 */

import { expect, test } from 'vitest';
import { simulate } from './simulation.ts';

const FIXED = Array.from({ length: 12 }, (_, i) => i + 1);
const FRESH = Array.from({ length: 3 }, () => 1000 + Math.floor(Math.random() * 2 ** 32));

async function violationOf(seed: number): Promise<string | undefined> {
  const { violation, trace } = await simulate(seed, { faults: true });
  if (violation === undefined) return undefined;
  return `${violation}\n${trace.tail(40).join('\n')}\nto repeat it: npm run sim -- --seed ${seed} --trace`;
}

test.each(FIXED)('seed %i', async (seed) => {
  expect(await violationOf(seed)).toBeUndefined();
});

test.each(FRESH)('fresh seed %i', async (seed) => {
  expect(await violationOf(seed)).toBeUndefined();
});

test('a seed is repeated to the letter', async () => {
  const [first, second] = [await simulate(3, { faults: true }), await simulate(3, { faults: true })];
  expect(second.trace.tail(Number.POSITIVE_INFINITY)).toEqual(first.trace.tail(Number.POSITIVE_INFINITY));
  expect(second.counts).toEqual(first.counts);
});
