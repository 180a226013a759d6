/** How many bytes of committed entries are with the owner for applying: the measure that keeps a slow state machine from being buried. */

import { type Entry, entryBytes } from './entry.ts';

interface Batch {
  readonly lastIndex: number;
  readonly bytes: number;
}

export class ApplyingBytes {
  /** Oldest first, one for each time entries were handed out. */
  #batches: Batch[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    this.#batches.push({ lastIndex: last.index, bytes });
    this.#bytes += bytes;
  }

  /** Everything up to `index` is applied. A batch counts until all of it is. */
  free(index: number): void {
    let count = 0;
    for (const batch of this.#batches) {
      if (batch.lastIndex > index) break;
      this.#bytes -= batch.bytes;
      count++;
    }
    if (count > 0) this.#batches.splice(0, count);
  }
}
