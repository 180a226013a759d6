import { expect, test } from 'vitest';
import { type Check, checkLeases, checkWrites, type LeaseLife, RevisionLog } from '../../../cluster/checker/index.ts';
import { deleted, pair, wrote } from './histories.ts';

const texts = ({ findings }: Check): readonly string[] => findings.texts;

const life: LeaseLife = { id: 7n, keys: ['a', 'b'], aliveUntil: 5000 };

/** Both keys are put at revision 2, and what follows is told a second apart from `at` on. */
function told(at: number, ...revisions: (readonly string[])[]): RevisionLog {
  const log = new RevisionLog();
  log.add('w', 2, [wrote('a', '1'), wrote('b', '1')], 1000);
  for (const [i, keys] of revisions.entries()) {
    log.add(
      'w',
      3 + i,
      keys.map((key) => deleted(key)),
      at + 1000 * i,
    );
  }
  return log;
}

test('a lease that ends when it may, with all its keys', () => {
  expect(texts(checkLeases([life], told(5000, ['a', 'b']), new Set()))).toEqual([]);
  expect(texts(checkLeases([{ ...life, keys: ['c', 'd'] }], told(5000), new Set()))).toEqual([]);
});

test('a lease that ends before its time', () => {
  expect(texts(checkLeases([life], told(4900, ['a', 'b']), new Set([8n])))).toEqual([
    'lease 7 ended at revision 3, at least 100 ms early',
  ]);
  // Of one of which nothing was acknowledged nobody can say that.
  expect(texts(checkLeases([{ ...life, aliveUntil: 0 }], told(4900, ['a', 'b']), new Set()))).toEqual([]);
});

test('a lease that never ends', () => {
  expect(texts(checkLeases([life], told(5000, ['a', 'b']), new Set([7n])))).toEqual([
    'lease 7 is there, and nobody keeps it alive',
  ]);
});

test('a key that outlives its lease', () => {
  expect(texts(checkLeases([life], told(5000, ['a']), new Set()))).toEqual(['b is there, and its lease 7 is over']);
});

test('keys that do not go together', () => {
  expect(texts(checkLeases([life], told(5000, ['a'], ['b']), new Set()))).toEqual([
    'the keys of lease 7 went at revisions 3 and 4',
  ]);
});

test('the end of a lease is a delete that somebody may make, but once', () => {
  const puts = [pair('a', 'b', '1', [0, 1], 2)];
  const log = told(5000, ['a', 'b']);
  expect(texts(checkWrites(puts, log, [life]))).toEqual([]);
  expect(texts(checkWrites(puts, log))).toHaveLength(2);
  expect(texts(checkWrites(puts, told(5000, ['a', 'b'], ['a']), [life]))).toEqual([
    'a was deleted 0 times, perhaps 1; there are 2',
  ]);
});
