/**
 * Whole clusters with everything going wrong, by seed: some that stay the same, and some that nobody has run before. A seed that fails is
 * repeated, with its trace, by the command that is printed with it. How many: WATCHRAFT_SIM_SEEDS=FIXED,FRESH; in CI many, else few.
 * The fresh ones begin anywhere, or at WATCHRAFT_SIM_FRESH_FROM: CI takes the number of the commit.
 */

import { expect, test } from 'vitest';
import { campaign } from './campaign.ts';
import type { Report } from './protocol.ts';

const [FIXED = 0, FRESH = 0] = (
  process.env['WATCHRAFT_SIM_SEEDS'] ?? (process.env['CI'] === 'true' ? '200,100' : '12,3')
)
  .split(',')
  .map(Number);

/** For all seeds of one test; they take half a second each, on as many processors as there are. */
const TIMEOUT_MS = 600_000;

async function failuresOf(seeds: readonly number[]): Promise<string[]> {
  const failures: string[] = [];
  const ended = ({ seed, violation, lines }: Report): boolean => {
    if (violation !== undefined) {
      failures.push([violation, ...lines, `to repeat it: npm run sim -- --seed ${seed} --trace`].join('\n'));
    }
    return true;
  };
  await campaign({ seeds, ended });
  return failures;
}

async function reportOf(seed: number): Promise<Report | undefined> {
  let report: Report | undefined;
  const ended = (one: Report): boolean => {
    report = one;
    return true;
  };
  await campaign({ seeds: [seed], ended });
  return report;
}

test(
  `${FIXED} fixed seeds`,
  async () => {
    expect(await failuresOf(Array.from({ length: FIXED }, (_, i) => i + 1))).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  `${FRESH} fresh seeds`,
  async () => {
    const from = Number(process.env['WATCHRAFT_SIM_FRESH_FROM'] ?? 1000 + Math.floor(Math.random() * 2 ** 32));
    expect(await failuresOf(Array.from({ length: FRESH }, (_, i) => from + i))).toEqual([]);
  },
  TIMEOUT_MS,
);

test('a seed is repeated to the letter', async () => {
  const [first, second] = [await reportOf(3), await reportOf(3)];
  expect(first?.counts['steps']).toBeGreaterThan(0);
  expect(second).toEqual(first);
});
