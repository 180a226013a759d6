/** A snapshot of a table's state: a view of the table, and its chunks made as they are read. */

import type { Bytes } from '../base/index.ts';
import type { Applied, StateSnapshot } from './backend.ts';
import type { TableView } from './ordered-table.ts';
import { encodeSummary, type Summary } from './record-encoding.ts';
import { encodeSnapshot, snapshotBytesEstimate } from './snapshot-encoding.ts';

/** At a time. Each keeps LevelDB from giving back what was deleted meanwhile. */
export const SNAPSHOTS_OPEN_MAX = 4;

export class TableSnapshot implements StateSnapshot {
  readonly applied: Applied;
  readonly sizeBytesEstimate: number;
  readonly chunks: AsyncIterable<Bytes>;
  readonly #view: TableView;
  readonly #closed: () => void;
  #isOpen = true;

  /** `closed` is called once, when it is closed. */
  constructor(view: TableView, summary: Summary, closed: () => void) {
    this.applied = summary.applied;
    this.sizeBytesEstimate = snapshotBytesEstimate(summary);
    this.#view = view;
    this.#closed = closed;
    this.chunks = this.#read(encodeSummary(summary));
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#closed();
    // Nobody waits for it. Should it fail, closing the table will free what is left.
    void Promise.allSettled([this.#view.close()]);
  }

  async *#read(summaryValue: Bytes): AsyncIterable<Bytes> {
    this.#check();
    for await (const chunk of encodeSnapshot(this.#view, summaryValue)) {
      this.#check();
      yield chunk;
      this.#check();
    }
  }

  #check(): void {
    if (!this.#isOpen) throw new Error('the snapshot has been closed');
  }
}
