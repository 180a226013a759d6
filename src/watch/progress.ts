/**
 * Bookmarks: an answer without events whose revision says that everything up to it has been delivered.
 *
 * A client asks for all watchers of its stream. Where all are synced, one answer with id -1 speaks for all. Else each that is
 * synced gets its own at once, each that lags when it has caught up, and the answer for all follows as soon as it is true:
 *
 *     w1 synced, w2 behind    progress     w1: bookmark 9        (w2 catches up)     w2: bookmark 11    all: bookmark 11
 *
 * While a revision is being told in slices nobody knows who has heard of it: what is asked then is answered when all have.
 *
 * A watcher that starts in the future counts as lagging until the revision before its start: a client may take a bookmark for the place
 * to resume from, and must not be led to one below its start. A bookmark is queued behind all events that it speaks of, and
 * the revision never goes back; so neither do bookmarks.
 */

import type { Placement } from './placement.ts';
import type { WatchStream } from './watch-stream.ts';
import { Watcher } from './watcher.ts';

/** Whether a bookmark at the present revision would be true for every watcher, and of use to it. */
function allSynced(placement: Placement, stream: WatchStream): boolean {
  return !placement.isTelling && stream.behind === 0 && stream.futureRev <= placement.rev + 1;
}

/** Whether a bookmark at the present revision is true for the watcher, and of use to it. */
function isToldAll(placement: Placement, watcher: Watcher): boolean {
  return watcher.state === 'synced' && watcher.minRev <= placement.rev + 1;
}

/** A bookmark for one watcher: now, or when it has caught up. A start in the future is silent below it. */
export function progress(placement: Placement, watcher: Watcher): void {
  if (watcher.state === 'compacted') return;
  if (placement.isTelling) {
    placement.askedMeanwhile.add(watcher);
    return;
  }
  if (isToldAll(placement, watcher)) watcher.stream.bookmark(watcher, placement.rev);
  else if (watcher.state !== 'synced') watcher.progressWanted = true;
}

/** Answers for all watchers of the stream. Whether it could be done at once. */
export function progressAll(placement: Placement, stream: WatchStream): boolean {
  if (placement.isTelling) {
    placement.askedMeanwhile.add(stream);
    return false;
  }
  if (allSynced(placement, stream)) {
    stream.bookmarkAll(placement.rev);
    return true;
  }
  stream.progressAwaited = true;
  placement.progressStreams.add(stream);
  for (const watcher of stream.watchers()) progress(placement, watcher);
  return false;
}

/** Gives the answer for all that the stream waits for, if it has become true. */
export function settleProgress(placement: Placement, stream: WatchStream): void {
  if (!stream.progressAwaited || !allSynced(placement, stream)) return;
  stream.progressAwaited = false;
  placement.progressStreams.delete(stream);
  stream.bookmarkAll(placement.rev);
}

/** Answers what was asked while a revision was being told. */
export function answerAsked(placement: Placement): void {
  const asked = Array.from(placement.askedMeanwhile);
  placement.askedMeanwhile.clear();
  for (const each of asked) {
    if (each instanceof Watcher) progress(placement, each);
    else progressAll(placement, each);
  }
}
