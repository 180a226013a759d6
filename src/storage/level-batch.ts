/**
 * A batch of LevelDB's that survives LevelDB: it knows its rows, so that it can be made anew when the database that it was begun with
 * has been closed.
 */

import type { Bytes } from '../base/index.ts';
import type { Level } from './level-table.ts';
import type { Row, TableBatch } from './ordered-table.ts';

/** Put into LevelDB's batch in one turn of the event loop, when it is made anew. */
const ROWS_A_TURN = 4096;

type LevelsBatch = ReturnType<Level['batch']>;

export interface LevelBatchOptions {
  /** The database to write to; undefined while that is none. */
  readonly level: () => Level | undefined;
  readonly write: (batch: { readonly bytes: number; write(): Promise<void> }) => Promise<void>;
}

export class LevelBatch implements TableBatch {
  readonly #options: LevelBatchOptions;
  /** As LevelDB has it, and in which database. */
  #batch: LevelsBatch | undefined;
  #level: Level | undefined;
  /** In the order they came; without a value: to be deleted. */
  readonly #rows: (Row | readonly [key: string])[] = [];
  #bytes = 0;

  constructor(options: LevelBatchOptions) {
    this.#options = options;
    this.#level = options.level();
    this.#batch = this.#level?.batch();
  }

  put(key: string, value: Bytes): void {
    this.#rows.push([key, value]);
    this.#bytes += key.length + value.length;
    if (this.#isUsable()) this.#batch?.put(key, value);
  }

  delete(key: string): void {
    this.#rows.push([key]);
    this.#bytes += key.length;
    if (this.#isUsable()) this.#batch?.del(key);
  }

  write(): Promise<void> {
    return this.#options.write({ bytes: this.#bytes, write: () => this.#write() });
  }

  async #write(): Promise<void> {
    const batch = this.#batch !== undefined && this.#isUsable() ? this.#batch : await this.#madeAnew();
    // Whatever comes of it, LevelDB takes it only once.
    this.#batch = undefined;
    await batch.write();
  }

  #isUsable(): boolean {
    return this.#level === this.#options.level();
  }

  async #madeAnew(): Promise<LevelsBatch> {
    const level = this.#options.level();
    if (level === undefined) throw new Error('there is no database to write to');
    const batch = level.batch();
    let count = 0;
    for (const [key, value] of this.#rows) {
      if (value === undefined) batch.del(key);
      else batch.put(key, value);
      if (++count % ROWS_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return batch;
  }
}
