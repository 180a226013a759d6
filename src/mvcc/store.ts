/**
 * The store: every key at every revision since the last compaction.
 *
 *     put a=1 -> 2    put b=2 -> 3    delete a -> 4        range at 3: a=1, b=2       range now: b=2
 *
 * In memory is the index (ordered-map.ts, key-index.ts): which revisions changed which key. Behind the backend are the records:
 * what was written. The store is a plain object of one thread: everything is synchronous, and what may take long is
 * handed out as an object whose `step` does a bounded part of it.
 *
 * The parts:
 *     range.ts      reading                            write-txn.ts  putting and deleting, one revision a transaction
 *     txn.ts        comparisons and branches           history.ts    the events of a revision
 *     compaction.ts forgetting                         hash.ts       one number for all there is
 *     restore.ts    starting with what is on disk
 */

import { assert, type Bytes, EMPTY_BYTES, RequestError, unreachable } from '../base/index.ts';
import type { Backend, ScannedRecord, StoreMark } from './backend.ts';
import { CompactionJob } from './compaction.ts';
import type { Event, History } from './event.ts';
import { HashReading } from './hash.ts';
import { eventsOf, previousOf } from './history.ts';
import type {
  DeleteRangeOperation,
  DeleteRangeResult,
  PutOperation,
  PutResult,
  RangeOperation,
  RangeResult,
  TxnOperation,
  TxnResult,
} from './operation.ts';
import { RangeReading } from './range.ts';
import { Restoration } from './restore.ts';
import { type LeaseBook, type StoreCounters, StoreState } from './state.ts';
import { checkPut, executePlan, mayWrite, planTxn } from './txn.ts';
import { readRange, WriteTxn } from './write-txn.ts';

export interface AppliedOperation {
  readonly result: PutResult | DeleteRangeResult | TxnResult;
  /** What it changed, in order; none if nothing. All of one revision, the store's new current one. */
  readonly events: readonly Event[];
}

const BEGINNING_KEY = '\0restored';

export class Store implements History {
  readonly #state: StoreState;
  readonly #restoration: Restoration;

  /** A store whose records are in `backend`. Unless that is empty, they must be shown to it first: restore, restoreDone. */
  constructor(backend: Backend, leases: LeaseBook) {
    this.#state = new StoreState(backend, leases);
    this.#restoration = new Restoration(this.#state);
  }

  // ---- Starting ----

  /** Takes the next of the backend's records, in order of (main, sub). Throws StoreDamagedError. */
  restore(record: ScannedRecord): void {
    this.#restoration.add(record);
  }

  /** All records have been taken. Throws StoreDamagedError if some are missing. */
  restoreDone(mark: StoreMark): void {
    this.#restoration.done(mark);
  }

  // ---- Where it is ----

  /** The newest revision; 1 for an empty store. */
  get currentRevision(): number {
    return this.#state.currentRevision;
  }

  /** Revisions below it cannot be read; -1 before the first compaction. */
  get compactRevision(): number {
    return this.#state.compactRevision;
  }

  /** The compact revision up to which the removal has been carried through. */
  get finishedCompactRevision(): number {
    return this.#state.finishedCompactRevision;
  }

  /** Keys that are there now. */
  get keys(): number {
    return this.#state.keys;
  }

  get counters(): Readonly<StoreCounters> {
    return this.#state.counters;
  }

  // ---- Reading ----

  /** Reads a range in one go. Throws RequestError futureRevision, compacted. */
  range(operation: RangeOperation): RangeResult {
    return readRange(this.#state, operation, this.#state.currentRevision);
  }

  /** Reads a range in slices, at the revision that is the newest now, or the one asked for. Throws RequestError futureRevision, compacted. */
  rangeSlices(operation: RangeOperation): RangeReading {
    return new RangeReading(this.#state, operation, this.#state.currentRevision);
  }

  /** Carries out a transaction that only reads. Throws RequestError. */
  readTxn(operation: TxnOperation): TxnResult {
    assert(!mayWrite(operation), 'a transaction that only reads');
    const plan = planTxn(this.#state, operation);
    return this.#write((write) => executePlan(write, plan)).result;
  }

  /** Hashes everything up to `revision` (0 or less for the newest), in slices. Throws RequestError futureRevision, compacted. */
  hashKv(revision: number): HashReading {
    return new HashReading(this.#state, revision);
  }

  // ---- Writing ----

  /** Carries out a request. Throws RequestError leaseNotFound, keyNotFound, futureRevision, compacted; then nothing has changed. */
  apply(operation: PutOperation | DeleteRangeOperation | TxnOperation): AppliedOperation {
    switch (operation.kind) {
      case 'put':
        return this.#put(operation);
      case 'deleteRange':
        return this.#write((write) => write.deleteRange(operation));
      case 'txn': {
        const plan = planTxn(this.#state, operation);
        return this.#write((write) => executePlan(write, plan));
      }
      default:
        return unreachable(operation);
    }
  }

  /** Opens a transaction, which must be ended before anything else is asked of the store. What it is given is not checked. */
  begin(): WriteTxn {
    return new WriteTxn(this.#state);
  }

  // ---- History ----

  eventsOf(main: number): readonly Event[] {
    return eventsOf(this.#state, main);
  }

  previousOf(event: Event): Bytes | undefined {
    return previousOf(this.#state, event);
  }

  // ---- Compaction ----

  /**
   * Makes history begin anew `by` revisions on, for a store that was restored from a copy: what came after the copy was made may have been told to clients under
   * these numbers. Nobody can read below the new beginning, which is a put and a delete of a key that is none of anybody's.
   */
  beginAnew(by: number): void {
    assert(by > 0, 'history begins anew later');
    this.#state.currentRevision += by - 1;
    this.#write((write) => {
      write.put({
        kind: 'put',
        key: BEGINNING_KEY,
        value: EMPTY_BYTES,
        lease: 0n,
        prevKv: false,
        ignoreValue: false,
        ignoreLease: false,
      });
      write.deleteRange({ kind: 'deleteRange', range: { key: BEGINNING_KEY, end: undefined }, prevKv: false });
    });
    this.compact(this.#state.currentRevision);
  }

  /**
   * Forbids reads below `revision` from now on. What they would have needed is removed by the job that is returned, in slices.
   * Throws RequestError compacted, futureRevision.
   */
  compact(revision: number): CompactionJob {
    const state = this.#state;
    if (revision <= state.compactRevision) throw new RequestError('compacted');
    if (revision > state.currentRevision) throw new RequestError('futureRevision');
    state.compactRevision = revision;
    state.putMark();
    return new CompactionJob(state, revision);
  }

  /** A job for the removal that is not yet carried through, such as one that a crash has interrupted; undefined if there is none. */
  pendingCompaction(): CompactionJob | undefined {
    const { compactRevision, finishedCompactRevision } = this.#state;
    return finishedCompactRevision < compactRevision ? new CompactionJob(this.#state, compactRevision) : undefined;
  }

  #put(operation: PutOperation): AppliedOperation {
    checkPut(this.#state, operation);
    const write = this.begin();
    const result = write.put(operation);
    return { result, events: write.end() };
  }

  #write<R>(carryOut: (write: WriteTxn) => R): { result: R; events: readonly Event[] } {
    const write = this.begin();
    const result = carryOut(write);
    return { result, events: write.end() };
  }
}
