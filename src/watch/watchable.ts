/** What a stream sees of the store that it watches. */

import type { Gathering } from './gathering.ts';
import type { WatchStream } from './watch-stream.ts';
import type { Watcher } from './watcher.ts';

export interface Watchable {
  /** For all streams. */
  readonly gathering: Gathering;
  /** Lets the watcher hear of every event from `startRev` on; 0 for those after the present revision. */
  watch(watcher: Watcher, startRev: number): void;
  /** Lets it hear no more. */
  cancel(watcher: Watcher): void;
  /** Queues a bookmark for the watcher: now if it is synced, else when it is. */
  progress(watcher: Watcher): void;
  /** Answers for all watchers of the stream: at once, and true, if all are synced; else each for itself, and for all later. */
  progressAll(stream: WatchStream): boolean;
  /** The stream has room again, and victims. */
  roomIn(stream: WatchStream): void;
  /** The newest revision that watchers have been told of. */
  rev(): number;
  /** Events have entered the stream's channel. */
  queued(events: number): void;
  /** Events have left a channel: to be sent, or dropped. */
  dequeued(events: number, sent: boolean): void;
  /** The stream ends: its watchers are cancelled next. */
  streamClosed(stream: WatchStream): void;
}
