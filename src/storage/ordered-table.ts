/**
 * What the backend needs below it: a table of text keys and bytes, in order of the keys, written in atomic batches. A port:
 * LevelTable is LevelDB, MemoryTable its twin, and everything that is worth testing lies above both, in record-backend.ts.
 */

import type { Bytes } from '../base/index.ts';

export type Row = readonly [key: string, value: Bytes];

/** Writes that become visible together, or not at all. */
export interface TableBatch {
  /** Copies key and value at once. */
  put(key: string, value: Bytes): void;
  delete(key: string): void;
  /** Resolves when the batch can be read. To be called once; one batch at a time. */
  write(): Promise<void>;
}

export interface OrderedTable {
  /** Where it is, for error messages. */
  readonly path: string;
  /** The value as of the batches written so far. The bytes are the caller's. Throws BackendDamagedError. */
  get(key: string): Bytes | undefined;
  batch(): TableBatch;
  /** The rows with from <= key < to, in chunks, as they were when it began. */
  scan(from: string, to: string): AsyncIterable<readonly Row[]>;
  /** Resolves when all batches written before are durable. */
  flush(): Promise<void>;
  /** Bytes on disk, as of some batches ago. */
  sizeBytes(): number;
  close(): Promise<void>;
}
