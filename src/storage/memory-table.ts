/** LevelDB's twin in memory. A crash takes any number of the newest batches that were not flushed. */

import { type Bytes, below, type Prng } from '../base/index.ts';
import type { OrderedTable, Row, TableBatch } from './ordered-table.ts';

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
  /** Counts crashes; batches begun before one are not written. */
  #life = 0;
  #writeFailure: Error | undefined;
  #gate: Promise<void> | undefined;

  // ---- What a test does to it ----

  crash(prng: Prng): void {
    this.#life++;
    const kept = below(prng, this.#unflushed.length + 1);
    for (const writes of this.#unflushed.slice(0, kept)) apply(this.#durable, writes);
    this.#unflushed = [];
    this.#rows = new Map(this.#durable);
  }

  /** Every batch written from now on fails with this. */
  failWrites(error: Error): void {
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
    const life = this.#life;
    const writes: Write[] = [];
    return {
      put: (key, value) => void writes.push([key, value.slice()]),
      delete: (key) => void writes.push([key, undefined]),
      write: async () => {
        await (this.#gate ?? Promise.resolve());
        if (this.#writeFailure !== undefined) throw this.#writeFailure;
        if (life !== this.#life) throw new Error('the table has crashed');
        apply(this.#rows, writes);
        this.#unflushed.push(writes);
      },
    };
  }

  async *scan(from: string, to: string): AsyncIterable<readonly Row[]> {
    const rows = [...this.#rows].filter(([key]) => key >= from && key < to).sort(([a], [b]) => (a < b ? -1 : 1));
    for (let at = 0; at < rows.length; at += CHUNK_ROWS) yield rows.slice(at, at + CHUNK_ROWS);
  }

  async flush(): Promise<void> {
    const life = this.#life;
    const count = this.#unflushed.length;
    await Promise.resolve();
    if (life !== this.#life) throw new Error('the table has crashed');
    for (const writes of this.#unflushed.splice(0, count)) apply(this.#durable, writes);
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
