import { expect, test } from 'vitest';
import { Terms, TermsError } from '../../../src/ops/failpoints/terms.ts';

const never = (): number => 0.999_999;

/** What the first `count` times come to. */
function times(text: string, count: number, chance = never): readonly unknown[] {
  const terms = new Terms(text, chance);
  return Array.from({ length: count }, () => terms.next());
}

test('each action, with and without a value', () => {
  expect(times('off', 1)).toEqual([{ kind: 'off' }]);
  expect(times('break', 1)).toEqual([{ kind: 'break' }]);
  expect(times('panic', 1)).toEqual([{ kind: 'panic', text: '' }]);
  expect(times('panic()', 1)).toEqual([{ kind: 'panic', text: '' }]);
  expect(times('panic("it -> \\"is\\" over")', 1)).toEqual([{ kind: 'panic', text: 'it -> "is" over' }]);
  expect(times('print("here")', 1)).toEqual([{ kind: 'print', text: 'here' }]);
  expect(times('return("no")', 1)).toEqual([{ kind: 'return', text: 'no' }]);
  expect(times('return(true)', 1)).toEqual([{ kind: 'return', text: 'true' }]);
  expect(times('return', 1)).toEqual([{ kind: 'return', text: '' }]);
  expect(times('sleep(1500)', 1)).toEqual([{ kind: 'sleep', ms: 1500 }]);
  expect(times('sleep("1.5s")', 1)).toEqual([{ kind: 'sleep', ms: 1500 }]);
  expect(times(' sleep("2h")\n', 1)).toEqual([{ kind: 'sleep', ms: 7_200_000 }]);
});

test('a count runs out, and the next term of the chain takes over', () => {
  expect(times('2*return("a")->1*return("b")', 4)).toEqual([
    { kind: 'return', text: 'a' },
    { kind: 'return', text: 'a' },
    { kind: 'return', text: 'b' },
    undefined,
  ]);
});

test('a probability leaves the rest to the next term; a count is used up only by what was done', () => {
  const drawn = [0.6, 0.4, 0.5, 0.1, 0.2];
  const chance = (): number => drawn.shift() ?? 1;
  expect(
    times('50.0%2*return("a")->return("b")', 5, chance).map((action) => (action as { text: string }).text),
  ).toEqual(['b', 'a', 'b', 'a', 'b']);
  expect(times('0%panic', 2, () => 0)).toEqual([undefined, undefined]);
  expect(times('100%return', 1)).toEqual([{ kind: 'return', text: '' }]);
});

test('what was carried out is counted', () => {
  const terms = new Terms('2*print', never);
  for (let i = 0; i < 5; i++) terms.next();
  expect(terms.count).toBe(2);
});

test.each([
  '',
  'panics',
  'panic(',
  'panic("a)',
  'sleep',
  'sleep()',
  'sleep("x")',
  'sleep("-1s")',
  'sleep(-1)',
  '3*',
  '*panic',
  '50.%panic',
  'panic->',
  'panic panic',
  'return("\\x")',
])('%j is refused', (text) => {
  expect(() => new Terms(text, never)).toThrow(TermsError);
});
