/** The store told as documents: one small history a test. The random ones are in store-model.test.ts. */

import { expect, test } from 'vitest';
import { bytesOf, KEY_INFINITY, type Key, keyOf, rangeOf } from '../../src/base/index.ts';
import {
  type Compare,
  decodeKeyValue,
  type Event,
  type Operation,
  type RangeOperation,
  type RangeReading,
  Store,
  StoreDamagedError,
} from '../../src/mvcc/index.ts';
import { leasesOf } from '../support/lease-book.ts';
import { RecordMap } from '../support/record-map.ts';

const LEASE = 7n;

function put(key: Key, value: string, options: { lease?: bigint; ignoreValue?: boolean; ignoreLease?: boolean } = {}) {
  const { lease = 0n, ignoreValue = false, ignoreLease = false } = options;
  return { kind: 'put', key, value: bytesOf(value), lease, prevKv: true, ignoreValue, ignoreLease } as const;
}

function del(key: Key, end: Key = '') {
  return { kind: 'deleteRange', range: rangeOf(key, end), prevKv: true } as const;
}

function txn(...success: Operation[]) {
  return { kind: 'txn', compare: [], success, failure: [] } as const;
}

function range(key: Key, end: Key, options: Partial<RangeOperation> = {}): RangeOperation {
  return {
    kind: 'range',
    range: rangeOf(key, end),
    limit: 0,
    revision: 0,
    sortOrder: 'none',
    sortTarget: 'key',
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...options,
  };
}

function isThere(key: Key): Compare {
  return { range: rangeOf(key, ''), result: 'greater', operand: { target: 'version', number: 0 } };
}

function newStore(records = new RecordMap()): { store: Store; records: RecordMap } {
  return { store: new Store(records, leasesOf(LEASE)), records };
}

/** What a pair says: 'key=value'. */
function told(kv: Uint8Array): string {
  const { key, value } = decodeKeyValue(kv);
  return `${key}=${keyOf(value)}`;
}

function read(store: Store, operation: RangeOperation): string[] {
  return store.range(operation).kvs.map(told);
}

function toldEvents(events: readonly Event[]): string[] {
  return events.map(({ type, key, main, sub, isCreate }) => `${main}.${sub} ${isCreate ? 'create' : type} ${key}`);
}

function hash(store: Store, revision: number): number {
  const reading = store.hashKv(revision);
  while (!reading.step(1));
  return reading.result().hash;
}

function restarted(records: RecordMap): Store {
  const { store } = newStore(records);
  for (const record of records.scan()) store.restore(record);
  store.restoreDone(records.mark);
  return store;
}

/** a=1, b=2, a=3, delete b, c and d together, b=4, delete c and d, a key of odd bytes: revisions 2 to 9. */
function historyOfNine(): { store: Store; records: RecordMap } {
  const made = newStore();
  const operations = [
    put('a', '1'),
    put('b', '2'),
    put('a', '3'),
    del('b'),
    txn(put('c', '1'), put('d', '2')),
    put('b', '4'),
    del('c', 'e'),
    put('a\xff', '\0\xff'),
  ];
  for (const operation of operations) made.store.apply(operation);
  expect(made.store.currentRevision).toBe(9);
  return made;
}

test('every revision can be read', () => {
  const { store } = historyOfNine();
  const all = Array.from({ length: 9 }, (_, i) => read(store, range('\0', '\0', { revision: i + 1 })).join(' '));
  expect(all).toEqual([
    '',
    'a=1',
    'a=1 b=2',
    'a=3 b=2',
    'a=3',
    'a=3 c=1 d=2',
    'a=3 b=4 c=1 d=2',
    'a=3 b=4',
    'a=3 a\xff=\0\xff b=4',
  ]);
});

test('every revision has its events, and they know what was before', () => {
  const { store } = historyOfNine();
  expect(toldEvents([6, 7, 8].flatMap((main) => store.eventsOf(main)))).toEqual([
    '6.0 create c',
    '6.1 create d',
    '7.0 create b',
    '8.0 delete c',
    '8.1 delete d',
  ]);
  const [replaced] = store.eventsOf(4);
  expect(replaced && store.previousOf(replaced)).toEqual(store.range(range('a', '', { revision: 3 })).kvs[0]);
  expect(store.eventsOf(8).map((event) => decodeKeyValue(event.kv).modRevision)).toEqual([8, 8]);
  expect(store.eventsOf(1)).toEqual([]);
});

