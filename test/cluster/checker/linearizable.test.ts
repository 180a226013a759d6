import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkLinearizable, type Operation } from '../../../cluster/checker/index.ts';
import { type Interval, judge, type Machine } from '../../../cluster/checker/wgl.ts';
import { del, pair, put, read, refused, swap, unanswered } from './histories.ts';

const verdict = (...operations: readonly Operation[]): number =>
  checkLinearizable(new Map([['k', operations]])).findings.count;

describe('histories that are linearizable', () => {
  const cases: Readonly<Record<string, readonly Operation[]>> = {
    'nothing at all': [],
    'one after the other': [
      put('k', 'a', [0, 1]),
      read('k', 'a', [2, 3]),
      put('k', 'b', [4, 5]),
      read('k', 'b', [6, 7]),
    ],
    'a read of what is not there': [read('k', undefined, [0, 1]), put('k', 'a', [2, 3])],
    'a read beside a put sees it': [put('k', 'a', [0, 10]), read('k', 'a', [1, 2])],
    'a read beside a put does not see it yet': [put('k', 'a', [0, 10]), read('k', undefined, [1, 2])],
    'two puts beside each other, in the order that a read tells': [
      put('k', 'a', [0, 10]),
      put('k', 'b', [1, 9]),
      read('k', 'a', [11, 12]),
    ],
    'an unanswered put that takes effect late': [
      unanswered(put('k', 'a', [0, 0])),
      put('k', 'b', [1, 2]),
      read('k', 'b', [3, 4]),
      read('k', 'a', [5, 6]),
    ],
    'an unanswered put that never takes effect': [unanswered(put('k', 'a', [0, 0])), read('k', undefined, [1, 2])],
    'an unanswered put that only a delete has felt': [
      unanswered(put('k', 'a', [0, 0])),
      del('k', true, [1, 2]),
      read('k', undefined, [3, 4]),
    ],
    'an unanswered delete': [put('k', 'a', [0, 1]), unanswered(del('k', false, [2, 2])), read('k', undefined, [3, 4])],
    'a swap, and one that came too late': [
      put('k', 'a', [0, 1]),
      swap('k', ['a', 'b'], { swapped: true }, [2, 8]),
      swap('k', ['a', 'c'], { swapped: false, seen: 'b' }, [3, 9]),
      read('k', 'b', [10, 11]),
    ],
    'an unanswered swap that was made': [
      put('k', 'a', [0, 1]),
      unanswered(swap('k', ['a', 'b'], { swapped: false }, [2, 2])),
      read('k', 'b', [3, 4]),
    ],
    'a refused put that is not there': [refused(put('k', 'a', [0, 0])), read('k', undefined, [1, 2])],
    'a serializable read of an old state': [
      put('k', 'a', [0, 1]),
      put('k', 'b', [2, 3]),
      { ...read('k', 'a', [4, 5]), serializable: true },
    ],
    'one key of a transaction': [pair('k', 'l', 'a', [0, 1]), read('k', 'a', [2, 3])],
  };
  test.each(Object.entries(cases))('%s', (_name, operations) => {
    expect(verdict(...operations)).toBe(0);
  });
});

