/** When what connections have produced is written. */

import { beforeEach, expect, test } from 'vitest';
import { Turn } from '../../../src/wire/native/turn.ts';

/** The ends of turns that were asked for. */
let ends: (() => void)[];
let turn: Turn;
let flushed: string[];

beforeEach(() => {
  ends = [];
  const after = (_delayMs: number, fire: () => void): { cancel(): void } => {
    ends.push(fire);
    return { cancel: () => undefined };
  };
  turn = new Turn({ now: () => 0, wall: () => 0, after });
  flushed = [];
});

const flushing = (name: string): { flush(): void } => ({ flush: () => void flushed.push(name) });

/** The present callback is through with all that it has set going. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

test('what comes of input is written when the turn ends', async () => {
  expect(turn.hasTime()).toBe(true);
  turn.flushAtEnd(flushing('a'));
  await settled();
  turn.flushAtEnd(flushing('b'));
  expect(flushed).toEqual([]);
  ends.shift()?.();
  expect(flushed).toEqual(['a', 'b']);
});

test('what comes of something else does not wait for another turn, but for all that comes of it', async () => {
  turn.flushAtEnd(flushing('a'));
  await Promise.resolve();
  turn.flushAtEnd(flushing('b'));
  expect(flushed).toEqual([]);
  await settled();
  expect(flushed).toEqual(['a', 'b']);
  turn.flushAtEnd(flushing('c'));
  await settled();
  expect(flushed).toEqual(['a', 'b', 'c']);
});

test('input that comes in between takes along what waits, once', async () => {
  turn.flushAtEnd(flushing('a'));
  turn.hasTime();
  turn.flushAtEnd(flushing('b'));
  await settled();
  ends.shift()?.();
  expect(flushed).toEqual(['a', 'b']);
});

test('who has more to write than is good gives way to others', async () => {
  let left = 3;
  const large = {
    flush: (): void => {
      flushed.push('large');
      if (--left > 0) turn.flushAtEnd(large);
    },
  };
  turn.flushAtEnd(large);
  await settled();
  await settled();
  expect(flushed).toEqual(['large']);
  ends.shift()?.();
  await settled();
  expect(flushed).toEqual(['large', 'large']);
  ends.shift()?.();
  expect(flushed).toEqual(['large', 'large', 'large']);
});
