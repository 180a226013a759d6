/**
 * The store and its twin (naive-store.ts) are told the same, and must say the same: answers, refusals, events, hashes. Reads and
 * removals go on in small steps between all the rest, and the store is restarted from its records now and then.
 */

import type { Arbitrary } from 'fast-check';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RequestError } from '../../src/base/index.ts';
import type { Leases } from '../../src/lease/index.ts';
import {
  type CompactionJob,
  type DeleteRangeOperation,
  type HashReading,
  type PutOperation,
  type RangeOperation,
  type RangeReading,
  type RangeResult,
  Store,
  type TxnOperation,
} from '../../src/mvcc/index.ts';
import { leasesOf } from '../support/lease-book.ts';
import { RecordMap } from '../support/record-map.ts';
import { NaiveStore } from './naive-store.ts';
import { deleteRange, LEASE, put, rangeOperation, txn } from './operation-arbitraries.ts';

const RUNS = 250;

type Command =
  | PutOperation
  | DeleteRangeOperation
  | TxnOperation
  | RangeOperation
  | { readonly kind: 'read'; readonly operation: RangeOperation }
  | { readonly kind: 'hash' | 'compact'; readonly back: number }
  | { readonly kind: 'step'; readonly which: number; readonly rows: number }
  | { readonly kind: 'close'; readonly which: number }
  | { readonly kind: 'remove'; readonly keys: number }
  | { readonly kind: 'restart' };

