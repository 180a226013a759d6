/** A History in memory for tests: all revisions in a list, and a strict eye on who reads what compaction has taken. */

import { assert, type Bytes, bytesOf, keyOf, present } from '../../src/base/index.ts';
import { decodeKeyValue, type Event, encodeKeyValue, type History } from '../../src/mvcc/index.ts';

/** 'put a 1' or 'del a' */
export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string };

interface Pair {
  readonly createRevision: number;
  readonly version: number;
  readonly kv: Bytes;
}

export class FakeHistory implements History {
  currentRevision = 1;
  compactRevision = -1;
  /** Revisions read, for tests that bound it. */
  reads = 0;
  readonly #revisions = new Map<number, readonly Event[]>();
  readonly #live = new Map<string, Pair>();
  readonly #previous = new Map<Event, Bytes>();

  /** Applies the changes as one revision and returns its events. A delete of a key that is not there is left out. */
  apply(changes: readonly Change[]): readonly Event[] {
    const main = this.currentRevision + 1;
    const events: Event[] = [];
    for (const change of changes) {
      const pair = this.#live.get(change.key);
      if (change.type === 'delete' && pair === undefined) continue;
      const event = this.#change(change, pair, main, events.length);
      if (pair !== undefined) this.#previous.set(event, pair.kv);
      events.push(event);
    }
    if (events.length === 0) return events;
    this.currentRevision = main;
    this.#revisions.set(main, events);
    return events;
  }

  compact(revision: number): void {
    assert(revision <= this.currentRevision && revision > this.compactRevision, `cannot compact at ${revision}`);
    for (let main = this.compactRevision; main < revision; main++) this.#revisions.delete(main);
    this.compactRevision = revision;
  }

  eventsOf(main: number): readonly Event[] {
    assert(main >= this.compactRevision && main <= this.currentRevision, `revision ${main} cannot be read`);
    this.reads++;
    if (main === 1) return [];
    return present(this.#revisions.get(main), `revision ${main}`);
  }

  previousOf(event: Event): Bytes | undefined {
    // A pair that was replaced at or before the compact revision is gone.
    return event.main <= this.compactRevision ? undefined : this.#previous.get(event);
  }

  #change(change: Change, pair: Pair | undefined, main: number, sub: number): Event {
    const { type, key } = change;
    if (change.type === 'delete') {
      this.#live.delete(key);
      const kv = keyValue(key, 0, main, 0, '');
      return { type, key, main, sub, kv, isCreate: false };
    }
    const createRevision = pair?.createRevision ?? main;
    const version = (pair?.version ?? 0) + 1;
    const kv = keyValue(key, createRevision, main, version, change.value);
    this.#live.set(key, { createRevision, version, kv });
    return { type, key, main, sub, kv, isCreate: pair === undefined };
  }
}

function keyValue(key: string, createRevision: number, modRevision: number, version: number, value: string): Bytes {
  return encodeKeyValue({ key, createRevision, modRevision, version, value: bytesOf(value), lease: 0n });
}

/** Of a longer value its length is of interest. */
const VALUE_SHOWN_MAX = 9;

/** 'value@modRevision' */
export function describePair(kv: Bytes): string {
  const { value, modRevision } = decodeKeyValue(kv);
  const shown = value.length > VALUE_SHOWN_MAX ? `${keyOf(value.subarray(0, 1))}*${value.length}` : keyOf(value);
  return `${shown}@${modRevision}`;
}
