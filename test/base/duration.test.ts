import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../src/base/index.ts';

test.each([
  ['0', 0],
  ['-0', -0],
  ['5s', 5000],
  ['1h30m', 5_400_000],
  ['1h0.5m1s', 3_631_000],
  ['100ms', 100],
  ['1.5s', 1500],
  ['.5s', 500],
  ['5.s', 5000],
  ['-2m', -120_000],
  ['+3s', 3000],
  ['250us', 0.25],
  ['250µs', 0.25],
  ['250μs', 0.25],
  ['1000000ns', 1],
])('parses %s', (text, ms) => {
  expect(parseDuration(text)).toBeCloseTo(ms, 9);
});

test.each(['', '5', 's', '5x', '5 s', '1h30', '--5s', '5s-', '1d', 'abc', '.s', '1..5s'])('refuses %j', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [0, '0s'],
  [0.000_001, '1ns'],
  [0.796_379, '796.379µs'],
  [100, '100ms'],
  [999.5, '999.5ms'],
  [1000, '1s'],
  [1500, '1.5s'],
  [59_999, '59.999s'],
  [60_000, '1m0s'],
  [5_400_000, '1h30m0s'],
  [7_200_000, '2h0m0s'],
  [-1500, '-1.5s'],
])('formats %d ms', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
  expect(parseDuration(text)).toBeCloseTo(ms, 9);
});
