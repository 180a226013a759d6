/** The set of ranges, against a twin that asks every key. */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RangeSet } from '../../src/auth/index.ts';
import { inRange, KEY_INFINITY, type KeyRange } from '../../src/base/index.ts';

/** Every key of at most two of these characters; ranges begin and end at keys, so no key between tells more. */
const LETTERS = ['\0', 'a', 'b', '\xff'];
const KEYS = LETTERS.flatMap((first) => [first, ...LETTERS.map((second) => first + second)]);
/** All there is between the ends of ranges: the keys, and what comes right after each. */
const UNIVERSE = [...KEYS, ...KEYS.map((key) => `${key}\0`), ...KEYS.map((key) => `${key}\0\0`)];

const key = fc.constantFrom(...KEYS);
const range: fc.Arbitrary<KeyRange> = fc.record({
  key,
  end: fc.option(fc.oneof(key, fc.constant(KEY_INFINITY)), { nil: undefined }),
});

test('a range is in the set if each of its keys is in one of the ranges', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 6 }), range, (granted, asked) => {
      const isKeyGranted = (one: string): boolean => granted.some((grant) => inRange(grant, one));
      const keys = UNIVERSE.filter((one) => inRange(asked, one));
      const expected = keys.length === 0 ? isKeyGranted(asked.key) : keys.every(isKeyGranted);
      expect(new RangeSet(granted).contains(asked)).toBe(expected);
    }),
    { seed: 41, numRuns: 3000 },
  );
});

test('ranges that touch are one; with a gap between them they are two', () => {
  const touching = new RangeSet([
    { key: 'c', end: 'f' },
    { key: 'a', end: 'c' },
  ]);
  expect(touching.contains({ key: 'b', end: 'e' })).toBe(true);
  const apart = new RangeSet([
    { key: 'a', end: 'c' },
    { key: 'c\0', end: 'f' },
  ]);
  expect(apart.contains({ key: 'b', end: 'e' })).toBe(false);
  expect(
    new RangeSet([
      { key: 'c', end: undefined },
      { key: 'a', end: 'c' },
      { key: 'c\0', end: 'f' },
    ]).contains({ key: 'b', end: 'e' }),
  ).toBe(true);
});

test('what is open above holds what is open above, and no end does', () => {
  const open = new RangeSet([{ key: 'k', end: KEY_INFINITY }]);
  expect(open.contains({ key: 'l', end: KEY_INFINITY })).toBe(true);
  expect(open.contains({ key: 'a', end: KEY_INFINITY })).toBe(false);
  expect(new RangeSet([{ key: 'k', end: '\xff\xff\xff' }]).contains({ key: 'l', end: KEY_INFINITY })).toBe(false);
});
