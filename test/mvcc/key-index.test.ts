import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyIndex } from '../../src/mvcc/key-index.ts';

/** A life told in a line: 'put put delete put' are revisions 2.0, 3.0, 4.0 and 5.0; '/' stays within the revision: 'delete/put'. */
function lifeOf(story: string): KeyIndex {
  let index: KeyIndex | undefined;
  story.split(' ').forEach((transaction, i) => {
    transaction.split('/').forEach((what, sub) => {
      if (index === undefined) index = new KeyIndex(i + 2, sub, i + 2, 1);
      else if (what === 'put') index.put(i + 2, sub);
      else if (what === 'delete') index.tombstone(i + 2, sub);
    });
  });
  if (index === undefined) throw new Error('a life begins with a put');
  return index;
}

/** What a read at each revision from 1 to `to` sees: 'main.sub created@ version', or '-'. */
function seen(index: KeyIndex, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const found = index.get(from + i);
    return found === undefined ? '-' : `${found.main}.${found.sub} @${found.createRevision} v${found.version}`;
  });
}

function compacted(index: KeyIndex, at: number, dropsMax = Number.POSITIVE_INFINITY): string[] {
  const dropped: string[] = [];
  index.compact(at, dropsMax, (main, sub) => dropped.push(`${main}.${sub}`));
  return dropped;
}

test('a read sees the last put at or before its revision, unless a delete came after it', () => {
  expect(seen(lifeOf('put put delete put'), 1, 6)).toEqual([
    '-',
    '2.0 @2 v1',
    '3.0 @2 v2',
    '-',
    '5.0 @5 v1',
    '5.0 @5 v1',
  ]);
});

test('within one revision the last operation counts', () => {
  expect(seen(lifeOf('put delete/put put/delete put/put'), 1, 5)).toEqual([
    '-',
    '2.0 @2 v1',
    '3.1 @3 v1',
    '-',
    '5.1 @5 v2',
  ]);
});

test.each([
  // compacted at, what is dropped, what reads at 4, 5 and 6 see where they may still read
  [1, [], ['-', '5.0 @5 v1', '5.0 @5 v1']],
  [2, [], ['-', '5.0 @5 v1', '5.0 @5 v1']],
  [3, ['2.0'], ['-', '5.0 @5 v1', '5.0 @5 v1']],
  // The tombstone at the compact revision stays, for a watch from there.
  [4, ['2.0', '3.0'], ['-', '5.0 @5 v1', '5.0 @5 v1']],
  [5, ['2.0', '3.0', '4.0'], ['-', '5.0 @5 v1', '5.0 @5 v1']],
  [9, ['2.0', '3.0', '4.0'], ['-', '5.0 @5 v1', '5.0 @5 v1']],
])('put, put, delete, put, compacted at %i: %j are dropped', (at, dropped, after) => {
  const index = lifeOf('put put delete put');
  expect(compacted(index, at)).toEqual(dropped);
  expect(seen(index, 4, 6)).toEqual(after);
  expect(index.length).toBe(4 - dropped.length);
  expect(compacted(index, at), 'nothing is dropped twice').toEqual([]);
});

test.each([
  ['put', 9, [], false],
  ['put delete', 2, [], false],
  ['put delete', 3, ['2.0'], false],
  ['put delete', 4, ['2.0', '3.0'], true],
  ['put/put', 2, ['2.0'], false],
  ['put/delete', 2, ['2.0'], false],
  ['put delete/put/delete', 3, ['2.0', '3.0', '3.1'], false],
  ['put delete/put/delete', 4, ['2.0', '3.0', '3.1', '3.2'], true],
])('%s, compacted at %i: %j are dropped', (story, at, dropped, empty) => {
  const index = lifeOf(story);
  expect(compacted(index, at)).toEqual(dropped);
  expect(index.empty).toBe(empty);
});

test('a life goes on after compaction', () => {
  const index = lifeOf('put put delete');
  expect(compacted(index, 4)).toEqual(['2.0', '3.0']);
  expect(index.alive).toBe(false);
  index.put(8, 3);
  index.put(9, 0);
  expect(compacted(index, 8)).toEqual(['4.0']);
  expect(seen(index, 7, 9)).toEqual(['-', '8.3 @8 v1', '9.0 @8 v2']);
});

test('a long life is compacted in slices, oldest first, and every slice leaves reads above alone', () => {
  const index = lifeOf(`put${' put'.repeat(99)} delete put`);
  const before = seen(index, 90, 110);
  const slices: string[][] = [];
  for (let slice = compacted(index, 90, 20); slice.length > 0; slice = compacted(index, 90, 20)) {
    slices.push(slice);
    expect(seen(index, 90, 110)).toEqual(before);
  }
  expect(slices.map((slice) => slice.length)).toEqual([20, 20, 20, 20, 8]);
  expect(slices.flat()).toEqual(Array.from({ length: 88 }, (_, i) => `${i + 2}.0`));
});

test('revisions come in order, and only what is alive can be deleted', () => {
  const index = lifeOf('put put');
  expect(() => index.put(3, 0)).toThrow('3.0 cannot follow 3.0');
  expect(() => index.put(2, 5)).toThrow('2.5 cannot follow 3.0');
  index.tombstone(3, 1);
  expect(() => index.tombstone(4, 0)).toThrow('not there');
});

test('whatever the life, compaction in any steps keeps what reads at or above it see', () => {
  const steps = fc.array(fc.record({ put: fc.boolean(), later: fc.nat(2) }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(
      steps,
      fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 6 }))),
      (life, compactions) => {
        const index = new KeyIndex(2, 0, 2, 1);
        let main = 2;
        let sub = 0;
        for (const { put, later } of life) {
          sub = later === 0 ? sub + 1 : 0;
          main += later;
          if (put || !index.alive) index.put(main, sub);
          else index.tombstone(main, sub);
        }
        const before = seen(index, 1, main + 1);
        const length = index.length;
        let dropped = 0;
        let highest = 1;
        for (const [at, dropsMax] of compactions) {
          highest = Math.max(highest, Math.min(at, main + 1));
          dropped += compacted(index, at, dropsMax).length;
          if (index.empty) break;
          expect(seen(index, highest, main + 1)).toEqual(before.slice(highest - 1));
        }
        expect(index.length).toBe(length - dropped);
      },
    ),
    { seed: 7, numRuns: 500 },
  );
});
