/**
 * The physical side of a compaction: forgetting, in the index and in the records, what cannot be read any more.
 *
 * The logical side is over at once: reads below the compact revision are refused from then on. This job then walks the index
 * in slices. Each key is trimmed (see key-index.ts) and the records of what fell out are removed in the same slice, so that
 * whenever the backend's batch is closed, index and records agree. Reads at or above the compact revision come out the same
 * before, during and after it.
 *
 * The job keeps nothing on disk but, at its end, that it has ended. After a crash it starts anew, and finds less to do.
 *
 * If there have been more compactions by the time a job starts, it goes straight for the latest; the jobs of the others will
 * find that nothing is left to do.
 */

import { type Failpoints, KEY_INFINITY, type Key } from '../base/index.ts';
import type { StoreState } from './state.ts';

export class CompactionJob {
  /** Done when everything that the compaction at this revision makes unreachable is gone. */
  readonly revision: number;
  readonly #state: StoreState;
  /** The compact revision that the walk is for; undefined before it starts. */
  #target: number | undefined = undefined;
  /** The next key to look at. */
  #from: Key = '';

  constructor(state: StoreState, revision: number) {
    this.#state = state;
    this.revision = revision;
  }

  /** Whether it must wait for a read, begun before the compaction, that still needs what would be removed. Steps then do nothing. */
  get blocked(): boolean {
    return this.#state.pins.anyBelow(this.#target ?? this.#state.compactRevision);
  }

  /** Looks at, or removes, about `keysMax` keys or records. True: done. */
  step(keysMax: number, failpoints?: Failpoints): boolean {
    const state = this.#state;
    if (state.finishedCompactRevision >= this.revision) return true;
    if (this.blocked) return false;
    const target = (this.#target ??= state.compactRevision);

    const left = forgetCounts(state.operationCounts, target, keysMax);
    if (left === 0 || !this.#walk(target, left)) return false;
    failpoints?.hit('compactBeforeSetFinishedCompact');
    state.finishedCompactRevision = Math.max(state.finishedCompactRevision, target);
    state.putMark();
    failpoints?.hit('compactAfterSetFinishedCompact');
    return true;
  }

  /** Whether it came to the end of the index. */
  #walk(target: number, keysMax: number): boolean {
    const { backend, counters, index } = this.#state;
    let left = keysMax;
    let next: Key | undefined;
    const emptied: Key[] = [];
    const drop = (main: number, sub: number): void => {
      backend.deleteRecord(main, sub);
      counters.removedRecords++;
    };
    index.visit(this.#from, KEY_INFINITY, (key, entry) => {
      if (left <= 0) {
        next = key;
        return false;
      }
      const dropped = entry.compact(target, left, drop);
      if (entry.empty) emptied.push(key);
      // As many as it was allowed: there may be more of this key.
      if (dropped === left) next = key;
      left -= Math.max(dropped, 1);
      return next === undefined;
    });
    for (const key of emptied) index.delete(key);
    if (next !== undefined) this.#from = next;
    return next === undefined;
  }
}

/** Forgets how many operations the revisions below `target` had. Returns what is left of `max`. */
function forgetCounts(counts: Map<number, number>, target: number, max: number): number {
  let left = max;
  for (const main of counts.keys()) {
    if (main >= target || left === 0) break;
    counts.delete(main);
    left--;
  }
  return left;
}
