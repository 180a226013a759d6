/**
 * Tells the synced watchers what one revision has changed.
 *
 * Nothing here is done for a watcher that does not match, and for one that does only its response is made: what all of
 * them are told is the same array. A revision with one event makes one array; one with several makes an array for each
 * range that matches several of them.
 */

import { present } from '../base/index.ts';
import type { Event, History } from '../mvcc/index.ts';
import type { Placement } from './placement.ts';
import { SharedEvent } from './shared-event.ts';
import type { Bucket } from './watcher-group.ts';

/** The events of revision `rev`, in order. Watchers whose stream has no room become victims. */
export function notifySynced(placement: Placement, history: History, rev: number, events: readonly Event[]): void {
  const [event] = events;
  if (event !== undefined && events.length === 1) {
    const buckets: Bucket[] = [];
    placement.synced.bucketsOf(event.key, buckets);
    if (buckets.length === 0) return;
    const told = [new SharedEvent(event, history)];
    for (const bucket of buckets) tell(placement, bucket, told, rev);
    return;
  }
  for (const [bucket, told] of matched(placement, history, events)) tell(placement, bucket, told, rev);
}

/** Which range is told of which events. */
function matched(placement: Placement, history: History, events: readonly Event[]): Map<Bucket, SharedEvent[]> {
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
  return matches;
}

function tell(placement: Placement, bucket: Bucket, events: readonly SharedEvent[], rev: number): void {
  for (let i = 0; i < bucket.length; ) {
    const watcher = present(bucket[i], 'a watcher of the bucket');
    if (watcher.minRev <= rev && !watcher.send(events, rev)) placement.toVictimHolding(watcher, events, rev);
    // One that became a victim has left the bucket, and another has taken its place.
    if (bucket[i] === watcher) i++;
  }
}
