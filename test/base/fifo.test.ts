import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fifo } from '../../src/base/index.ts';

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('push' as const), count: fc.integer({ min: 1, max: 90 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 120 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unshift' as const), count: fc.integer({ min: 1, max: 3 }) }) },
);

test('does what an array does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const fifo = new Fifo<number>();
      const twin: number[] = [];
      let next = 0;
      for (const { do: what, count } of steps) {
        for (let i = 0; i < count; i++) {
          if (what === 'shift') expect(fifo.shift()).toBe(twin.shift());
          else {
            fifo[what](next);
            twin[what](next++);
          }
          expect(fifo.length).toBe(twin.length);
        }
      }
    }),
    { seed: 11, numRuns: 200 },
  );
});
