/**
 * Turns of the event loop, as the clock has them: a timer without delay fires at the end of the turn. What arrives in one turn is
 * worked on together at its end: one write to the disk, one batch to the store. And whatever takes long gives the loop back
 * between its slices.
 */

import type { Clock } from '../base/index.ts';

/** How long work may hold the loop before it must give way: well under the 10 ms that nothing may exceed. */
export const SLICE_MS = 4;

/** Lets others be served before going on. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(0, resolve));
}
