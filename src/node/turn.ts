/**
 * Turns of the event loop. What arrives in one turn is worked on together at its end: one write to the disk, one batch to
 * the store. And whatever takes long gives the loop back between its slices.
 */

/** Calls `work` after the input that is waiting now has been handed out. */
export function atTurnEnd(work: () => void): void {
  setImmediate(work);
}

/** Lets the loop serve others before going on. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** How long work may hold the loop before it must give way: well under the 10 ms that nothing may exceed. */
export const SLICE_MS = 4;
