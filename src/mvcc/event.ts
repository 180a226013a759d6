/** One change of one key, as watchers hear of it. Made once, shared by all of them, never changed. */

import type { Bytes, Key } from '../base/index.ts';

export interface Event {
  readonly type: 'put' | 'delete';
  readonly key: Key;
  /** The revision that made the change, and the operation's place in it. */
  readonly main: number;
  readonly sub: number;
  /** mvccpb.KeyValue: after a put the whole pair, after a delete only key and mod_revision. */
  readonly kv: Bytes;
  /** A put that began a life of the key. Such an event has no previous pair. */
  readonly isCreate: boolean;
}

/** What the watchable store reads of the store below it. */
export interface History {
  /** The newest revision; 1 for an empty store. */
  readonly currentRevision: number;
  /** Events of revisions below it may be gone; -1 before the first compaction. */
  readonly compactRevision: number;
  /** The events of revision `main`, in order of sub. Complete for compactRevision <= main <= currentRevision, but for records that the compaction at compactRevision itself removed. */
  eventsOf(main: number): readonly Event[];
  /** The encoded pair that `event` replaced or deleted; undefined if it is a creation, or if compaction has taken the pair. */
  previousOf(event: Event): Bytes | undefined;
}