// Read off a running etcd 3.4.23 that had been told the same history.
const HASHES = [
  0x40a4756d, 0x9a396dd7, 0x6ceed8d6, 0x7b5cbf9c, 0x43188ed4, 0x72301695, 0x2257a56e, 0xee0a1799, 0x2a217dc0,
];

test("the hash of every revision is etcd's", () => {
  const { store } = historyOfNine();
  expect(HASHES.map((_, i) => hash(store, i + 1))).toEqual(HASHES);
  expect(hash(store, 0)).toBe(HASHES.at(-1));
  // A compaction at 0 is allowed, and changes nothing.
  const job = store.compact(0);
  expect(HASHES.map((_, i) => hash(store, i + 1))).toEqual(HASHES);
  while (!job.step(1));
  expect(HASHES.map((_, i) => hash(store, i + 1))).toEqual(HASHES);
});

// etcd 3.4.23 again, after its removal was done; it refuses to hash at the compact revision itself.
test.each([
  [4, [0x578ea8d2, 0xdcc752a8, 0x89dedcf7, 0xed41ff13, 0x7d3bf649]],
  [5, [0x6821f95d, 0xe0061c70, 0xca306f02, 0x5807f87a]],
  [8, [0x0d3ad38b]],
])("compacted at %i, the hashes above are etcd's, however far the removal has got", (at, expected) => {
  const { store } = historyOfNine();
  const job = store.compact(at);
  const hashes = (): number[] => expected.map((_, i) => hash(store, at + 1 + i));
  do {
    expect(hashes()).toEqual(expected);
  } while (!job.step(1));
  expect(hashes()).toEqual(expected);
});

test("the hash of a store with no key left is etcd's, too", () => {
  const { store } = historyOfNine();
  for (const at of [4, 5, 8]) {
    const job = store.compact(at);
    while (!job.step(100));
  }
  store.apply(del('\0', '\0'));
  expect([hash(store, 9), hash(store, 10)]).toEqual([0x0d3ad38b, 0x3494797a]);
  const job = store.compact(10);
  while (!job.step(100));
  store.apply(put('z', '1'));
  expect(hash(store, 11)).toBe(0x3a13d6d6);
});

test('compaction leaves what reads at or above it need, and the tombstone that lies just there', () => {
  const { store, records } = historyOfNine();
  const remaining = (at: number): string => {
    const job = store.compact(at);
    while (!job.step(1));
    expect(store.finishedCompactRevision).toBe(at);
    return records.names().join(' ');
  };
  expect(remaining(3)).toBe('2.0 3.0 4.0 5.0t 6.0 6.1 7.0 8.0t 8.1t 9.0');
  expect(remaining(5)).toBe('4.0 5.0t 6.0 6.1 7.0 8.0t 8.1t 9.0');
  expect(toldEvents(store.eventsOf(5))).toEqual(['5.0 delete b']);
  expect(remaining(7)).toBe('4.0 6.0 6.1 7.0 8.0t 8.1t 9.0');
  expect(remaining(9)).toBe('4.0 7.0 9.0');
  expect(read(store, range('\0', '\0'))).toEqual(['a=3', 'a\xff=\0\xff', 'b=4']);
  expect(store.counters.removedRecords).toBe(7);
});

test('a compaction forbids reads below it at once', () => {
  const { store } = historyOfNine();
  store.compact(5);
  expect(() => store.range(range('a', '', { revision: 4 }))).toThrow('required revision has been compacted');
  expect(() => store.hashKv(4)).toThrow('required revision has been compacted');
  expect(() => store.compact(5)).toThrow('required revision has been compacted');
  expect(() => store.compact(10)).toThrow('required revision is a future revision');
  expect(read(store, range('a', '', { revision: 5 }))).toEqual(['a=3']);
  // What was before the compact revision is not told any more.
  expect(store.eventsOf(5).map((event) => store.previousOf(event))).toEqual([undefined]);
});

