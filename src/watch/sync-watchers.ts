/**
 * Feeds watchers that are behind from history, a bounded slice at a time.
 *
 * A pass takes on the first WATCHERS_PER_SYNC_MAX of the queue, picks the window of revisions that it will read, and reads it
 * once for all of them whose cursor lies in it:
 *
 *     history      |--------|--------|--------|--------|--------|--- rev
 *     cursors       w1 w2                       w3            w4 w5
 *                   [--- window of one pass ---)          [--------] window of the next
 *
 * Passes take turns between two beginnings of the window: the cursor of the one that waits longest, so that nobody waits for
 * ever, and the cursors nearest to the present, so that a short way is not held up by a long one. Whoever is not done goes to
 * the end of the queue. The window ends where a bound is met: revisions, bytes, time, or everyone's batch is full.
 */

import type { Clock } from '../base/index.ts';
import type { Event, History } from '../mvcc/index.ts';
import {
  BATCH_REVISIONS_MAX,
  SYNC_BYTES_MAX,
  SYNC_REVISIONS_MAX,
  SYNC_TIME_MS_MAX,
  WATCHERS_PER_SYNC_MAX,
} from './limits.ts';
import type { Placement } from './placement.ts';
import { SharedEvent } from './shared-event.ts';
import type { Watcher } from './watcher.ts';
import { WatcherBatch } from './watcher-batch.ts';
import { type Bucket, WatcherGroup } from './watcher-group.ts';

/** Where the window begins: at the one that waits longest, or near the present. */
export type Beginning = 'longest' | 'nearest';

/** Looks at the clock are dear beside small revisions. */
const REVISIONS_PER_LOOK = 16;

/** One pass. Returns how many watchers got on: 0 only if none was behind. */
export function syncWatchers(placement: Placement, history: History, clock: Clock, beginning: Beginning): number {
  const { rev, unsynced } = placement;
  const { compactRevision } = history;
  const { watchers, compacted } = unsynced.choose(WATCHERS_PER_SYNC_MAX, rev, compactRevision);
  for (const watcher of compacted) placement.toCompacted(watcher, compactRevision);
  const ready = watchers.filter((watcher) => isReady(placement, watcher));
  if (ready.length === 0) return watchers.length + compacted.length;

  const begin = windowBegin(ready, beginning, rev);
  const slice = new Slice(history, clock, Math.min(begin + SYNC_REVISIONS_MAX, rev + 1));
  for (const watcher of ready) {
    if (watcher.minRev < begin || watcher.minRev >= slice.end) continue;
    unsynced.delete(watcher);
    slice.add(watcher);
  }
  const served = slice.size;
  slice.read(begin);
  slice.handOver(placement);
  return compacted.length + watchers.length - ready.length + served;
}

/** Whether history has something for it and its stream has room. If not, it is put where it belongs. */
function isReady(placement: Placement, watcher: Watcher): boolean {
  if (watcher.minRev > placement.rev) placement.toSynced(watcher);
  else if (watcher.stream.room === 0) placement.toVictim(watcher);
  else return true;
  return false;
}

function windowBegin(ready: readonly Watcher[], beginning: Beginning, rev: number): number {
  let begin = ready[0]?.minRev ?? rev;
  if (beginning === 'longest') return begin;
  for (const { minRev } of ready) begin = Math.max(begin, minRev);
  // Those who are as good as there come along, from the first of them on.
  const near = Math.min(begin, rev + 1 - BATCH_REVISIONS_MAX);
  for (const { minRev } of ready) if (minRev >= near) begin = Math.min(begin, minRev);
  return begin;
}

/** The window of one pass, who reads it, and what they get. */
class Slice {
  readonly #history: History;
  readonly #clock: Clock;
  readonly #deadline: number;
  readonly #group = new WatcherGroup();
  readonly #batches = new Map<Watcher, WatcherBatch>();
  /** Batches that take no more. */
  #full = 0;
  #bytes = 0;
  /** Behind the last revision of the window. Before it is read: the furthest that it may reach. */
  end: number;

  constructor(history: History, clock: Clock, end: number) {
    this.#history = history;
    this.#clock = clock;
    this.#deadline = clock.now() + SYNC_TIME_MS_MAX;
    this.end = end;
  }

  get size(): number {
    return this.#group.size;
  }

  add(watcher: Watcher): void {
    this.#group.add(watcher);
  }

  /** Reads from `begin` on, at least one revision. */
  read(begin: number): void {
    for (let revision = begin; revision < this.end; revision++) {
      if (revision > begin && this.#isSpent(revision - begin)) {
        this.end = revision;
        return;
      }
      for (const event of this.#history.eventsOf(revision)) this.#match(event);
    }
  }

  /** Sends everyone its batch and moves it on. */
  handOver(placement: Placement): void {
    for (const watcher of this.#group) {
      const batch = this.#batches.get(watcher);
      // No room after all: it reads this again when there is.
      if (batch !== undefined && !watcher.send(batch.events, placement.rev)) {
        placement.toVictim(watcher);
        continue;
      }
      watcher.minRev = batch?.moreRev ?? Math.max(watcher.minRev, this.end);
      if (watcher.minRev > placement.rev) placement.toSynced(watcher);
      else placement.toUnsynced(watcher);
    }
  }

  #isSpent(revisions: number): boolean {
    if (this.#bytes >= SYNC_BYTES_MAX || this.#full === this.#group.size) return true;
    return revisions % REVISIONS_PER_LOOK === 0 && this.#clock.now() >= this.#deadline;
  }

  #match(event: Event): void {
    this.#bytes += event.kv.length;
    const buckets: Bucket[] = [];
    this.#group.bucketsOf(event.key, buckets);
    if (buckets.length === 0) return;
    const shared = new SharedEvent(event, this.#history);
    for (const bucket of buckets) {
      for (const watcher of bucket) if (watcher.minRev <= event.main) this.#give(watcher, shared);
    }
  }

  #give(watcher: Watcher, event: SharedEvent): void {
    let batch = this.#batches.get(watcher);
    if (batch === undefined) {
      batch = new WatcherBatch();
      this.#batches.set(watcher, batch);
    }
    if (batch.moreRev !== undefined) return;
    if (watcher.prevKv && watcher.wants(event)) event.fetchPrevious();
    if (!batch.add(event, watcher.prevKv)) this.#full++;
  }
}
