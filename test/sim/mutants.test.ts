/** The simulation must find what is broken on purpose. A few of the mutants, each by the seed written down for it; README.md has them all. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { firstFinding } from './campaign.ts';
import { MUTANTS, mutantOf } from './mutants.ts';

/** One of each kind: a disk, a promise, a read, a snapshot, a watch. */
const REPEATED = [
  'ack-before-sync',
  'accept-before-persist',
  'read-not-applied',
  'restore-forgotten',
  'batch-ends-one-late',
];
/** A change of src may make a seed another one: then one of these will do. */
const MORE_SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

test.each(REPEATED)('%s is found', async (name) => {
  const { first } = await firstFinding(name, [mutantOf(name).foundBy, ...MORE_SEEDS]);
  expect(first?.violation).toBeDefined();
});

test.each(MUTANTS)('$name fits into the code once', ({ patches }) => {
  for (const { file, from } of patches) {
    const text = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
    expect(text.split(from)).toHaveLength(2);
  }
});

test('the README names every mutant, with the seed that finds it', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
  for (const { name, foundBy } of MUTANTS) expect(readme).toContain(`--mutant ${name} --seed ${foundBy}`);
});