test('a removal waits for a read below it, and the read finds everything', () => {
  const { store, records } = historyOfNine();
  const reading = store.rangeSlices(range('\0', '\0', { revision: 4 }));
  expect(reading.step(1)).toBe(false);
  const job = store.compact(8);
  expect(job.blocked).toBe(true);
  expect(job.step(100)).toBe(false);
  expect(records.size).toBe(10);
  while (!reading.step(1));
  expect(reading.result().kvs.map(told)).toEqual(['a=3', 'b=2']);
  expect(job.blocked).toBe(false);
  expect(job.step(100)).toBe(true);
});

test('a read that is given up holds up nothing', () => {
  const { store } = historyOfNine();
  const readings = [store.rangeSlices(range('\0', '\0', { revision: 3 })), store.hashKv(3)];
  const job = store.compact(9);
  for (const reading of readings) {
    expect(job.blocked).toBe(true);
    reading.close();
    reading.close();
  }
  expect(job.blocked).toBe(false);
});

test('a read stays at the revision it began at', () => {
  const { store } = historyOfNine();
  const step = (reading: RangeReading): string[] => {
    while (!reading.step(1)) store.apply(put('a', 'later'));
    return reading.result().kvs.map(told);
  };
  expect(step(store.rangeSlices(range('\0', '\0')))).toEqual(['a=3', 'a\xff=\0\xff', 'b=4']);
});

test('jobs of compactions that came while one was waiting are done in one walk', () => {
  const { store, records } = historyOfNine();
  const jobs = [3, 5, 7].map((at) => store.compact(at));
  while (jobs[0]?.step(2) === false);
  expect(store.finishedCompactRevision).toBe(7);
  expect(records.names().join(' ')).toBe('4.0 6.0 6.1 7.0 8.0t 8.1t 9.0');
  expect(jobs.map((job) => job.step(1))).toEqual([true, true, true]);
  expect(store.pendingCompaction()).toBeUndefined();
});

test('a removal that a crash interrupted is taken up again', () => {
  const { store, records } = historyOfNine();
  const job = store.compact(8);
  for (let i = 0; i < 3; i++) expect(job.step(1)).toBe(false);
  const second = restarted(records);
  expect(second.compactRevision).toBe(8);
  const pending = second.pendingCompaction();
  expect(pending?.revision).toBe(8);
  while (pending?.step(1) === false);
  expect(records.names().join(' ')).toBe('4.0 7.0 8.0t 8.1t 9.0');
  expect(read(second, range('\0', '\0'))).toEqual(['a=3', 'a\xff=\0\xff', 'b=4']);
  expect(restarted(records).pendingCompaction()).toBeUndefined();
});

test('a restarted store goes on where it was', () => {
  const { store, records } = historyOfNine();
  const second = restarted(records);
  expect([second.currentRevision, second.keys, hash(second, 0)]).toEqual([9, store.keys, hash(store, 0)]);
  expect(toldEvents(second.eventsOf(8))).toEqual(toldEvents(store.eventsOf(8)));
  const { result } = second.apply(put('b', '5'));
  expect(result).toMatchObject({ revision: 10 });
  expect(decodeKeyValue(second.range(range('b', '')).kvs[0] ?? bytesOf(''))).toMatchObject({
    createRevision: 7,
    version: 2,
  });
});

test.each<[string, (records: RecordMap) => void, string]>([
  ['the last record', (records) => records.deleteRecord(9, 0), 'the last revision is 8, where it should be 9'],
  ['a record in the middle', (records) => records.deleteRecord(7, 0), 'missing just below revision 8'],
  ['the first record', (records) => records.deleteRecord(2, 0), 'missing just below revision 3'],
  ['the first of a transaction', (records) => records.deleteRecord(6, 0), 'missing just below revision 7'],
])('a store without %s is not opened', (_, damage, message) => {
  const { records } = historyOfNine();
  damage(records);
  expect(() => restarted(records)).toThrow(StoreDamagedError);
  expect(() => restarted(records)).toThrow(message);
});

