import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Deadline, DeadlineHeap } from '../../src/lease/index.ts';

class Named implements Deadline {
  readonly name: number;
  at = 0;
  place = -1;
  constructor(name: number) {
    this.name = name;
  }
}

test('the first is the earliest, whatever was put in, moved and taken out', () => {
  const change = fc.record({ name: fc.nat(30), at: fc.option(fc.nat(50), { freq: 3, nil: undefined }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const heap = new DeadlineHeap<Named>();
      const all = Array.from({ length: 31 }, (_, name) => new Named(name));
      const twin = new Map<number, number>();
      for (const { name, at } of changes) {
        const deadline = all[name] as Named;
        if (at === undefined) {
          heap.delete(deadline);
          twin.delete(name);
        } else {
          heap.set(deadline, at);
          twin.set(name, at);
        }
        expect(heap.size).toBe(twin.size);
        expect(heap.first?.at).toBe(twin.size === 0 ? undefined : Math.min(...twin.values()));
        if (heap.first !== undefined) expect(twin.get(heap.first.name)).toBe(heap.first.at);
      }
    }),
    { seed: 41, numRuns: 500 },
  );
});
