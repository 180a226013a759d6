/** What one pass of syncWatchers does, and does not do. */

import { expect, test } from 'vitest';
import { SimulatedClock } from '../../src/base/index.ts';
import {
  PLAIN,
  SYNC_REVISIONS_MAX,
  SYNC_TIME_MS_MAX,
  WATCHERS_PER_SYNC_MAX,
  WatchableStore,
  type WatchStream,
  watchIdOf,
} from '../../src/watch/index.ts';
import { FakeHistory } from './fake-history.ts';

class Bench {
  readonly clock = new SimulatedClock();
  readonly history: FakeHistory;
  readonly store: WatchableStore;

  constructor(revisions: number, history = new FakeHistory()) {
    this.history = history;
    for (let i = 0; i < revisions; i++) this.history.apply([{ type: 'put', key: 'k', value: 'v' }]);
    this.store = new WatchableStore(this.history, this.clock);
  }

  stream(name = ''): WatchStream {
    return this.store.newWatchStream({ peer: name, user: '', readable() {} });
  }
}

function watch(stream: WatchStream, startRev: number, key = 'k'): void {
  stream.watch({ id: 0, range: { key, end: undefined }, startRev, options: PLAIN });
}

/** Revisions of the last events taken, a response each. */
function taken(stream: WatchStream): number[] {
  const revisions: number[] = [];
  for (let response = stream.take(); response !== undefined; response = stream.take()) {
    revisions.push(response.events.at(-1)?.event.main ?? 0);
  }
  return revisions;
}

test('reads history once for everyone whose cursor lies in the window', () => {
  const bench = new Bench(500);
  const streams = Array.from({ length: 50 }, () => bench.stream());
  for (const [i, stream] of streams.entries()) watch(stream, 2 + i);
  expect(bench.store.syncWatchers()).toBe(50);
  expect(bench.history.reads).toBe(500);
  for (const stream of streams) expect(taken(stream)).toEqual([501]);
});

test('never reads more than its bound, and goes on where it stopped', () => {
  const bench = new Bench(SYNC_REVISIONS_MAX * 2 + 100);
  const stream = bench.stream();
  // Of a key that never changes: nothing to send, everything to read.
  watch(stream, 2, 'quiet');
  for (let pass = 1; pass <= 2; pass++) {
    bench.store.syncWatchers();
    expect(bench.history.reads).toBe(SYNC_REVISIONS_MAX * pass);
    expect(bench.store.gauges.slowWatchers).toBe(1);
  }
  bench.store.syncWatchers();
  expect(bench.history.reads).toBe(SYNC_REVISIONS_MAX * 2 + 100);
  expect(bench.store.gauges.slowWatchers).toBe(0);
});

test('stops when its time is over, but never without having read anything', () => {
  const clock = new SimulatedClock();
  /** Every read takes a millisecond. */
  class SlowHistory extends FakeHistory {
    override eventsOf(main: number): ReturnType<FakeHistory['eventsOf']> {
      clock.advance(1);
      return super.eventsOf(main);
    }
  }
  const history = new SlowHistory();
  for (let i = 0; i < 100; i++) history.apply([{ type: 'put', key: 'k', value: 'v' }]);
  const store = new WatchableStore(history, clock);
  const stream = store.newWatchStream({ peer: '', user: '', readable() {} });
  watch(stream, 2);
  store.syncWatchers();
  // It looks at the clock now and then only.
  expect(history.reads).toBeGreaterThanOrEqual(SYNC_TIME_MS_MAX);
  expect(history.reads).toBeLessThan(SYNC_TIME_MS_MAX + 16);
  expect(taken(stream)).toEqual([1 + history.reads]);
});

test('a batch that is full ends the reading', () => {
  const bench = new Bench(5000);
  const stream = bench.stream();
  watch(stream, 2);
  bench.store.syncWatchers();
  expect(bench.history.reads).toBe(1001);
  expect(taken(stream)).toEqual([1001]);
});

test('those near the present need not wait for those far behind', () => {
  const bench = new Bench(12_000);
  const far = Array.from({ length: 8 }, () => bench.stream());
  // Each alone in its window.
  for (const [i, stream] of far.entries()) watch(stream, 2 + i * 1400);
  const near = bench.stream();
  watch(near, 11_950);
  bench.store.syncWatchers();
  bench.store.syncWatchers();
  expect(taken(near)).toEqual([12_001]);
  // And those far behind get their turns as well: every other pass is theirs.
  const passes = far.length * 12 * 2 + 10;
  let done = 0;
  while (done < passes && bench.store.syncWatchers() > 0) done++;
  expect(done).toBeLessThan(passes);
  for (const stream of far) expect(taken(stream).at(-1)).toBe(12_001);
});

test('takes on 512, and everybody within as many passes as it takes', () => {
  const bench = new Bench(10);
  const streams = Array.from({ length: 1100 }, () => bench.stream());
  for (const stream of streams) watch(stream, 2);
  expect(bench.store.syncWatchers()).toBe(WATCHERS_PER_SYNC_MAX);
  expect(bench.store.gauges.slowWatchers).toBe(1100 - WATCHERS_PER_SYNC_MAX);
  expect(bench.store.syncWatchers()).toBe(WATCHERS_PER_SYNC_MAX);
  expect(bench.store.syncWatchers()).toBe(1100 - 2 * WATCHERS_PER_SYNC_MAX);
  expect(bench.store.syncWatchers()).toBe(0);
  for (const stream of streams) expect(taken(stream)).toEqual([11]);
});