test('a store whose records do not fit each other is not opened', () => {
  const { records } = historyOfNine();
  const [first, second] = records.scan();
  if (first === undefined || second === undefined) throw new Error('no records');
  const { store } = newStore();
  store.restore(first);
  expect(() => store.restore(first)).toThrow('revision 2.0 after 2.0');
  expect(() => store.restore({ ...second, main: 4 })).toThrow(
    'the record of revision 4.0 says that it is of revision 3',
  );
  expect(() => store.restore({ ...second, tombstone: true, main: 5 })).toThrow(StoreDamagedError);
});

test('below the compact revision gaps are as they should be', () => {
  const { store, records } = historyOfNine();
  const job = store.compact(5);
  while (!job.step(10));
  expect(restarted(records).currentRevision).toBe(9);
  records.deleteRecord(6, 0);
  expect(() => restarted(records)).toThrow('missing just below revision 7, and the store was compacted at 5 only');
});

test('rows are sorted as etcd sorts them', () => {
  const { store } = newStore();
  for (const [key, value] of ['c3', 'b1', 'a2', 'b0']) store.apply(put(key ?? '', value ?? ''));
  const sorted = (options: Partial<RangeOperation>): string => {
    const { kvs, more, count } = store.range(range('a', 'z', options));
    return `${kvs.map(told).join(' ')} of ${count}${more ? ', more' : ''}`;
  };
  expect(sorted({})).toBe('a=2 b=0 c=3 of 3');
  expect(sorted({ limit: 2 })).toBe('a=2 b=0 of 3, more');
  expect(sorted({ limit: 3 })).toBe('a=2 b=0 c=3 of 3');
  expect(sorted({ sortOrder: 'descend' })).toBe('c=3 b=0 a=2 of 3');
  expect(sorted({ sortOrder: 'descend', limit: 1 })).toBe('c=3 of 3, more');
  expect(sorted({ sortTarget: 'value', sortOrder: 'descend' })).toBe('c=3 a=2 b=0 of 3');
  expect(sorted({ sortTarget: 'version', sortOrder: 'descend' })).toBe('b=0 a=2 c=3 of 3');
  expect(sorted({ sortTarget: 'create', sortOrder: 'ascend' })).toBe('c=3 b=0 a=2 of 3');
  expect(sorted({ sortTarget: 'mod', sortOrder: 'ascend', limit: 2 })).toBe('c=3 a=2 of 3, more');
  // No order: the limit lets a and b through, and c to know that there is more; then they are sorted and the last goes.
  expect(sorted({ sortTarget: 'mod', limit: 2 })).toBe('c=3 a=2 of 3, more');
  expect(sorted({ sortTarget: 'mod', limit: 1 })).toBe('a=2 of 3, more');
  // But with a filter the limit comes last.
  expect(sorted({ sortTarget: 'mod', limit: 1, minModRevision: 2 })).toBe('c=3 of 3, more');
  expect(sorted({ minModRevision: 4 })).toBe('a=2 b=0 of 3');
  expect(sorted({ maxCreateRevision: 3, limit: 1 })).toBe('b=0 of 3, more');
  expect(sorted({ countOnly: true, limit: 1 })).toBe(' of 3');
});

test('rows of keys_only have no lease, except when sorted by value', () => {
  const { store } = newStore();
  store.apply(put('a', '1', { lease: LEASE }));
  const row = (options: Partial<RangeOperation>) =>
    decodeKeyValue(store.range(range('a', '', { keysOnly: true, ...options })).kvs[0] ?? bytesOf(''));
  expect(row({})).toMatchObject({ key: 'a', createRevision: 2, modRevision: 2, version: 1, lease: 0n });
  expect(row({ sortTarget: 'value' })).toMatchObject({ key: 'a', modRevision: 2, value: bytesOf(''), lease: LEASE });
});

