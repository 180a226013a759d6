/**
 * Helps victims on whose streams have room again: hands over the batch that they hold, then lets them go where their cursor
 * says they belong. One that holds nothing takes up room only when it has read its events, so no more of them are let go at
 * once than there is room for, and none before what was refused last would be taken.
 */

import { VICTIMS_PER_PASS_MAX } from './limits.ts';
import type { Placement } from './placement.ts';
import type { WatchStream } from './watch-stream.ts';

export interface Moved {
  /** Victims that are victims no more. */
  readonly moved: number;
  /** The pass ended at its bound; there may be more to do at once. */
  readonly more: boolean;
}

/** One pass over the streams with victims, in turn. Costs one look at a stream without room. */
export function moveVictims(placement: Placement): Moved {
  const { victimStreams } = placement;
  let moved = 0;
  // The set changes on the way.
  for (const stream of Array.from(victimStreams)) {
    if (moved >= VICTIMS_PER_PASS_MAX) return { moved, more: true };
    const movedHere = moveVictimsOf(placement, stream);
    moved += movedHere;
    // Whoever had a turn goes to the end of the line.
    if (movedHere > 0 && victimStreams.delete(stream)) victimStreams.add(stream);
  }
  return { moved, more: false };
}

function moveVictimsOf(placement: Placement, stream: WatchStream): number {
  let moved = 0;
  for (let room = stream.room; room > 0; room--) {
    const watcher = stream.victims.first;
    if (watcher === undefined) break;
    // The cursor is behind the last event in hand: everything before it has been told then.
    const mayGo = watcher.held === undefined ? stream.takesRefused : watcher.send(watcher.held, watcher.minRev - 1);
    if (!mayGo) break;
    placement.release(watcher);
    moved++;
  }
  return moved;
}
