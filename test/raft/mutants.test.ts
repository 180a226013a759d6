import { expect, test } from 'vitest';
import * as raft from '../../src/raft/index.ts';
import { findIn, MUTANTS, plant } from './mutants.ts';

test.each(MUTANTS)('$name is found: $breaks', async ({ foundBy, ...mutant }) => {
  const { code, remove } = await plant(mutant);
  try {
    expect(findIn(code, foundBy)).toBeDefined();
  } finally {
    remove();
  }
});

test('the code as it is has nothing wrong where the mutants are found', () => {
  for (const foundBy of new Set(MUTANTS.map((mutant) => mutant.foundBy))) expect(findIn(raft, foundBy)).toBeUndefined();
});
