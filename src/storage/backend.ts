/**
 * The applied state of one member on disk: the store's records, how far the log has been applied, and the small state of the
 * machine. Written without sync, in batches that each hold the state after some entry of the log: a crash takes the newest
 * batches with it, never half of one, and the log gives them back. checkpoint() says up to where the log is not needed for that.
 */

import type { Bytes, Clock, Failpoints } from '../base/index.ts';
import type { Backend, ScannedRecord, StoreMark } from '../mvcc/index.ts';
import { isOutOfSpace } from './disk.ts';

/** How far the log has been applied. */
export interface Applied {
  readonly index: number;
  readonly term: number;
  /** raftpb.ConfState as of `index`. */
  readonly confState?: Bytes;
}

export interface Item {
  readonly name: string;
  readonly value: Bytes;
}

export interface DurableBackend extends Backend {
  /** As found when it was opened. */
  readonly mark: StoreMark;
  readonly applied: Applied;

  /** Small state under a name of its own, such as alarms or the members. Part of the batch as the records are. Copied. */
  putState(name: string, value: Bytes): void;
  /** What was put last, written or not; undefined if nothing ever was. Not to be changed. */
  getState(name: string): Bytes | undefined;

  /**
   * Items are for what there may be very many of: each is written by itself, part of the batch like all else, and read at the start only.
   * Names are of visible ASCII characters without '/'.
   */
  putItem(kind: string, name: string, value: Bytes): void;
  deleteItem(kind: string, name: string): void;
  /** All items of a kind as found when it was opened, in order of their names, in chunks. Throws BackendDamagedError. */
  items(kind: string): AsyncIterable<readonly Item[]>;

  /** Ends the batch: everything put or deleted since the last commit is the state after entry `applied`. It is written in the background. */
  commit(applied: Applied): void;
  /** Undefined, or a promise to wait for before applying more: too much is not written yet. */
  pressure(): Promise<void> | undefined;

  /**
   * All records in order of (main, sub), in chunks, for the start. To be read to its end before anything is written. Throws
   * BackendDamagedError at the first record that is not as it was written, or at the end if one is missing.
   */
  scan(): AsyncIterable<readonly ScannedRecord[]>;

  /** Makes everything committed so far durable; resolves with the state of which that is sure. Rejects while the disk is full. */
  checkpoint(): Promise<Applied>;

  /**
   * The whole state as of now (of the last commit), to be sent elsewhere while writes go on. Rejects with SnapshotRefusedError if
   * SNAPSHOTS_OPEN_MAX are open, and as every call does once the backend has failed. Closing the backend closes it, and so may a disk that was full.
   */
  snapshot(): Promise<StateSnapshot>;

  /** Bytes on disk, including what compaction has freed and LevelDB not yet given back. As of some batches ago. */
  sizeBytes(): number;
  /** Bytes of the records that are there. Of records deleted while not in the cache the average is taken. */
  sizeInUseBytes(): number;

  /** Writes what was committed and closes. What was not committed is dropped. */
  close(): Promise<void>;
}

/** The state after entry `applied`: records, states, mark and summary. */
export interface StateSnapshot {
  readonly applied: Applied;
  readonly sizeBytesEstimate: number;
  /** In the format of snapshot-encoding.ts, each at most STATE_CHUNK_BYTES_MAX. To be read once. Throws BackendDamagedError, or if it is closed. */
  readonly chunks: AsyncIterable<Bytes>;
  /** Frees what it holds; the reading of the chunks ends with an error. Calling it again does nothing. */
  close(): void;
}

export interface BackendOptions {
  /** Told once, when a batch could not be written or a record turns out damaged: the member must stop. Every later call fails. */
  readonly onFailure: (error: Error) => void;
  /** Told when the disk has no room for a batch, and when that is written after all. Only with a clock; without, such a batch is a failure. */
  readonly onSpaceChange?: (isFull: boolean) => void;
  /** Told how long each batch took to write. */
  readonly onCommit?: (seconds: number) => void;
  /** Told how long each snapshot was open. */
  readonly onSnapshot?: (seconds: number) => void;
  /** Of encoded records kept in memory. */
  readonly cacheBytes?: number;
  readonly failpoints?: Failpoints | undefined;
  /** With it, batches gather for a while before they are written; without, each is written as soon as the one before it is. */
  readonly clock?: Clock | undefined;
}

/** The store on disk is not what was written. Nothing was changed; the member must not go on with it. */
export class BackendDamagedError extends Error {
  override readonly name = 'BackendDamagedError';
  readonly path: string;
  readonly reason: string;
  readonly remedy: string;

  constructor(path: string, reason: string, options: { remedy?: string; cause?: unknown } = {}) {
    const remedy =
      options.remedy ??
      'Restore the data directory from a backup; or, in a cluster, remove the member, delete its data directory and add it again.';
    super(`the store is damaged: ${path}: ${reason}. ${remedy}`, { cause: options.cause });
    this.path = path;
    this.reason = reason;
    this.remedy = remedy;
  }
}

/**
 * A batch could not be written. What was committed before is still in the log. If nothing but room was missing, the table is opened anew
 * when there is some; all else ends the backend.
 */
export class BackendFailedError extends Error {
  override readonly name = 'BackendFailedError';
  /** Nothing but room is missing. */
  readonly isOutOfSpace: boolean;

  constructor(cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super(`the store cannot be written: ${text}`, { cause });
    // LevelDB has one code for all errors of the file system, and puts what the system says at the end.
    this.isOutOfSpace = isOutOfSpace(cause) || /(?:No space left on device|Disk quota exceeded)$/.test(text);
  }
}

/** The bytes that came for a snapshot are not one, or not all of it. Nothing of them is kept. */
export class SnapshotDamagedError extends Error {
  override readonly name = 'SnapshotDamagedError';

  constructor(reason: string) {
    super(`the snapshot is damaged: ${reason}`);
  }
}

/** There are as many snapshots as may be. Later there may be fewer. */
export class SnapshotRefusedError extends Error {
  override readonly name = 'SnapshotRefusedError';
}

/** The data directory cannot be used as it is: in use, not writable, of another format. It may be perfectly well. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
  readonly path: string;

  constructor(path: string, reason: string, options?: { cause?: unknown }) {
    super(`the data directory cannot be used: ${path}: ${reason}`, options);
    this.path = path;
  }
}
