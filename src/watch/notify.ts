/**
 * Tells the synced watchers what one revision has changed.
 *
 * Nothing here is done for a watcher that does not match, and for one that does only its response is made: what all of
 * them are told is the same array. A revision with one event makes one array; one with several makes an array for each
 * range that matches several of them.
 *
 * A million may watch one key, so this can be done in slices. A bucket is told from its end, because whoever leaves it meanwhile has the last
 * take its place, and whoever comes goes to the end; and who has been told has a cursor that says so:
 *
 *     bucket     w1 w2 w3 | w4 w5 w6      w2 is cancelled      w1 w6 w3 | w4 w5      w7 comes      w1 w6 w3 | w4 w5 w7
 *     told                  *  *  *                               *       *  *                        *       *  *
 */

import { present } from '../base/index.ts';
import type { Event, History } from '../mvcc/index.ts';
import type { Placement } from './placement.ts';
import { SharedEvent } from './shared-event.ts';
import type { Watcher } from './watcher.ts';
import type { Bucket } from './watcher-group.ts';

/** Which range is told of which events. */
interface Share {
  readonly bucket: Bucket;
  readonly events: readonly SharedEvent[];
}

/** The events of revision `rev`, in order, on their way to the watchers that are synced now. Those whose stream has no room become victims. */
export class Telling {
  readonly #placement: Placement;
  readonly #rev: number;
  readonly #shares: readonly Share[];
  #at = 0;
  /** So many of the bucket, from its beginning, are still to be told. */
  #left: number;

  constructor(placement: Placement, history: History, rev: number, events: readonly Event[]) {
    this.#placement = placement;
    this.#rev = rev;
    this.#shares = sharesOf(placement, history, events);
    this.#left = this.#shares[0]?.bucket.length ?? 0;
  }

  /** Tells `max` watchers at most. Whether that was all. */
  tell(max: number): boolean {
    let room = max;
    for (; this.#at < this.#shares.length; this.#left = this.#shares[this.#at]?.bucket.length ?? 0) {
      const { bucket, events } = present(this.#shares[this.#at], 'the share that is told');
      const from = Math.min(this.#left, bucket.length);
      this.#left = Math.max(0, from - room);
      for (let i = this.#left; i < from && i < bucket.length; ) {
        const watcher = present(bucket[i], 'a watcher of the bucket');
        this.#tellOne(watcher, events);
        // One that became a victim has left the bucket, and another has taken its place.
        if (bucket[i] === watcher) i++;
      }
      room -= from - this.#left;
      if (this.#left > 0) return false;
      this.#at++;
    }
    return true;
  }

  #tellOne(watcher: Watcher, events: readonly SharedEvent[]): void {
    if (watcher.minRev > this.#rev) return;
    if (watcher.send(events, this.#rev)) watcher.minRev = this.#rev + 1;
    else this.#placement.toVictimHolding(watcher, events, this.#rev);
  }
}

function sharesOf(placement: Placement, history: History, events: readonly Event[]): Share[] {
  const [event] = events;
  if (event === undefined || events.length > 1) return matched(placement, history, events);
  const buckets: Bucket[] = [];
  placement.synced.bucketsOf(event.key, buckets);
  if (buckets.length === 0) return [];
  const told = [new SharedEvent(event, history)];
  return buckets.map((bucket) => ({ bucket, events: told }));
}

function matched(placement: Placement, history: History, events: readonly Event[]): Share[] {
  const matches = new Map<Bucket, SharedEvent[]>();
  const buckets: Bucket[] = [];
  for (const event of events) {
    buckets.length = 0;
    placement.synced.bucketsOf(event.key, buckets);
    if (buckets.length === 0) continue;
    const shared = new SharedEvent(event, history);
    const alone = [shared];
    for (const bucket of buckets) {
      const earlier = matches.get(bucket);
      if (earlier === undefined) matches.set(bucket, alone);
      else if (earlier.length === 1) matches.set(bucket, [...earlier, shared]);
      else earlier.push(shared);
    }
  }
  return Array.from(matches, ([bucket, told]) => ({ bucket, events: told }));
}
