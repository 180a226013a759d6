/** LevelDB's twin in memory. A crash takes any number of the newest batches that were not flushed. */

import { type Bytes, below, type Prng } from '../base/index.ts';
import type { OrderedTable, Row, TableBatch, TableView } from './ordered-table.ts';

const CHUNK_ROWS = 100;

type Write = readonly [key: string, value: Bytes | undefined];

function apply(rows: Map<string, Bytes>, writes: readonly Write[]): void {
  for (const [key, value] of writes) {
    if (value === undefined) rows.delete(key);
    else rows.set(key, value);
  }
}

export class MemoryTable implements OrderedTable {
  readonly path = 'memory';
  #rows = new Map<string, Bytes>();
  #durable = new Map<string, Bytes>();
  #unflushed: (readonly Write[])[] = [];
  #hasCrashed = false;
  #writeFailure: Error | undefined;
  /** What has failed first since it was opened. */
  #failure: Error | undefined;
  readonly #views = new Set<TableView>();
  #gate: Promise<void> | undefined;

  // ---- What a test does to it ----

  /** The power goes: this table takes no more batches. Returns the table as the next life finds it. */
  crash(prng: Prng): MemoryTable {
    this.#hasCrashed = true;
    const next = new MemoryTable();
    const kept = below(prng, this.#unflushed.length + 1);
    for (const writes of this.#unflushed.slice(0, kept)) apply(this.#durable, writes);
    next.#durable = new Map(this.#durable);
    next.#rows = new Map(this.#durable);
    return next;
  }

  /** Every batch and flush from now on fails with this; or does so no more, once the table has been reopened. */
  failWrites(error: Error | undefined): void {
    this.#writeFailure = error;
  }

  /** Batches wait until the returned function is called. */
  holdWrites(): () => void {
    let open: (() => void) | undefined;
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      this.#gate = undefined;
      open?.();
    };
  }

  keys(): readonly string[] {
    return [...this.#rows.keys()].sort();
  }

  /** Puts damage behind the backend's back. */
  tamper(key: string, value: Bytes | undefined): void {
    apply(this.#rows, [[key, value]]);
    apply(this.#durable, [[key, value]]);
  }

  // ---- The port ----

  get(key: string): Bytes | undefined {
    return this.#rows.get(key)?.slice();
  }

  batch(): TableBatch {
    const writes: Write[] = [];
    return {
      put: (key, value) => void writes.push([key, new Uint8Array(value)]),
      delete: (key) => void writes.push([key, undefined]),
      write: async () => {
        await (this.#gate ?? Promise.resolve());
        this.#checkWritable();
        apply(this.#rows, writes);
        this.#unflushed.push(writes);
      },
    };
  }

  scan(from: string, to: string): AsyncIterable<readonly Row[]> {
    return this.view().scan(from, to);
  }

  view(): TableView {
    const now = new Map(this.#rows);
    let isOpen = true;
    const check = (): void => {
      if (!isOpen) throw new Error('the view is closed');
    };
    const view: TableView = {
      get: (key) => {
        check();
        return now.get(key)?.slice();
      },
      scan: async function* (from, to) {
        const rows = [...now].filter(([key]) => key >= from && key < to).sort(([a], [b]) => (a < b ? -1 : 1));
        for (let at = 0; at < rows.length; at += CHUNK_ROWS) {
          check();
          yield rows.slice(at, at + CHUNK_ROWS);
        }
      },
      close: async () => {
        isOpen = false;
        this.#views.delete(view);
        await Promise.resolve();
      },
    };
    this.#views.add(view);
    return view;
  }

  async flush(): Promise<void> {
    const count = this.#unflushed.length;
    await Promise.resolve();
    this.#checkWritable();
    for (const writes of this.#unflushed.splice(0, count)) apply(this.#durable, writes);
  }

  async reopen(): Promise<void> {
    for (const view of this.#views) await view.close();
    if (this.#writeFailure !== undefined) throw this.#writeFailure;
    this.#failure = undefined;
  }

  #checkWritable(): void {
    this.#failure ??= this.#writeFailure;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#hasCrashed) throw new Error('the table has crashed');
  }

  sizeBytes(): number {
    let bytes = 0;
    for (const [key, value] of this.#rows) bytes += key.length + value.length;
    return bytes;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}