describe('histories that are not linearizable', () => {
  const cases: Readonly<Record<string, readonly Operation[]>> = {
    'a stale read': [put('k', 'a', [0, 1]), put('k', 'b', [2, 3]), read('k', 'a', [4, 5])],
    'a lost write': [put('k', 'a', [0, 1]), read('k', undefined, [2, 3])],
    'a value out of nowhere': [read('k', 'x', [0, 1])],
    'a read that goes back': [
      put('k', 'a', [0, 1]),
      put('k', 'b', [2, 10]),
      read('k', 'b', [3, 4]),
      read('k', 'a', [5, 6]),
    ],
    'an unanswered put that is seen, then not, then again': [
      unanswered(put('k', 'a', [0, 0])),
      put('k', 'b', [1, 2]),
      read('k', 'a', [3, 4]),
      read('k', 'b', [5, 6]),
      read('k', 'a', [7, 8]),
    ],
    'a put before it was asked for': [read('k', 'a', [0, 1]), put('k', 'a', [2, 3])],
    'a refused put that is there': [refused(put('k', 'a', [0, 0])), read('k', 'a', [1, 2])],
    'a delete that found nothing after a put': [put('k', 'a', [0, 1]), del('k', false, [2, 3])],
    'a delete that found something twice': [put('k', 'a', [0, 1]), del('k', true, [2, 3]), del('k', true, [4, 5])],
    'two swaps from one value': [
      put('k', 'a', [0, 1]),
      swap('k', ['a', 'b'], { swapped: true }, [2, 8]),
      swap('k', ['a', 'c'], { swapped: true }, [3, 9]),
    ],
    'a swap that refused what was there': [
      put('k', 'a', [0, 1]),
      swap('k', ['a', 'b'], { swapped: false, seen: 'a' }, [2, 3]),
    ],
  };
  test.each(Object.entries(cases))('%s', (_name, operations) => {
    expect(verdict(...operations)).toBe(1);
  });
});

test('each key is judged alone', () => {
  const { findings, count } = checkLinearizable(
    new Map([
      ['a', [put('a', 'x', [0, 1]), read('a', 'x', [2, 3])]],
      ['b', [put('b', 'y', [0, 1]), read('b', undefined, [2, 3])]],
    ]),
  );
  expect(findings.texts).toEqual(['no order explains the 2 operations on b']);
  expect(count).toBe(4);
});

test('beyond the limit nothing is claimed', () => {
  const puts = Array.from({ length: 12 }, (_, i) => put('k', `v${i}`, [i, 100 + i]));
  const key = new Map([['k', [...puts, read('k', undefined, [200, 201])]]]);
  const small = checkLinearizable(key, 50);
  expect(small.findings.count).toBe(0);
  expect(small.undecided).toBe('1 of 1 keys have too many orders');
  expect(checkLinearizable(key).findings.count).toBe(1);
});

type Step = { readonly write: string } | { readonly read: string };

const MACHINE: Machine<Step> = {
  initial: '',
  step: (state, op) => ('write' in op ? op.write : op.read === state ? state : undefined),
};

/** Tries every order there is. */
function naive(intervals: readonly Interval<Step>[], state = MACHINE.initial): boolean {
  if (intervals.every(({ returnedAt }) => returnedAt === Infinity)) return true;
  const firstReturn = Math.min(...intervals.map(({ returnedAt }) => returnedAt));
  return intervals.some((interval, i) => {
    if (interval.calledAt > firstReturn) return false;
    const after = MACHINE.step(state, interval.op);
    return after !== undefined && naive(intervals.toSpliced(i, 1), after);
  });
}

test('the search says what trying every order says', () => {
  const value = fc.constantFrom('a', 'b');
  const step = fc.oneof(fc.record({ write: value }), fc.record({ read: fc.oneof(value, fc.constant('')) }));
  const interval = fc
    .record({ op: step, calledAt: fc.nat(12), lasts: fc.nat(6), answered: fc.nat(5) })
    .map(({ op, calledAt, lasts, answered }) => ({
      op,
      calledAt,
      returnedAt: answered === 0 ? Infinity : calledAt + lasts,
    }));
  const counts = { yes: 0, no: 0 };
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 7 }), (intervals) => {
      const wanted = naive(intervals);
      counts[wanted ? 'yes' : 'no']++;
      expect(judge(intervals, MACHINE, 100_000)).toBe(wanted ? 'linearizable' : 'not linearizable');
    }),
    { seed: 7, numRuns: 3000 },
  );
  expect(Math.min(counts.yes, counts.no)).toBeGreaterThan(300);
});
