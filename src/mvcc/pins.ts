/**
 * Revisions that someone is reading slice by slice. A compaction forbids new reads below it at once, but what the reads already
 * under way may still come to is removed only when they are done.
 */

import { assert } from '../base/index.ts';

export class Pins {
  /** The revision of each reader, in any order. As many as reads under way, so a look at all of them is cheap. */
  readonly #pinned: number[] = [];

  add(revision: number): void {
    this.#pinned.push(revision);
  }

  remove(revision: number): void {
    const at = this.#pinned.lastIndexOf(revision);
    const last = this.#pinned.pop();
    assert(at >= 0 && last !== undefined, 'whoever lets go of a revision reads at it');
    if (at < this.#pinned.length) this.#pinned[at] = last;
  }

  /** Whether someone reads at a revision below `revision`. */
  anyBelow(revision: number): boolean {
    return this.#pinned.some((pinned) => pinned < revision);
  }
}
