import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { inRange, KEY_INFINITY, type KeyRange } from '../../src/base/index.ts';
import { KeySet } from '../../src/rpc/key-set.ts';

const key = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\0'), maxLength: 3 });
const range: fc.Arbitrary<KeyRange> = fc.record({
  key,
  end: fc.oneof(fc.constant(undefined), key, fc.constant(KEY_INFINITY)),
});

test('a set of ranges holds the keys that any of them holds', () => {
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 12 }),
      fc.array(range, { maxLength: 6 }),
      fc.array(key),
      (one, two, keys) => {
        const set = new KeySet();
        for (const each of one) set.add(each);
        const other = new KeySet();
        for (const each of two) other.add(each);
        set.addAll(other);
        const ranges = [...one, ...two];
        for (const each of [...keys, ...ranges.flatMap(({ key: from, end }) => [from, end ?? ''])]) {
          expect(set.has(each)).toBe(ranges.some((candidate) => inRange(candidate, each)));
        }
      },
    ),
    { seed: 41, numRuns: 2000 },
  );
});
