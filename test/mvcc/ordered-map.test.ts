import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { below, KEY_INFINITY, type Key, SeededPrng } from '../../src/base/index.ts';
import { OrderedMap } from '../../src/mvcc/ordered-map.ts';

function entriesOf(map: OrderedMap<number>, from: Key, end: Key, max = Number.POSITIVE_INFINITY): [Key, number][] {
  const entries: [Key, number][] = [];
  map.visit(from, end, (key, value) => {
    if (entries.length === max) return false;
    entries.push([key, value]);
    return true;
  });
  return entries;
}

/** The twin: a plain map, sorted when asked. */
function sortedEntries(map: ReadonlyMap<Key, number>, from: Key, end: Key): [Key, number][] {
  return [...map].filter(([key]) => key >= from && key < end).sort(([a], [b]) => (a < b ? -1 : 1));
}

// Long enough to have several leaves, and inner nodes that split and join: the keys are dense, the runs of sets and deletes long.
const key = fc.integer({ min: 0, max: 9999 }).map((n) => String(n).padStart(4, '0'));
const step = fc.oneof(
  fc.record({ kind: fc.constant('set'), key, count: fc.nat(3000), stride: fc.constantFrom(1, 7, 9999) }),
  fc.record({ kind: fc.constant('delete'), key, count: fc.nat(3000), stride: fc.constantFrom(1, 3, 9999) }),
  fc.record({ kind: fc.constant('visit'), key, count: fc.nat(200), stride: fc.nat(9999) }),
);

test('the map answers as a plain one that is sorted when asked', () => {
  let sizeMax = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12, size: 'max' }), (steps) => {
      const map = new OrderedMap<number>();
      const twin = new Map<Key, number>();
      for (const { kind, key: start, count, stride } of steps) {
        if (kind === 'visit') {
          const end = String(stride).padStart(4, '0');
          expect(entriesOf(map, start, end, count)).toEqual(sortedEntries(twin, start, end).slice(0, count));
          continue;
        }
        for (let i = 0; i < count; i++) {
          const at = String((Number(start) + i * stride) % 10_000).padStart(4, '0');
          if (kind === 'set') {
            map.set(at, i);
            twin.set(at, i);
          } else if (map.delete(at) !== twin.delete(at)) {
            throw new Error(`delete ${at} answers otherwise`);
          }
        }
        map.check();
        expect(map.size).toBe(twin.size);
        sizeMax = Math.max(sizeMax, map.size);
      }
      for (let n = 0; n < 10_000; n += 13) {
        const at = String(n).padStart(4, '0');
        if (map.get(at) !== twin.get(at)) throw new Error(`get ${at} answers otherwise`);
      }
      expect(entriesOf(map, '', KEY_INFINITY)).toEqual(sortedEntries(twin, '', KEY_INFINITY));
    }),
    { seed: 64, numRuns: 25 },
  );
  expect(sizeMax).toBeGreaterThan(64 * 64);
});

test.each(['ascending', 'descending', 'random'])('three levels, filled and emptied in %s order', (order) => {
  const prng = new SeededPrng(3);
  const keys = Array.from({ length: 8000 }, (_, i) => String(i).padStart(5, '0'));
  if (order === 'descending') keys.reverse();
  if (order === 'random') keys.sort(() => below(prng, 3) - 1);
  const map = new OrderedMap<number>();
  for (const at of keys) map.set(at, Number(at));
  map.check();
  expect(map.size).toBe(8000);
  keys.forEach((at, i) => {
    expect(map.delete(at)).toBe(true);
    if (i % 500 === 0) map.check();
  });
  map.check();
  expect(map.size).toBe(0);
  expect(entriesOf(map, '', KEY_INFINITY)).toEqual([]);
});

test('keys are ordered byte by byte, and a visit can go on behind the key it had reached', () => {
  const map = new OrderedMap<number>();
  ['b', 'a', '\xff', 'a\0', 'ab', '\0', 'a\xff'].forEach((at, i) => {
    map.set(at, i);
  });
  expect(entriesOf(map, '', KEY_INFINITY).map(([at]) => at)).toEqual(['\0', 'a', 'a\0', 'ab', 'a\xff', 'b', '\xff']);
  expect(entriesOf(map, 'a\0', KEY_INFINITY, 2).map(([at]) => at)).toEqual(['a\0', 'ab']);
  expect(entriesOf(map, 'ab\0', 'b').map(([at]) => at)).toEqual(['a\xff']);
  expect(entriesOf(map, 'b', 'a')).toEqual([]);
});
