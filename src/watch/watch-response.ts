/** What goes through a stream's channel. Three kinds, told apart by their shape, as on the wire. */

import type { SharedEvent } from './shared-event.ts';
import type { Watcher } from './watcher.ts';

/** The id that speaks for every watcher of the stream. */
export const ALL_WATCHERS = -1;

/**
 * One response, or several: watchers of a stream that are told the same things in a row share one, and each is sent its own.
 *
 *     put k     w1 w2 w3 of the stream watch k      { watchers: [w1, w2, w3], events: [put k] }      three responses on the wire
 */
export interface WatchResponse {
  readonly kind: 'events' | 'bookmark' | 'compacted';
  /** Who is told, in this order. None: a bookmark of the whole stream. */
  readonly watchers: readonly Watcher[];
  /** Some, for kind 'events'; none for the others. Shared by many responses: not to be changed. */
  readonly events: readonly SharedEvent[];
  /** For header.revision. A bookmark says: everything up to it has been delivered. 0 in a compaction's cancellation, as in etcd. */
  readonly revision: number;
  /** The oldest revision that a watch may start from, where that is why the watcher is cancelled; else 0. */
  readonly compactRevision: number;
  /** What it counts against the channel's budget: its events, once for all watchers, as they are kept. */
  readonly bytes: number;
}

/** The id that a response goes out under, to one of its watchers. */
export function watchIdOf(watcher: Watcher | undefined): number {
  return watcher?.id ?? ALL_WATCHERS;
}
