/**
 * One range read, in slices: at a revision chosen when it begins, whatever is written or compacted while it is under way.
 *
 *     walk     the index, key by key: count, filter, and note where the rows are
 *     fetch    the records of the rows that are wanted, in the order that is wanted; if that is the order of keys, while walking
 *
 * Almost everything that a range can be sorted and filtered by is in the index, so no record is read but those that go into
 * the answer; only a sort by value reads them all. What etcd does, and clients may have come to rely on:
 *
 *  - `count` counts the keys in the range, whatever limit and filters say.
 *  - A limit without sort order and filters ends the gathering of rows after one more than the limit, which is how `more` is
 *    known. With an order or a filter it is applied last.
 *  - So a sort target without an order sorts (ascending) only what the limit has let through, one row too many included,
 *    and then cuts off the last in the new order.
 *  - Rows of keys_only come from the index, so they have no lease. But when sorted by value they do: the record was read.
 *    (3.7. In 3.4 they always do.)
 */

import { assert, type Bytes, compareBytes, EMPTY_BYTES, type Key, unreachable } from '../base/index.ts';
import type { KeyIndex, KeyRevision } from './key-index.ts';
import { decodeKeyValue, encodeKeyValue } from './key-value.ts';
import type { RangeOperation, RangeResult } from './operation.ts';
import { SlicedSort } from './sliced-sort.ts';
import type { StoreState } from './state.ts';

/** A step ends when it has read so much, however many rows it may still take: large values take long to read. */
const STEP_BYTES_MAX = 1024 * 1024;

interface Row {
  readonly key: Key;
  readonly revision: KeyRevision;
  /** Only for a sort by value. */
  readonly value: Bytes;
}

export class RangeReading {
  readonly #state: StoreState;
  readonly #operation: RangeOperation;
  /** The newest revision when the read began, for the header. */
  readonly #newest: number;
  /** The revision read at. */
  readonly #at: number;
  /** Rows are wanted in the order in which the walk comes to them: nothing is gathered. */
  readonly #isInOrder: boolean;
  /** Rows that are gathered while walking; 0 for all. */
  readonly #gatherMax: number;
  /** The next key to look at; undefined when the walk is done. */
  #from: Key | undefined;
  #count = 0;
  readonly #rows: Row[] = [];
  readonly #sort: SlicedSort<Row> | undefined;
  /** Rows of #rows that have been fetched. */
  #taken = 0;
  #more = false;
  readonly #kvs: Bytes[] = [];
  #done = false;
  #closed = false;

