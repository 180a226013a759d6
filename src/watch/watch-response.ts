/** What goes through a stream's channel. Three kinds, told apart by their shape, as on the wire. */

import type { SharedEvent } from './shared-event.ts';
import type { Watcher } from './watcher.ts';

/** The id that speaks for every watcher of the stream. */
export const ALL_WATCHERS = -1;

export interface WatchResponse {
  readonly kind: 'events' | 'bookmark' | 'compacted';
  /** undefined for a bookmark of the whole stream. */
  readonly watcher: Watcher | undefined;
  readonly watchId: number;
  /** Some, for kind 'events'; none for the others. Shared by many responses: not to be changed. */
  readonly events: readonly SharedEvent[];
  /** For header.revision. A bookmark says: everything up to it has been delivered. 0 in a compaction's cancellation, as in etcd. */
  readonly revision: number;
  /** The oldest revision that a watch may start from, where that is why the watcher is cancelled; else 0. */
  readonly compactRevision: number;
  /** What it counts against the channel's budget. */
  readonly bytes: number;
}
