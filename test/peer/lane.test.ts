import { expect, test } from 'vitest';
import { Lane } from '../../src/peer/lane.ts';

/** What each message costs beside its bytes. */
const COST = 128;

const bytes = (length: number): Uint8Array => new Uint8Array(length);
const lengths = (messages: readonly Uint8Array[]): number[] => messages.map(({ length }) => length);

test('what does not fit the queue is dropped, and one message of any size fits an empty one', () => {
  const lane = new Lane({ queueBytesMax: 1000, unackedBytesMax: 10_000 });
  expect(lane.push(bytes(5000))).toBe(true);
  expect(lane.push(bytes(1))).toBe(false);
  expect(lengths(lane.take(1).messages)).toEqual([5000]);
  expect([bytes(400), bytes(300), bytes(200), bytes(40)].map((message) => lane.push(message))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(lane.waitingBytes).toBe(700 + 2 * COST);
});

test('messages go out in order, as many as fit, and a larger one alone', () => {
  const lane = new Lane({ queueBytesMax: 100_000, unackedBytesMax: 100_000 });
  for (const length of [100, 101, 102, 9000, 103]) lane.push(bytes(length));
  const frameBytesMax = 2 * COST + 201;
  expect(lengths(lane.take(frameBytesMax).messages)).toEqual([100, 101]);
  expect(lengths(lane.take(frameBytesMax).messages)).toEqual([102]);
  expect(lengths(lane.take(frameBytesMax).messages)).toEqual([9000]);
  expect(lengths(lane.take(frameBytesMax).messages)).toEqual([103]);
  expect(lane.take(frameBytesMax)).toEqual({ messages: [], cost: 0 });
  expect(lane.waitingBytes).toBe(0);
});

test('no more goes out than there is credit for, but one message always may', () => {
  const lane = new Lane({ queueBytesMax: 100_000, unackedBytesMax: 1000 });
  for (const length of [400, 200, 300, 5000, 1]) lane.push(bytes(length));
  const first = lane.take(10_000);
  expect(lengths(first.messages)).toEqual([400, 200]);
  expect(lane.take(10_000).messages).toEqual([]);
  lane.acknowledge(first.cost);
  const second = lane.take(10_000);
  expect(lengths(second.messages)).toEqual([300]);
  lane.acknowledge(second.cost);
  const third = lane.take(10_000);
  expect(lengths(third.messages)).toEqual([5000]);
  expect(lane.take(10_000).messages).toEqual([]);
  lane.acknowledge(third.cost);
  expect(lengths(lane.take(10_000).messages)).toEqual([1]);
});

test('clearing forgets what waits and what was sent', () => {
  const lane = new Lane({ queueBytesMax: 10_000, unackedBytesMax: 1000 });
  for (let i = 0; i < 5; i++) lane.push(bytes(400));
  expect(lane.take(10_000).messages).toHaveLength(1);
  expect(lane.clear()).toBe(4);
  expect(lane.clear()).toBe(0);
  expect(lane.push(bytes(900))).toBe(true);
  expect(lane.take(10_000).messages).toHaveLength(1);
});
