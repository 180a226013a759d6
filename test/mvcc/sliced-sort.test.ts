import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlicedSort } from '../../src/mvcc/sliced-sort.ts';

test('what goes in comes out sorted, and equals in the order in which they went in', () => {
  fc.assert(
    fc.property(fc.nat(4000), fc.integer({ min: 1, max: 50 }), fc.nat(), (length, spread, salt) => {
      const items = Array.from({ length }, (_, i) => ({ rank: ((i + salt) * 7919) % spread, order: i }));
      const sort = new SlicedSort<{ rank: number; order: number }>((a, b) => a.rank - b.rank);
      for (const item of items) sort.add(item);
      expect(sort.length).toBe(length);
      const out: unknown[] = [];
      for (let item = sort.next(); item !== undefined; item = sort.next()) out.push(item);
      // Array.prototype.sort is stable, too.
      expect(out).toEqual(items.toSorted((a, b) => a.rank - b.rank));
      expect(sort.length).toBe(0);
    }),
    {
      seed: 512,
      numRuns: 60,
      examples: [
        [0, 1, 0],
        [1, 1, 0],
        [512, 3, 1],
        [513, 3, 1],
        [1024, 1, 0],
      ],
    },
  );
});

test('where only the least are wanted, those come out, and few others are kept', () => {
  fc.assert(
    fc.property(fc.nat(3000), fc.integer({ min: 1, max: 600 }), fc.nat(), (length, wantedMax, salt) => {
      const items = Array.from({ length }, (_, i) => ({ rank: ((i + salt) * 7919) % 50, order: i }));
      const sort = new SlicedSort<{ rank: number; order: number }>((a, b) => a.rank - b.rank, wantedMax);
      for (const item of items) sort.add(item);
      expect(sort.length).toBeLessThanOrEqual(Math.ceil(length / 512) * Math.min(wantedMax, 512) + 511);
      const out = Array.from({ length: Math.min(wantedMax, length) }, () => sort.next());
      expect(out).toEqual(items.toSorted((a, b) => a.rank - b.rank).slice(0, wantedMax));
    }),
    { seed: 513, numRuns: 60 },
  );
});

test('nothing can be added once something was taken', () => {
  const sort = new SlicedSort<number>((a, b) => a - b);
  sort.add(1);
  expect(sort.next()).toBe(1);
  expect(sort.next()).toBeUndefined();
  expect(() => sort.add(2)).toThrow('being read');
});
