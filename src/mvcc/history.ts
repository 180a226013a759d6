/** What happened at a revision, from its records: the events that watchers which come later are shown. */

import { assert, type Bytes, EMPTY_BYTES, type Key } from '../base/index.ts';
import type { Event } from './event.ts';
import { decodeKeyValue, encodeKeyValue } from './key-value.ts';
import type { StoreState } from './state.ts';

const NO_EVENTS: readonly Event[] = [];

/** The events of revision `main`, which must not be below the compact revision, in order of sub. Revision 1 has none. */
export function eventsOf(state: StoreState, main: number): readonly Event[] {
  assert(main >= state.compactRevision, `the events of revision ${main}, compacted at ${state.compactRevision}`);
  assert(main <= state.currentRevision, `the events of revision ${main}, the newest being ${state.currentRevision}`);
  if (main <= 1) return NO_EVENTS;
  const events: Event[] = [];
  const count = state.operationCounts.get(main) ?? 1;
  for (let sub = 0; sub < count; sub++) {
    const record = state.backend.getRecord(main, sub);
    if (record !== undefined) events.push(eventOf(record, main, sub));
    else assert(main === state.compactRevision, `missing: the record of revision ${main}.${sub}`);
  }
  return events;
}

function eventOf(record: Bytes, main: number, sub: number): Event {
  const { key, modRevision, createRevision } = decodeKeyValue(record);
  if (modRevision !== 0) return { type: 'put', key, main, sub, kv: record, isCreate: createRevision === main };
  return { type: 'delete', key, main, sub, kv: encodeTombstone(key, main), isCreate: false };
}

/**
 * The pair as it was before the revision of `event`. A key that was put several times in one transaction has one such pair,
 * and a key that was created in it has none, as in etcd.
 */
export function previousOf(state: StoreState, { key, main, isCreate }: Event): Bytes | undefined {
  if (isCreate || main - 1 < state.compactRevision) return undefined;
  const revision = state.index.get(key)?.get(main - 1);
  return revision === undefined ? undefined : state.record(revision);
}

/** In a record a tombstone is only the key (modRevision 0), as in etcd; in an event it also says when. */
export function encodeTombstone(key: Key, modRevision: number): Bytes {
  return encodeKeyValue({ key, createRevision: 0, modRevision, version: 0, value: EMPTY_BYTES, lease: 0n });
}

/** Whether a record is a tombstone. */
export function isTombstone(record: Bytes): boolean {
  return decodeKeyValue(record).modRevision === 0;
}
