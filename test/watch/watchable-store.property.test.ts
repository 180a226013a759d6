/**
 * Random histories, random watchers on several streams that stop and go, cancellations, compactions, snapshots: every watcher
 * is told what happened in its range since its start, or is cancelled once because compaction took it.
 */

import * as fc from 'fast-check';
import { test } from 'vitest';
import { bytesOf, KEY_INFINITY } from '../../src/base/index.ts';
import { type PutOperation, Store } from '../../src/mvcc/index.ts';
import { leasesOf } from '../support/lease-book.ts';
import { RecordMap } from '../support/record-map.ts';
import { type Change, FakeHistory } from './fake-history.ts';
import { WatchModel, type World } from './watch-model.ts';

/** For more of it: WATCH_RUNS=2000 WATCH_SEED=7 */
const SEED = 4711;
const STREAMS = 3;

const key = fc.constantFrom('a', 'b', 'c', 'd');
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key, value: fc.constantFrom('', 'x', 'y'.repeat(3000)) }),
  fc.record({ type: fc.constant('delete' as const), key }),
);
/** No key twice in a transaction. */
const changes = fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: (each) => each.key });
const stream = fc.nat(STREAMS - 1);
const options = fc.record({
  noPut: fc.boolean(),
  noDelete: fc.boolean(),
  prevKv: fc.boolean(),
  fragment: fc.constant(false),
});
/** 0 for what comes next; else a place between the beginning and somewhat after the present, in thousandths. */
const start = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1003 }));

/** What happens, with bursts of so many puts. */
const step = (...bursts: number[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('apply' as const), changes }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('burst' as const),
        key,
        count: fc.constantFrom(...bursts),
        bytes: fc.constantFrom(1, 2000),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('watch' as const),
        stream,
        id: fc.constantFrom(0, 0, 1, 2),
        key,
        end: fc.constantFrom(undefined, undefined, 'c', 'e', KEY_INFINITY),
        start,
        options,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), stream, id: fc.nat(5) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('reading' as const), stream, on: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('take' as const), stream, count: fc.constantFrom(1, 20, 70) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('compact' as const), place: fc.integer({ min: 1, max: 1000 }) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(5, 10, 100) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('progress' as const),
        stream,
        id: fc.option(fc.nat(5), { nil: undefined }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('restore' as const),
        changes: fc.array(changes, { maxLength: 3 }),
        compactTo: fc.integer({ min: 0, max: 1000 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), stream }) },
  );
type Step = ReturnType<typeof step> extends fc.Arbitrary<infer T> ? T : never;

/** 130 fill a channel, 1100 are more than a batch. */
const MANY = step(3, 130, 400, 1100);

/** A burst leaves no time for slices: each revision is told to the end before the next. */
const FEW = step(1, 2);

function take(model: WatchModel, step: Step): void {
  const at = (thousandths: number): number => Math.ceil((model.rev * thousandths) / 1000);
  if (step.do === 'apply') model.apply(step.changes);
  else if (step.do === 'burst') burst(model, step.key, step.count, step.bytes);
  else if (step.do === 'watch') {
    const startRev = step.start > 1000 ? model.rev + step.start - 1000 : at(step.start);
    model.watch(step.stream, step.id, { key: step.key, end: step.end }, startRev, step.options);
  } else if (step.do === 'cancel') model.cancel(step.stream, step.id);
  else if (step.do === 'reading') model.setReading(step.stream, step.on);
  else if (step.do === 'take') model.take(step.stream, step.count);
  else if (step.do === 'compact') model.compact(at(step.place));
  else if (step.do === 'advance') model.advance(step.ms);
  else if (step.do === 'progress') model.progress(step.stream, step.id);
  else if (step.do === 'restore') model.restore(step.changes, at(step.compactTo));
  else model.reopen(step.stream);
}

function burst(model: WatchModel, key: string, count: number, bytes: number): void {
  const value = 'z'.repeat(bytes);
  for (let i = 0; i < count; i++) model.apply([{ type: 'put', key, value }]);
}

function fakeWorld(): World {
  const history = new FakeHistory();
  return { history, apply: (changes) => history.apply(changes), compact: (revision) => history.compact(revision) };
}

/** A real store; what a compaction removes is removed in part at once, and the rest never. */
function storeWorld(): World {
  const history = new Store(new RecordMap(), leasesOf());
  return {
    history,
    apply(changes) {
      const write = history.begin();
      for (const change of changes) {
        if (change.type === 'put') write.put(putOf(change.key, change.value));
        else write.deleteRange({ kind: 'deleteRange', range: { key: change.key, end: undefined }, prevKv: false });
      }
      return write.end();
    },
    compact(revision) {
      history.compact(revision).step(REMOVED_ROWS);
    },
  };
}

const REMOVED_ROWS = 50;

function putOf(key: string, value: string): PutOperation {
  return { kind: 'put', key, value: bytesOf(value), lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

function check(world: () => World, runs: number, step = MANY, watchersPerTellMax?: number): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (steps) => {
      const model = new WatchModel(world(), STREAMS, watchersPerTellMax);
      for (const each of steps) take(model, each);
      model.finish();
    }),
    { numRuns: Number(process.env['WATCH_RUNS'] ?? runs), seed: Number(process.env['WATCH_SEED'] ?? SEED) },
  );
}

test('every watcher is told its history, or is cancelled once because compaction took it', () => {
  check(fakeWorld, 60);
});

test('the same on a real store', () => {
  check(storeWorld, 30);
});

test('the same if what many hear of is told in slices', () => {
  check(fakeWorld, 800, FEW, 1);
});
