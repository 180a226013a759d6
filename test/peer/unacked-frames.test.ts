/** Which frames ask for an acknowledgement, and what one of those gives back. */

import { expect, test } from 'vitest';
import { ASK_MS, ASK_SHARE, BULK_UNACKED_BYTES_MAX, URGENT_UNACKED_BYTES_MAX } from '../../src/peer/limits.ts';
import { UnackedFrames } from '../../src/peer/unacked-frames.ts';

const URGENT_SHARE = ASK_SHARE * URGENT_UNACKED_BYTES_MAX;
const BULK_SHARE = ASK_SHARE * BULK_UNACKED_BYTES_MAX;
const SMALL = { urgent: 10, bulk: 20 };

/** With a first frame that asked at time 0, as every stream has. */
function greeted(): UnackedFrames {
  const frames = new UnackedFrames();
  expect(frames.add(1, { urgent: 0, bulk: 0 }, 0)).toBe(true);
  expect(frames.acknowledged(1)).toEqual({ cost: { urgent: 0, bulk: 0 }, sentAt: 0 });
  return frames;
}

test('a frame asks when enough of a lane has been used since the last that did', () => {
  const frames = greeted();
  expect(frames.add(2, SMALL, 1)).toBe(false);
  expect(frames.add(3, { urgent: URGENT_SHARE - 11, bulk: BULK_SHARE - 21 }, 1)).toBe(false);
  expect(frames.owedSince).toBe(undefined);
  expect(frames.add(4, { urgent: 0, bulk: 1 }, 2)).toBe(true);
  expect(frames.owedSince).toBe(2);
  expect(frames.add(5, { urgent: URGENT_SHARE - 1, bulk: 0 }, 2)).toBe(false);
  expect(frames.add(6, { urgent: 1, bulk: 0 }, 3)).toBe(true);
  expect(frames.acknowledged(4)).toEqual({ cost: { urgent: URGENT_SHARE - 1, bulk: BULK_SHARE }, sentAt: 2 });
  expect(frames.owedSince).toBe(3);
});

test('a frame asks when none has for a while, and one without messages always', () => {
  const frames = greeted();
  expect(frames.add(2, SMALL, ASK_MS - 1)).toBe(false);
  expect(frames.add(3, SMALL, ASK_MS)).toBe(true);
  expect(frames.add(4, SMALL, 2 * ASK_MS - 1)).toBe(false);
  expect(frames.add(5, { urgent: 0, bulk: 0 }, 2 * ASK_MS - 1)).toBe(true);
  expect(frames.askedAt).toBe(2 * ASK_MS - 1);
});

test('an acknowledgement counts for all before it, once', () => {
  const frames = greeted();
  frames.add(2, SMALL, 0);
  frames.add(3, SMALL, ASK_MS);
  frames.add(4, SMALL, 2 * ASK_MS);
  frames.add(5, SMALL, 2 * ASK_MS);
  // As from a member that acknowledges every frame.
  expect(frames.acknowledged(2)).toBe(undefined);
  expect(frames.acknowledged(5)).toEqual({ cost: { urgent: 30, bulk: 60 }, sentAt: 2 * ASK_MS });
  expect(frames.acknowledged(5)).toBe(undefined);
  frames.add(6, SMALL, 9 * ASK_MS);
  expect(frames.acknowledged(6)).toEqual({ cost: { urgent: 20, bulk: 40 }, sentAt: 9 * ASK_MS });
});

test('clearing forgets all', () => {
  const frames = greeted();
  frames.add(2, SMALL, ASK_MS);
  frames.add(3, SMALL, ASK_MS);
  frames.clear();
  expect(frames.owedSince).toBe(undefined);
  frames.add(4, { urgent: 0, bulk: 0 }, ASK_MS);
  expect(frames.acknowledged(4)?.cost).toEqual({ urgent: 0, bulk: 0 });
});
