/** The cache against a naive twin: a map from key to bytes that forgets nothing. */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { present } from '../../src/base/index.ts';
import { RecordCache } from '../../src/storage/record-cache.ts';
import { isRecordValue, recordHash } from '../../src/storage/record-encoding.ts';

const MIB = 1024 * 1024;
const SEED = 20_260_103;

interface Known {
  readonly batch: number;
  /** Length and first byte, or `deleted`. */
  readonly value: string;
}

/** Whether the cache knows what it must, and nothing else. */
function check(cache: RecordCache, key: string, expected: Known | undefined, written: number): void {
  const [main, sub] = key.split('.').map(Number);
  const found = cache.get(present(main, 'main'), present(sub, 'sub'));
  if (found === undefined) expect(expected === undefined || expected.batch <= written, key).toBe(true);
  else if (found === 'deleted') expect(expected?.value).toBe('deleted');
  else expect(`${found.length} ${found[0] ?? ''}`).toBe(expected?.value);
}

test('what it returns is what was put last; what is not written yet it never forgets; it keeps to its budget', () => {
  const step = fc.record({
    kind: fc.constantFrom(
      'put' as const,
      'put' as const,
      'put' as const,
      'delete' as const,
      'read' as const,
      'written' as const,
    ),
    main: fc.nat({ max: 100 }),
    sub: fc.nat({ max: 1 }),
    length: fc.oneof(
      { weight: 4, arbitrary: fc.nat({ max: 100 }) },
      { weight: 4, arbitrary: fc.nat({ max: 20_000 }) },
      { weight: 1, arbitrary: fc.constant(140_000) },
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 200, maxLength: 600, size: 'max' }), (steps) => {
      const cache = new RecordCache(2 * MIB);
      const known = new Map<string, Known>();
      let batch = 1;
      let written = 0;
      let unwrittenBytes = 0;
      for (const [at, { kind, main, sub, length }] of steps.entries()) {
        const key = `${main}.${sub}`;
        if (kind === 'written') {
          cache.written(batch);
          written = batch++;
          unwrittenBytes = 0;
        } else if (kind === 'delete') {
          cache.putDeleted(main, sub, batch);
          known.set(key, { batch, value: 'deleted' });
        } else if (kind === 'put') {
          const value = new Uint8Array(length).fill(at);
          expect(isRecordValue(recordHash(main, sub), cache.put(main, sub, false, value, batch))).toBe(true);
          known.set(key, { batch, value: `${length} ${length === 0 ? '' : at & 0xff}` });
          unwrittenBytes += length;
        } else {
          check(cache, key, known.get(key), written);
        }
        // Slabs are dropped in order, and whole: one that must stay may keep some others.
        expect(cache.bytes).toBeLessThan(2 * MIB + 2 * unwrittenBytes + 2 * MIB);
      }
      for (const [key, expected] of known) check(cache, key, expected, written);
    }),
    { seed: SEED, numRuns: 30 },
  );
});

test('a million records waiting to be written do not fit into the table, which then doubles', () => {
  const cache = new RecordCache(MIB);
  const value = new Uint8Array(1);
  const count = 900_000;
  for (let main = 1; main <= count; main++) cache.put(main, 0, false, value, 1);
  expect(cache.count).toBe(count);
  for (let main = 1; main <= count; main += 9973) expect(cache.get(main, 0)).toHaveLength(1);
  cache.written(1);
  cache.put(count + 1, 0, false, value, 2);
  for (let main = 1; main < 40_000; main++) cache.put(main, 1, false, value, 2);
  expect(cache.bytes).toBeLessThanOrEqual(3 * MIB);
});

test('a view that was handed out outlives its slab', () => {
  const cache = new RecordCache(MIB);
  cache.put(1, 0, false, Uint8Array.of(1, 2, 3), 1);
  const view = cache.get(1, 0);
  cache.written(1);
  for (let main = 2; main < 100; main++) {
    cache.put(main, 0, false, new Uint8Array(100_000).fill(9), main);
    cache.written(main);
  }
  expect(cache.get(1, 0)).toBeUndefined();
  expect(view).toEqual(Uint8Array.of(1, 2, 3));
});
