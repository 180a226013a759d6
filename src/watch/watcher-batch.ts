/**
 * What one watcher gets of one slice of history: the events of its range, of at most BATCH_REVISIONS_MAX revisions and about
 * BATCH_BYTES_MAX bytes. A revision is never cut in two, because a client must get all of a transaction in one list.
 *
 *     history   5: a   6: b   7: a, a'   8: a        a batch of at most two revisions for a watcher of [a, b):
 *                                                    events 5: a, 7: a, 7: a'     moreRev 8
 *
 * moreRev is the first revision of the range that found no place; the watcher goes on from there. undefined: there was place
 * for everything that was shown to it.
 */

import { BATCH_BYTES_MAX, BATCH_REVISIONS_MAX } from './limits.ts';
import type { SharedEvent } from './shared-event.ts';

export class WatcherBatch {
  readonly events: SharedEvent[] = [];
  moreRev: number | undefined = undefined;
  #revisions = 0;
  #newest = 0;
  #bytes = 0;

  /** Shows it the next event of the range, in order of revision. Whether it took it. */
  add(event: SharedEvent, prevKv: boolean): boolean {
    if (this.moreRev !== undefined) return false;
    const revision = event.event.main;
    if (revision !== this.#newest) {
      if (this.#revisions === BATCH_REVISIONS_MAX || this.#bytes >= BATCH_BYTES_MAX) {
        this.moreRev = revision;
        return false;
      }
      this.#revisions++;
      this.#newest = revision;
    }
    this.events.push(event);
    this.#bytes += event.sizeBytes(prevKv);
    return true;
  }
}
