/** What can be said of single watchers: who lags, since when, by how much, and whose it is. */

import type { KeyRange } from '../base/index.ts';
import type { Placement } from './placement.ts';
import type { Watcher, WatcherState } from './watcher.ts';

export interface WatcherDescription {
  readonly watchId: number;
  readonly range: KeyRange;
  readonly state: WatcherState;
  readonly peer: string;
  readonly user: string;
  /** Revisions that it has not been handed yet, whether or not they concern it. */
  readonly revisionsBehind: number;
  /** Bytes of its events that wait in the channel or in its hand. */
  readonly bytesQueued: number;
  /** For how long it has been behind; 0 if it is not. */
  readonly behindMs: number;
}

/** Up to `limit` watchers: victims first, then unsynced ones, then those that are synced. */
export function describeWatchers(placement: Placement, now: number, limit: number): WatcherDescription[] {
  const descriptions: WatcherDescription[] = [];
  for (const watcher of slowestFirst(placement)) {
    if (descriptions.length >= limit) break;
    descriptions.push(describeWatcher(placement, watcher, now));
  }
  return descriptions;
}

function* slowestFirst(placement: Placement): Generator<Watcher> {
  for (const stream of placement.victimStreams) yield* stream.victims;
  yield* placement.unsynced;
  yield* placement.synced;
}

function describeWatcher(placement: Placement, watcher: Watcher, now: number): WatcherDescription {
  const { id, key, end, state, stream, behindSince } = watcher;
  const behind = state === 'unsynced' || state === 'victim';
  let bytesQueued = stream.queuedBytesOf(watcher);
  for (const event of watcher.held ?? []) bytesQueued += event.sizeBytes(watcher.prevKv);
  // What a victim holds counts as not told, though its cursor is behind it.
  const cursor = watcher.held?.[0]?.event.main ?? watcher.minRev;
  return {
    watchId: id,
    range: { key, end },
    state,
    peer: stream.reader.peer,
    user: stream.reader.user,
    revisionsBehind: behind ? Math.max(0, placement.rev + 1 - cursor) : 0,
    bytesQueued,
    behindMs: behind ? Math.max(0, now - behindSince) : 0,
  };
}
