/**
 * Turns of the event loop, as the clock has them: a timer without delay fires at the end of the turn. What arrives in one turn is
 * worked on together at its end: one write to the disk, one batch to the store. And whatever takes long gives the loop back
 * between its slices.
 */

import type { Clock } from '../base/index.ts';

/**
 * How long work may hold the loop before it must give way. In one turn there may be a slice of each kind of work, and what the
 * wire does with its results; all of it together may not take more than 10 ms.
 */
export const SLICE_MS = 2;

/** Lets others be served before going on. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(0, resolve));
}