const which = fc.nat(3);
const command: Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: put },
  { weight: 4, arbitrary: deleteRange },
  { weight: 8, arbitrary: txn },
  { weight: 8, arbitrary: rangeOperation },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read'), operation: rangeOperation }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hash'), back: fc.integer({ min: -1, max: 8 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('compact'), back: fc.integer({ min: -1, max: 12 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('step'), which, rows: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close'), which }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('remove'), keys: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
);

/** What `ask` answers, or the code of its refusal. */
function answer<T>(ask: () => T): T | string {
  try {
    return ask();
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

/** Something being read slice by slice, and what must come out of it. */
type Underway =
  | { readonly reading: RangeReading; readonly expected: RangeResult }
  | { readonly reading: HashReading; readonly expected: { hash: number } };

class Pair {
  readonly records = new RecordMap();
  readonly naive = new NaiveStore(new Set([LEASE]));
  leases: Leases = leasesOf(LEASE);
  store = this.#open();
  underway: Underway[] = [];
  jobs: CompactionJob[] = [];

  carryOut(command: Command): void {
    switch (command.kind) {
      case 'put':
      case 'deleteRange':
      case 'txn':
        return this.#apply(command);
      case 'range':
        return expect(answer(() => this.store.range(command))).toEqual(answer(() => this.naive.range(command)));
      case 'read':
        return this.#read(command.operation);
      case 'hash':
        return this.#hash(this.naive.current - command.back);
      case 'compact':
        return this.#compact(this.naive.current - command.back);
      case 'step':
        return this.#step(command.which, command.rows);
      case 'close':
        this.underway[command.which]?.reading.close();
        this.underway = this.underway.filter((_, i) => i !== command.which);
        return;
      case 'remove':
        if (this.jobs[0]?.step(command.keys) === true) this.jobs.shift();
        return;
      case 'restart':
        return this.#restart();
    }
  }

  #apply(operation: PutOperation | DeleteRangeOperation | TxnOperation): void {
    const before = this.naive.current;
    const expected = answer(() => this.naive.apply(operation));
    const applied = answer(() => this.store.apply(operation));
    expect(typeof applied === 'string' ? applied : applied.result).toEqual(expected);
    const events = typeof applied === 'string' ? [] : applied.events;
    expect(events).toEqual(this.naive.current > before ? this.naive.eventsOf(this.naive.current) : []);
  }

  #read(operation: RangeOperation): void {
    const expected = answer(() => this.naive.range(operation));
    const reading = answer(() => this.store.rangeSlices(operation));
    if (typeof expected === 'string' || typeof reading === 'string') expect(reading).toEqual(expected);
    else this.underway.push({ reading, expected });
  }

  #hash(revision: number): void {
    const expected = answer(() => {
      if (revision > this.naive.current) throw new RequestError('futureRevision');
      return { hash: this.naive.hash(Math.max(revision, 1)), compactRevision: this.naive.compacted };
    });
    const reading = answer(() => this.store.hashKv(Math.max(revision, 1)));
    if (typeof expected === 'string' || typeof reading === 'string') expect(reading).toEqual(expected);
    else this.underway.push({ reading, expected });
  }

  #compact(revision: number): void {
    const expected = answer(() => this.naive.compact(revision));
    const job = answer(() => this.store.compact(revision));
    if (typeof expected === 'string' || typeof job === 'string') expect(job).toEqual(expected);
    else this.jobs.push(job);
  }

  #step(index: number, rows: number): void {
    const underway = this.underway[index];
    if (underway === undefined || !underway.reading.step(rows)) return;
    expect(underway.reading.result()).toMatchObject(underway.expected);
    this.underway.splice(index, 1);
  }

  #restart(): void {
    this.underway = [];
    this.store = this.#open();
    const pending = this.store.pendingCompaction();
    this.jobs = pending === undefined ? [] : [pending];
  }

  #open(): Store {
    this.leases = leasesOf(LEASE);
    const store = new Store(this.records, this.leases);
    for (const record of this.records.scan()) store.restore(record);
    store.restoreDone(this.records.mark);
    return store;
  }

  checkPlace(): void {
    expect(this.store.currentRevision).toBe(this.naive.current);
    expect(this.store.compactRevision).toBe(this.naive.compacted);
    const pairs = this.naive.pairs({ key: '', end: '\u0100' }, this.naive.current);
    expect(this.store.keys).toBe(pairs.length);
    const leased = pairs.filter(({ lease }) => lease === LEASE).map(({ key }) => key);
    expect([...this.leases.keysOf(LEASE)].sort()).toEqual(leased.sort());
  }

  /** All of history that may be asked for. */
  checkHistory(): void {
    const { store, naive } = this;
    for (let main = Math.max(naive.compacted, 1); main <= naive.current; main++) {
      const events = store.eventsOf(main);
      const all = naive.eventsOf(main);
      for (const event of events) expect(store.previousOf(event)).toEqual(naive.previousOf(event));
      if (main > naive.compacted) {
        expect(events).toEqual(all);
        continue;
      }
      // The compaction at this very revision may have removed all but the last change of each key.
      expect(all).toEqual(expect.arrayContaining([...events]));
      const last = all.filter((event, i) => all.findLastIndex(({ key }) => key === event.key) === i);
      expect(events).toEqual(expect.arrayContaining(last));
    }
  }

  /** Ends whatever is under way. Afterwards nothing is kept that nobody can ask for. */
  finish(): void {
    while (this.underway.length > 0) this.#step(0, 3);
    for (const job of this.jobs) while (!job.step(3));
    expect(this.store.pendingCompaction()).toBeUndefined();
    const { naive } = this;
    const above = (main: number): boolean => main > naive.compacted;
    const kept = naive.pairs({ key: '', end: '\u0100' }, naive.compacted).length;
    let needed = kept;
    for (let main = Math.max(naive.compacted, 2); main <= naive.current; main++) {
      const events = naive.eventsOf(main);
      const tombstones = events.filter(
        ({ type, key }, i) => type === 'delete' && events.findLastIndex((event) => event.key === key) === i,
      );
      needed += above(main) ? events.length : tombstones.length;
    }
    expect(this.records.size).toBe(needed);
  }
}

test('the store answers as its twin does, whatever is under way', () => {
  let revisions = 0;
  let removed = 0;
  fc.assert(
    fc.property(fc.array(command, { maxLength: 100, size: 'max' }), (commands) => {
      const pair = new Pair();
      for (const one of commands) {
        pair.carryOut(one);
        pair.checkPlace();
      }
      pair.checkHistory();
      pair.finish();
      pair.checkHistory();
      revisions += pair.store.currentRevision;
      removed += pair.store.counters.removedRecords;
    }),
    { seed: 20, numRuns: RUNS },
  );
  // The histories were worth the while.
  expect(revisions).toBeGreaterThan(RUNS * 10);
  expect(removed).toBeGreaterThan(RUNS);
});
