/**
 * Revisions that someone is reading slice by slice. A compaction forbids new reads below it at once, but what the reads already
 * under way may still come to is removed only when they are done.
 */

import { assert } from '../base/index.ts';

export class Pins {
  /** Readers of each revision. As many entries as reads under way, so a look at all of them is cheap. */
  readonly #readers = new Map<number, number>();

  add(revision: number): void {
    this.#readers.set(revision, (this.#readers.get(revision) ?? 0) + 1);
  }

  remove(revision: number): void {
    const readers = this.#readers.get(revision) ?? 0;
    assert(readers > 0, `no reader at revision ${revision}`);
    if (readers === 1) this.#readers.delete(revision);
    else this.#readers.set(revision, readers - 1);
  }

  /** Whether someone reads at a revision below `revision`. */
  anyBelow(revision: number): boolean {
    for (const pinned of this.#readers.keys()) if (pinned < revision) return true;
    return false;
  }
}
