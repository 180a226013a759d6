import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AscendingMap } from '../../src/base/index.ts';

interface Value {
  readonly name: number;
}

test('it is a Map', () => {
  const step = fc.oneof(
    { weight: 50, arbitrary: fc.record({ kind: fc.constant('set' as const), by: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 40, arbitrary: fc.record({ kind: fc.constant('delete' as const), by: fc.nat(60) }) },
    { weight: 30, arbitrary: fc.record({ kind: fc.constant('deleteOldest' as const), by: fc.constant(0) }) },
    { arbitrary: fc.record({ kind: fc.constant('clear' as const), by: fc.constant(0) }), weight: 1 },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 600, size: 'max' }), (steps) => {
      const map = new AscendingMap<Value>();
      const twin = new Map<number, Value>();
      let last = 0;
      for (const { kind, by } of steps) {
        if (kind === 'set') {
          last += by;
          map.set(last, { name: last });
          twin.set(last, { name: last });
        } else if (kind === 'clear') {
          map.clear();
          twin.clear();
        } else {
          const key = kind === 'delete' ? last - by : (twin.keys().next().value ?? 0);
          expect(map.delete(key)).toEqual(twin.get(key));
          twin.delete(key);
        }
        expect(map.size).toBe(twin.size);
        expect(map.oldest).toEqual(twin.values().next().value);
        expect(map.get(last - by)).toEqual(twin.get(last - by));
      }
      expect(map.values()).toEqual([...twin.values()]);
    }),
  );
});

test('a key that does not ascend is refused', () => {
  const map = new AscendingMap<Value>();
  map.set(5, { name: 5 });
  expect(() => map.set(5, { name: 5 })).toThrow('ascend');
  expect(() => map.set(4, { name: 4 })).toThrow('ascend');
});
