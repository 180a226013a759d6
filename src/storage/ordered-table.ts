/**
 * What the backend needs below it: a table of text keys and bytes, in order of the keys, written in atomic batches. A port:
 * LevelTable is LevelDB, MemoryTable its twin, and everything that is worth testing lies above both, in record-backend.ts.
 */

import type { Bytes } from '../base/index.ts';

export type Row = readonly [key: string, value: Bytes];

/** Writes that become visible together, or not at all. */
export interface TableBatch {
  /** The value is not to be changed afterwards. */
  put(key: string, value: Bytes): void;
  delete(key: string): void;
  /** Resolves when the batch can be read. To be called once, and again if it has failed and the table was reopened; one batch at a time. */
  write(): Promise<void>;
}

/** A table as it was at one moment, while writes go on. */
export interface TableView {
  /** The value as it was then. The bytes are the caller's. Throws BackendDamagedError. */
  get(key: string): Bytes | undefined;
  /** The rows with from <= key < to, in chunks, as they were then. */
  scan(from: string, to: string): AsyncIterable<readonly Row[]>;
  /** Frees what it holds. A scan that is under way fails. */
  close(): Promise<void>;
}

export interface OrderedTable {
  /** Where it is, for error messages. */
  readonly path: string;
  /** The value as of the batches written so far. The bytes are the caller's. Throws BackendDamagedError. */
  get(key: string): Bytes | undefined;
  batch(): TableBatch;
  /** The rows with from <= key < to, in chunks, as they were when it began. */
  scan(from: string, to: string): AsyncIterable<readonly Row[]>;
  /** The table as of the batches written so far. To be closed; closing the table does so too. */
  view(): TableView;
  /** Resolves when all batches written before are durable. */
  flush(): Promise<void>;
  /**
   * Makes a table writable again of which a batch or a flush has failed; until then every other one fails, too. It holds the batches that were
   * written, and perhaps the one that failed. It can be read all the while; its views end. If it rejects, it can be read and reopened still.
   */
  reopen(): Promise<void>;
  /** Bytes on disk, as of some batches ago. */
  sizeBytes(): number;
  close(): Promise<void>;
}

/** Tables by their path: where a member's store is, and the one that is to take its place. */
export interface Tables {
  /** The names of those in a directory. */
  list(directory: string): Promise<readonly string[]>;
  /** Opens or makes the table in a directory that is there. Rejects with DataDirectoryError (in use, say) or BackendDamagedError. */
  open(path: string): Promise<OrderedTable>;
  /** Removes a table that is not open, whole or not. A crash may leave a part of it. */
  remove(path: string): Promise<void>;
}
