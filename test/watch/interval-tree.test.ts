/** The interval tree against a list that is searched from end to end. */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { KEY_INFINITY } from '../../src/base/index.ts';
import { type Interval, IntervalTree } from '../../src/watch/index.ts';

const SEED = 20261;

/** The twin: obviously right, slow. */
class IntervalList {
  entries: { interval: Interval; value: number }[] = [];

  insert(interval: Interval, value: number): number | undefined {
    const entry = this.entries.find((each) => same(each.interval, interval));
    if (entry === undefined) {
      this.entries.push({ interval, value });
      this.entries.sort((a, b) => order(a.interval, b.interval));
      return undefined;
    }
    const previous = entry.value;
    entry.value = value;
    return previous;
  }

  delete(interval: Interval): boolean {
    const { length } = this.entries;
    this.entries = this.entries.filter((each) => !same(each.interval, interval));
    return this.entries.length < length;
  }

  find(interval: Interval): number | undefined {
    return this.entries.find((each) => same(each.interval, interval))?.value;
  }

  stab({ begin, end }: Interval): number[] {
    return this.entries
      .filter(({ interval }) => begin < end && interval.begin < end && begin < interval.end)
      .map(({ value }) => value);
  }

  /** Every key that could tell a difference is covered: keys are compared, so only the ends of intervals can. */
  contains({ begin, end }: Interval): boolean {
    const places = [begin, ...this.entries.flatMap(({ interval }) => [interval.begin, interval.end])];
    const within = places.filter((place) => place >= begin && place < end);
    return begin < end && within.every((place) => this.stab({ begin: place, end: `${place}\0` }).length > 0);
  }
}

const same = (a: Interval, b: Interval): boolean => a.begin === b.begin && a.end === b.end;

function order(a: Interval, b: Interval): number {
  if (a.begin !== b.begin) return a.begin < b.begin ? -1 : 1;
  return a.end < b.end ? -1 : 1;
}

/** Few keys, so that intervals meet, touch and coincide. */
const key = fc.string({ unit: fc.constantFrom('\0', 'a', 'b', '\xff'), minLength: 0, maxLength: 3 });
const end = fc.oneof({ weight: 4, arbitrary: key }, { weight: 1, arbitrary: fc.constant(KEY_INFINITY) });
const anyInterval = fc.record({ begin: key, end });
const interval = anyInterval.filter(({ begin, end }) => begin < end);

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('insert' as const), interval, value: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), interval }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('query' as const), interval: anyInterval }) },
);

test('does what a list of intervals does, and stays balanced', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const tree = new IntervalTree<number>();
      const list = new IntervalList();
      for (const each of steps) {
        const { interval } = each;
        if (each.kind === 'insert') expect(tree.insert(interval, each.value)).toBe(list.insert(interval, each.value));
        else if (each.kind === 'delete') expect(tree.delete(interval)).toBe(list.delete(interval));
        expect(tree.len()).toBe(list.entries.length);
        expect(tree.height()).toBeLessThanOrEqual(tree.maxHeight());
        expect(tree.find(interval)).toBe(list.find(interval));
        expect(tree.stab(interval)).toEqual(list.stab(interval));
        expect(tree.intersects(interval)).toBe(list.stab(interval).length > 0);
        expect(tree.contains(interval)).toBe(list.contains(interval));
        const holding: number[] = [];
        tree.collectHolding(interval.begin, holding);
        expect(holding).toEqual(list.stab({ begin: interval.begin, end: `${interval.begin}\0` }));
      }
    }),
    { numRuns: 60, seed: SEED },
  );
});

test('is as low as an AVL tree is, whatever the order of insertion and deletion', () => {
  const orders: ((i: number, n: number) => number)[] = [(i) => i, (i, n) => n - i, (i, n) => (i * 7919) % n];
  for (const place of orders) {
    const count = 4096;
    const tree = new IntervalTree<number>();
    const at = (i: number): Interval => {
      const begin = String(place(i, count)).padStart(5, '0');
      return { begin, end: `${begin}x` };
    };
    for (let i = 0; i < count; i++) tree.insert(at(i), i);
    expect(tree.len()).toBe(count);
    expect(tree.height()).toBeLessThanOrEqual(tree.maxHeight());
    expect(tree.maxHeight()).toBe(16);
    for (let i = 0; i < count; i += 2) tree.delete(at(i));
    expect(tree.len()).toBe(count / 2);
    expect(tree.height()).toBeLessThanOrEqual(tree.maxHeight());
    for (let i = 1; i < count; i += 2) tree.delete(at(i));
    expect([tree.len(), tree.height(), tree.maxHeight()]).toEqual([0, 0, 1]);
  }
});

test('visit goes in order and stops when it is told to', () => {
  const tree = new IntervalTree<string>();
  for (const [begin, end] of [
    ['c', 'd'],
    ['a', 'z'],
    ['a', 'b'],
    ['b', KEY_INFINITY],
    ['x', 'y'],
  ] as const) {
    tree.insert({ begin, end }, `${begin}-${end}`);
  }
  const seen: string[] = [];
  tree.visit({ begin: 'b', end: 'x' }, ({ begin, end }, value) => {
    expect(value).toBe(`${begin}-${end}`);
    seen.push(begin + end);
    return begin !== 'b';
  });
  expect(seen).toEqual(['az', `b${KEY_INFINITY}`]);
});

test('union takes over what intersects, and keeps its own values', () => {
  const ours = new IntervalTree<string>();
  const theirs = new IntervalTree<string>();
  ours.insert({ begin: 'a', end: 'c' }, 'ours');
  theirs.insert({ begin: 'a', end: 'c' }, 'theirs');
  theirs.insert({ begin: 'c', end: 'f' }, 'theirs');
  theirs.insert({ begin: 'x', end: 'z' }, 'theirs');
  ours.union(theirs, { begin: 'b', end: 'g' });
  expect(ours.len()).toBe(2);
  expect(ours.stab({ begin: '', end: KEY_INFINITY })).toEqual(['ours', 'theirs']);
  expect(ours.contains({ begin: 'a', end: 'f' })).toBe(true);
  expect(ours.contains({ begin: 'a', end: 'g' })).toBe(false);
});

test('an interval of no keys cannot be put in, meets nothing and is not covered', () => {
  const tree = new IntervalTree<number>();
  expect(() => tree.insert({ begin: 'b', end: 'b' }, 1)).toThrow('an interval of no keys');
  expect(() => tree.insert({ begin: 'b', end: 'a' }, 1)).toThrow('an interval of no keys');
  tree.insert({ begin: '', end: KEY_INFINITY }, 1);
  expect(tree.intersects({ begin: 'b', end: 'b' })).toBe(false);
  expect(tree.contains({ begin: 'c', end: 'b' })).toBe(false);
});