test('more compacted watchers than a pass takes on: each is told, once', () => {
  const bench = new Bench(20);
  bench.history.compact(15);
  const stream = bench.stream();
  const alive = bench.stream();
  for (let i = 0; i < 1300; i++) watch(stream, 3);
  watch(alive, 15);
  for (let pass = 0; pass < 10; pass++) bench.store.syncWatchers();
  const told = new Set<number>();
  for (let response = stream.take(); response !== undefined; response = stream.take()) {
    expect(response).toMatchObject({ kind: 'compacted', compactRevision: 15, revision: 0 });
    const id = watchIdOf(response.watchers[0]);
    expect(told.has(id)).toBe(false);
    told.add(id);
  }
  expect(told.size).toBe(1300);
  expect(taken(alive)).toEqual([21]);
  expect(bench.store.gauges).toMatchObject({ watchers: 1, slowWatchers: 0 });
});

test('thousands that wait on streams without room cost the others nothing', () => {
  const bench = new Bench(1);
  const stuck = bench.stream('stuck');
  // A key each: those of one key would share the room of one response.
  const keys = Array.from({ length: 2000 }, (_, i) => `k${i}`);
  for (const key of keys) watch(stuck, 0, key);
  const free = bench.stream('free');
  const apply = (): void => {
    const events = bench.history.apply(['k', ...keys].map((key) => ({ type: 'put', key, value: 'v' })));
    bench.store.notify(bench.history.currentRevision, events);
  };
  apply();
  expect(bench.store.gauges.slowWatchers).toBe(2000 - 128);
  watch(free, 2);
  expect(bench.store.syncWatchers()).toBe(1);
  expect(taken(free)).toEqual([3]);
  const reads = bench.history.reads;
  for (let i = 0; i < 5; i++) {
    expect(bench.store.moveVictims()).toBe(false);
    expect(bench.store.syncWatchers()).toBe(0);
  }
  expect(bench.history.reads).toBe(reads);
});

test('one whose batch found no room does not read it again before there is', () => {
  const bench = new Bench(0);
  const keys = ['a', 'b', 'c'];
  // Two of these fill most of a channel.
  for (const key of keys) bench.history.apply([{ type: 'put', key, value: 'v'.repeat(3 * 2 ** 20) }]);
  bench.store.restore();
  const stream = bench.stream();
  for (const key of keys) watch(stream, 2, key);
  for (let i = 0; i < 5; i++) bench.store.syncWatchers();
  expect([stream.queued, stream.victims.size]).toEqual([2, 1]);
  expect(stream.room).toBeGreaterThan(0);
  const reads = bench.history.reads;
  for (let i = 0; i < 5; i++) {
    expect(bench.store.moveVictims()).toBe(false);
    expect(bench.store.syncWatchers()).toBe(0);
  }
  expect(bench.history.reads).toBe(reads);
  stream.take();
  bench.store.moveVictims();
  expect(bench.store.syncWatchers()).toBe(1);
  expect(taken(stream)).toHaveLength(2);
});

test('notify must be told of every revision', () => {
  const bench = new Bench(3);
  const events = bench.history.apply([{ type: 'put', key: 'k', value: 'v' }]);
  expect(() => bench.store.notify(6, events)).toThrow('watchers would miss some');
  bench.store.notify(5, events);
});

test('watchers that are told of the same event share what they are told', () => {
  const bench = new Bench(0);
  const [one, two] = [bench.stream(), bench.stream()];
  watch(one, 0);
  watch(two, 0);
  watch(two, 0);
  const range = { key: 'a', end: 'z' };
  two.watch({ id: 0, range, startRev: 0, options: { ...PLAIN, prevKv: true } });
  const events = bench.history.apply([{ type: 'put', key: 'k', value: 'v' }]);
  bench.store.notify(2, events);
  const responses = [one.take(), two.take(), two.take()];
  // Those that are told the same share the response, too.
  expect(responses.map((response) => response?.watchers.length)).toEqual([1, 2, 1]);
  const told = responses.map((response) => response?.events);
  expect(told[0]).toHaveLength(1);
  for (const each of told) expect(each).toBe(told[0]);
  const shared = told[0]?.[0];
  expect(shared?.encoded(false)).toBe(shared?.encoded(false));
  expect(shared?.encoded(true)).toBe(shared?.encoded(true));
});

test('describe says who lags, by how much and since when', () => {
  const bench = new Bench(100);
  const slow = bench.store.newWatchStream({ peer: '10.0.0.1:5', user: 'ada', readable() {} });
  watch(slow, 41);
  watch(slow, 0);
  bench.clock.advance(250);
  const common = { peer: '10.0.0.1:5', user: 'ada', range: { key: 'k', end: undefined } };
  expect(bench.store.describe(10)).toEqual([
    { ...common, watchId: 0, state: 'unsynced', revisionsBehind: 61, bytesQueued: 0, behindMs: 250 },
    { ...common, watchId: 1, state: 'synced', revisionsBehind: 0, bytesQueued: 0, behindMs: 0 },
  ]);
  expect(bench.store.describe(1)).toHaveLength(1);
});
