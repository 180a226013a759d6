/** Comes before every test file: whatever members its tests start, nothing secret may be in what they log. */

import { afterAll, expect } from 'vitest';
import { onServerOutput } from '../../cluster/process/server-output.ts';
import { secretsIn } from './secrets.ts';

/** A secret may come in two pieces. */
const PIECE_CHARACTERS = 500;

const found: string[] = [];
const rest = new Map<number, string>();

onServerOutput((pid, text) => {
  const all = (rest.get(pid) ?? '') + text;
  found.push(...secretsIn(all));
  rest.set(pid, all.slice(-PIECE_CHARACTERS));
});

afterAll(() => {
  expect(found).toEqual([]);
});
