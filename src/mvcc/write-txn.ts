/**
 * A write transaction: some puts and deletes that become one revision.
 *
 *     begin at revision 7    put a -> 8.0    range sees a    delete b -> 8.1    end: 8 is the current revision, two events
 *     begin at revision 8    delete nothing                                     end: 8 it stays, no events
 *
 * Nothing here can fail: there is no way back from a write that has been made. Whatever may be refused has been checked before
 * (see txn.ts). Everything is synchronous, so nobody sees the store between begin and end.
 */

import { assert, type Bytes, present } from '../base/index.ts';
import type { Event } from './event.ts';
import { encodeTombstone } from './history.ts';
import { KeyIndex } from './key-index.ts';
import { decodeKeyValue, encodeKeyValue } from './key-value.ts';
import type {
  DeleteRangeOperation,
  DeleteRangeResult,
  PutOperation,
  PutResult,
  RangeOperation,
  RangeResult,
} from './operation.ts';
import { RangeReading } from './range.ts';
import type { StoreState } from './state.ts';

const NO_EVENTS: Event[] = [];

export class WriteTxn {
  readonly #state: StoreState;
  readonly #main: number;
  #events: Event[] = NO_EVENTS;
  #operations = 0;

  constructor(state: StoreState) {
    assert(!state.writing, 'one write transaction at a time');
    state.writing = true;
    this.#state = state;
    this.#main = state.currentRevision + 1;
    assert(Number.isSafeInteger(this.#main), 'revisions have run out');
  }

  /** The newest revision that its reads see: its own once it has written. */
  get revision(): number {
    return this.#events.length > 0 ? this.#main : this.#main - 1;
  }

  /** Puts the pair. The lease must exist, and with ignoreValue or ignoreLease the key: that has been checked. */
  put(operation: PutOperation): PutResult {
    const { key, prevKv, ignoreValue, ignoreLease } = operation;
    const { backend, index, counters, leases } = this.#state;
    const main = this.#main;
    const sub = this.#events.length;

    const entry = index.get(key);
    const replaced = prevKv || ignoreValue || ignoreLease ? entry?.get(main) : undefined;
    const previous = replaced === undefined ? undefined : this.#state.record(replaced);
    if (entry?.alive !== true) this.#state.keys++;
    if (entry === undefined) index.set(key, new KeyIndex(main, sub, main, 1));
    const { createRevision, version } = entry?.put(main, sub) ?? { createRevision: main, version: 1 };

    let { value, lease } = operation;
    if (ignoreValue || ignoreLease) {
      const pair = decodeKeyValue(present(previous, 'the pair whose value or lease is kept'));
      if (ignoreValue) value = pair.value;
      if (ignoreLease) lease = pair.lease;
    }
    const kv = encodeKeyValue({ key, createRevision, modRevision: main, version, value, lease });
    backend.putRecord(main, sub, false, kv);
    leases.attach(key, lease);
    this.#add({ type: 'put', key, main, sub, kv, isCreate: createRevision === main });
    this.#operations++;
    counters.puts++;
    counters.putBytes += key.length + value.length;
    return { kind: 'put', prevKv: prevKv ? previous : undefined, revision: main };
  }

  /** Deletes the keys of the range, in their order. */
  deleteRange(operation: DeleteRangeOperation): DeleteRangeResult {
    const { range, prevKv } = operation;
    const { backend, index, counters, leases } = this.#state;
    const main = this.#main;
    const prevKvs: Bytes[] = [];
    let deleted = 0;
    index.visit(range.key, range.end ?? `${range.key}\0`, (key, entry) => {
      const replaced = entry.get(main);
      if (replaced === undefined) return true;
      if (prevKv) prevKvs.push(this.#state.record(replaced));
      const sub = this.#events.length;
      entry.tombstone(main, sub);
      backend.putRecord(main, sub, true, encodeTombstone(key, 0));
      leases.detach(key);
      this.#add({ type: 'delete', key, main, sub, kv: encodeTombstone(key, main), isCreate: false });
      deleted++;
      return true;
    });
    this.#state.keys -= deleted;
    this.#operations++;
    counters.deletes++;
    return { kind: 'deleteRange', deleted, prevKvs, revision: this.revision };
  }

  /** Reads, own writes included. Throws RequestError futureRevision, compacted. */
  range(operation: RangeOperation): RangeResult {
    this.#operations++;
    return readRange(this.#state, operation, this.revision);
  }

  /** Nearly always there is one only: an array that begins empty would make room for seventeen. */
  #add(event: Event): void {
    if (this.#events.length === 0) this.#events = [event];
    else this.#events.push(event);
  }

  /** Publishes what was written, if anything was. Returns its events in order. */
  end(): readonly Event[] {
    const state = this.#state;
    assert(state.writing, 'a transaction ends once');
    state.writing = false;
    if (this.#operations > 1) state.counters.txns++;
    if (this.#events.length === 0) return this.#events;
    state.currentRevision = this.#main;
    if (this.#events.length > 1) state.operationCounts.set(this.#main, this.#events.length);
    state.putMark();
    return this.#events;
  }
}

/** A range read in one go. Throws RequestError futureRevision, compacted. */
export function readRange(state: StoreState, operation: RangeOperation, newest: number): RangeResult {
  const reading = new RangeReading(state, operation, newest);
  while (!reading.step(Number.POSITIVE_INFINITY)) continue;
  return reading.result();
}