test.each<[string, Operation, string]>([
  ['an unknown lease', put('a', '1', { lease: 8n }), 'requested lease not found'],
  ['the value of a key that is not there', put('x', '', { ignoreValue: true }), 'key not found'],
  ['the lease of a key that is not there', put('x', '', { ignoreLease: true }), 'key not found'],
  ['an operation that is none', { kind: 'empty' }, 'key not found'],
  ['a read in the future', range('a', '', { revision: 99 }), 'future revision'],
  ['a read before the compact revision', range('a', '', { revision: 2 }), 'has been compacted'],
  ['a read at a negative revision', range('a', '', { revision: -1 }), 'has been compacted'],
  ['the same, deeper', txn(txn(put('a', '1', { lease: 8n }))), 'requested lease not found'],
  ['the value of a key it has just deleted', txn(del('b'), put('b', '', { ignoreValue: true })), 'key not found'],
])('a transaction with %s changes nothing', (_, operation, message) => {
  const { store, records } = historyOfNine();
  store.compact(3);
  const before = records.names();
  expect(() => store.apply(txn(put('new', '1'), del('\0', '\0'), operation))).toThrow(message);
  expect(records.names()).toEqual(before);
  expect([store.currentRevision, store.keys]).toEqual([9, 3]);
  expect(read(store, range('\0', '\0'))).toEqual(['a=3', 'a\xff=\0\xff', 'b=4']);
});

test('a transaction sees its own writes, and is one revision', () => {
  const { store } = historyOfNine();
  const { result, events } = store.apply(
    txn(range('b', ''), del('b'), range('b', ''), put('b', 'new'), range('b', ''), txn(put('e', '5'))),
  );
  expect(toldEvents(events)).toEqual(['10.0 delete b', '10.1 create b', '10.2 create e']);
  expect(toldEvents(store.eventsOf(10))).toEqual(toldEvents(events));
  if (result.kind !== 'txn') throw new Error('not a txn');
  const ranges = result.results.filter((one) => one.kind === 'range');
  expect(ranges.map(({ kvs, revision }) => `${revision}: ${kvs.map(told).join(' ')}`)).toEqual([
    '9: b=4',
    '10: ',
    '10: b=new',
  ]);
  expect(result.results.at(-1)).toMatchObject({ kind: 'txn', revision: 10 });
  // Deleted and put again at once: a new life.
  expect(store.range(range('b', '')).kvs.map(decodeKeyValue)).toMatchObject([{ createRevision: 10, version: 1 }]);
  expect(events[0] && store.previousOf(events[0])).toEqual(store.range(range('b', '', { revision: 9 })).kvs[0]);
  expect(events[1] && store.previousOf(events[1])).toBeUndefined();
});

test('nested comparisons are made before anything is written', () => {
  const { store } = newStore();
  const [success, failure] = [[put('was', '1')], [put('was not', '1')]];
  store.apply(txn(put('a', '1'), { kind: 'txn', compare: [isThere('a')], success, failure }));
  expect(read(store, range('\0', '\0'))).toEqual(['a=1', 'was not=1']);
});

test('what changes nothing is no revision', () => {
  const { store, records } = historyOfNine();
  const { mark } = records;
  for (const operation of [del('nothing'), txn(), txn(range('a', ''), del('x', 'y'))]) {
    const { result, events } = store.apply(operation);
    expect(result).toMatchObject({ revision: 9 });
    expect(events).toEqual([]);
  }
  expect(store.readTxn(txn(range('a', ''), txn(range('b', '')))).results).toHaveLength(2);
  expect(() => store.readTxn(txn(txn(del('a'))))).toThrow('only reads');
  expect(records.mark).toBe(mark);
});

test('the keys that are there and the operations are counted', () => {
  const { store } = historyOfNine();
  expect(store.keys).toBe(3);
  store.range(range('a', KEY_INFINITY));
  store.apply(txn(range('a', ''), put('abc', 'defg')));
  expect(store.counters).toEqual({ puts: 8, deletes: 2, ranges: 2, txns: 2, putBytes: 23, removedRecords: 0 });
});

test('a large value ends a slice', () => {
  const { store } = newStore();
  for (const key of ['a', 'b', 'c']) store.apply(put(key, 'x'.repeat(700_000)));
  for (const options of [{}, { sortTarget: 'value' } as const]) {
    const reading = store.rangeSlices(range('\0', '\0', options));
    expect(reading.step(1000)).toBe(false);
    while (!reading.step(1000));
    expect(reading.result().count).toBe(3);
  }
  const reading = store.hashKv(0);
  expect(reading.step(1000)).toBe(false);
  reading.close();
});