  /**
   * `newest` is the newest revision that can be seen: within a transaction that has written, its own.
   * Throws RequestError futureRevision, compacted.
   */
  constructor(state: StoreState, operation: RangeOperation, newest: number) {
    this.#state = state;
    this.#operation = operation;
    this.#newest = newest;
    this.#at = state.revisionToRead(operation.revision, newest);
    this.#isInOrder = operation.sortTarget === 'key' && operation.sortOrder !== 'descend';
    this.#gatherMax =
      operation.limit > 0 && operation.sortOrder === 'none' && !isFiltered(operation) ? operation.limit + 1 : 0;
    this.#from = operation.range.key;
    const wantedMax = operation.limit > 0 ? operation.limit + 1 : Number.POSITIVE_INFINITY;
    this.#sort = operation.sortTarget === 'key' ? undefined : new SlicedSort(comparison(operation), wantedMax);
    state.pins.add(this.#at);
    state.counters.ranges++;
  }

  /** Goes on with the read by about `rowsMax` rows. True: done, the result is there. */
  step(rowsMax: number): boolean {
    if (this.#done) return true;
    const left = this.#from === undefined ? rowsMax : this.#walk(this.#from, rowsMax);
    if (this.#from === undefined) this.#done = this.#operation.countOnly || this.#isInOrder || this.#fetch(left);
    if (this.#done) this.close();
    return this.#done;
  }

  /** What was read; only once step has answered true. */
  result(): RangeResult {
    const { countOnly } = this.#operation;
    assert(this.#done, 'a range that has not been read to its end');
    return {
      kind: 'range',
      kvs: countOnly ? [] : this.#kvs,
      more: this.#more,
      count: this.#count,
      revision: this.#newest,
    };
  }

  /** Lets go of the revision. To be called if the read is given up; otherwise it need not, and may. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#state.pins.remove(this.#at);
  }

  /** Returns how many of `rowsMax` are left. */
  #walk(from: Key, rowsMax: number): number {
    const { end } = this.#operation.range;
    this.#from = undefined;
    if (end === undefined) {
      const index = this.#state.index.get(from);
      if (index !== undefined) this.#look(from, index);
      return rowsMax - 1;
    }
    let left = rowsMax;
    let bytes = 0;
    this.#state.index.visit(from, end, (key, index) => {
      if (left <= 0 || bytes >= STEP_BYTES_MAX) {
        this.#from = key;
        return false;
      }
      left--;
      bytes += this.#look(key, index);
      return true;
    });
    return left;
  }

  /** Takes notice of one key. Returns the bytes that had to be read for it. */
  #look(key: Key, index: KeyIndex): number {
    const revision = index.get(this.#at);
    if (revision === undefined) return 0;
    this.#count++;
    if (this.#operation.countOnly || !passes(this.#operation, revision)) return 0;
    if (this.#isInOrder) return this.#take(key, revision);
    const gathered = this.#sort === undefined ? this.#rows.length : this.#sort.length;
    if (this.#gatherMax > 0 && gathered === this.#gatherMax) return 0;
    if (this.#sort === undefined) {
      this.#rows.push({ key, revision, value: EMPTY_BYTES });
      return 0;
    }
    const record = this.#operation.sortTarget === 'value' ? this.#state.record(revision) : EMPTY_BYTES;
    this.#sort.add({ key, revision, value: decodeKeyValue(record).value });
    return record.length;
  }

  /** Whether all that is wanted has been fetched. */
  #fetch(rowsMax: number): boolean {
    const { limit } = this.#operation;
    let bytes = 0;
    for (let left = rowsMax; left > 0 && bytes < STEP_BYTES_MAX; left--) {
      if (limit > 0 && this.#kvs.length === limit) {
        this.#more = this.#next() !== undefined;
        return true;
      }
      const row = this.#next();
      if (row === undefined) return true;
      bytes += this.#add(row.key, row.revision);
    }
    return false;
  }

  #next(): Row | undefined {
    if (this.#sort !== undefined) return this.#sort.next();
    const at = this.#taken++;
    return this.#rows[this.#operation.sortOrder === 'descend' ? this.#rows.length - 1 - at : at];
  }

  /** Fetches a row where it is found. Returns the bytes that had to be read for it. */
  #take(key: Key, revision: KeyRevision): number {
    const { limit } = this.#operation;
    this.#more = limit > 0 && this.#kvs.length === limit;
    return this.#more ? 0 : this.#add(key, revision);
  }

  /** Adds a row's pair to the answer. Returns its bytes. */
  #add(key: Key, revision: KeyRevision): number {
    const kv = this.#keyValue(key, revision);
    this.#kvs.push(kv);
    return kv.length;
  }

  #keyValue(key: Key, revision: KeyRevision): Bytes {
    const { keysOnly, sortTarget } = this.#operation;
    if (!keysOnly) return this.#state.record(revision);
    if (sortTarget === 'value')
      return encodeKeyValue({ ...decodeKeyValue(this.#state.record(revision)), value: EMPTY_BYTES });
    const { createRevision, main: modRevision, version } = revision;
    return encodeKeyValue({ key, createRevision, modRevision, version, value: EMPTY_BYTES, lease: 0n });
  }
}

function isFiltered(operation: RangeOperation): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = operation;
  return minModRevision !== 0 || maxModRevision !== 0 || minCreateRevision !== 0 || maxCreateRevision !== 0;
}

function passes(operation: RangeOperation, { main, createRevision }: KeyRevision): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = operation;
  return (
    (minModRevision === 0 || main >= minModRevision) &&
    (maxModRevision === 0 || main <= maxModRevision) &&
    (minCreateRevision === 0 || createRevision >= minCreateRevision) &&
    (maxCreateRevision === 0 || createRevision <= maxCreateRevision)
  );
}

/** The order of rows that a sort by anything but the key asks for. Rows that are equal in it stay in the order of their keys. */
function comparison({ sortTarget, sortOrder }: RangeOperation): (a: Row, b: Row) => number {
  const sign = sortOrder === 'descend' ? -1 : 1;
  switch (sortTarget) {
    case 'key':
      return () => 0;
    case 'version':
      return (a, b) => sign * (a.revision.version - b.revision.version);
    case 'create':
      return (a, b) => sign * (a.revision.createRevision - b.revision.createRevision);
    case 'mod':
      return (a, b) => sign * (a.revision.main - b.revision.main);
    case 'value':
      return (a, b) => sign * compareBytes(a.value, b.value);
    default:
      return unreachable(sortTarget);
  }
}
