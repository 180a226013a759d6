import { expect, test } from 'vitest';
import { BATCH_BYTES_MAX, BATCH_REVISIONS_MAX, SharedEvent } from '../../src/watch/index.ts';
import { WatcherBatch } from '../../src/watch/watcher-batch.ts';
import { FakeHistory } from './fake-history.ts';

/** `revisions` revisions of `each` events, every value so long. */
function eventsOf(revisions: number, each: number, bytes: number): SharedEvent[] {
  const history = new FakeHistory();
  const value = 'x'.repeat(bytes);
  const events: SharedEvent[] = [];
  for (let i = 0; i < revisions; i++) {
    const changes = Array.from({ length: each }, (_, k) => ({ type: 'put' as const, key: `k${k}`, value }));
    for (const event of history.apply(changes)) events.push(new SharedEvent(event, history));
  }
  return events;
}

test('takes a thousand revisions, whole, however many events they have', () => {
  const batch = new WatcherBatch();
  const events = eventsOf(BATCH_REVISIONS_MAX + 5, 3, 1);
  const taken = events.filter((event) => batch.add(event, false));
  expect(taken).toHaveLength(BATCH_REVISIONS_MAX * 3);
  expect(batch.events).toEqual(taken);
  // The first revision is 2.
  expect(batch.moreRev).toBe(2 + BATCH_REVISIONS_MAX);
});

test('ends behind the revision that fills it with bytes, which it takes whole', () => {
  const batch = new WatcherBatch();
  const events = eventsOf(4, 4, BATCH_BYTES_MAX / 5);
  const taken = events.filter((event) => batch.add(event, false));
  expect(taken.map((event) => event.event.main)).toEqual([2, 2, 2, 2, 3, 3, 3, 3]);
  expect(batch.moreRev).toBe(4);
});

test('has no more to come if everything found place', () => {
  const batch = new WatcherBatch();
  for (const event of eventsOf(BATCH_REVISIONS_MAX, 1, 1)) expect(batch.add(event, false)).toBe(true);
  expect(batch.moreRev).toBeUndefined();
});
