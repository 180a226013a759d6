/**
 * LevelDB (classic-level) as an ordered table.
 *
 * What it is used for is narrow, because what it promises is: batches that are atomic, and order. It verifies no checksum when
 * it reads, drops damaged pieces of its log when it opens, with a note in a file called LOG, and acknowledges writes that only
 * the kernel has. The layer above checks every value; this one looks at the log before LevelDB does (level-log.ts), and
 * knows what to ask for to have things on disk:
 *
 *     a batch with sync: true   syncs LevelDB's current log file. An older one, left when the table in memory was full and not
 *                               yet written out as a file, was never synced: its batches can still be lost.
 *     compactRange              writes the table in memory out to a file, syncs that and the manifest. Everything before it
 *                               is durable, whatever becomes of the log files.
 *
 * After a write that failed LevelDB's log may end in the middle of a record, and after a failure in the background it refuses all writes.
 * So nothing more is written then until it has been closed and opened anew. Reads cannot wait, and are answered from a copy meanwhile
 * (level-copy.ts), which shares the files of tables and costs little:
 *
 *     failed, reading from it      ->      copy, reading from that      ->      open again, the copy removed
 */

import type { Dirent } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import type { Bytes } from '../base/index.ts';
import { BackendDamagedError, DataDirectoryError } from './backend.ts';
import { errorCode } from './disk.ts';
import { LevelBatch } from './level-batch.ts';
import { copyLevel } from './level-copy.ts';
import { checkLevelLogs } from './level-log.ts';
import type { OrderedTable, Row, TableBatch, TableView } from './ordered-table.ts';

/** Rows and bytes that one step of a scan brings; about a millisecond of the main thread. */
const SCAN_ROWS = 1000;
const SCAN_BYTES = 1024 * 1024;
/** LevelDB's own cache of blocks. Small: RecordCache stands before it. */
const BLOCK_CACHE_BYTES = 8 * 1024 * 1024;
/** How much is gathered in memory, and in one log file, before it becomes a table file. */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;
/** The size on disk is looked up again after so many bytes written. */
const SIZE_STALE_BYTES = 4 * 1024 * 1024;
/** Beyond all keys. */
const AFTER_ALL_KEYS = '\u007f';

export type Level = ClassicLevel<string, Uint8Array>;
type LevelSnapshot = ReturnType<Level['snapshot']>;
type LevelIterator = ReturnType<Level['iterator']>;

export class LevelTable implements OrderedTable {
  readonly path: string;
  /** What is read from. */
  #level: Level;
  /** It is the copy. */
  #isCopy = false;
  /** The last write that was asked for. Never rejects. */
  #writing: Promise<unknown> = Promise.resolve();
  /** Of a write, since it was opened. */
  #failure: Error | undefined;
  #measuredBytes: number;
  #writtenBytes = 0;
  #isMeasuring = false;

  private constructor(path: string, level: Level, sizeBytes: number) {
    this.path = path;
    this.#level = level;
    this.#measuredBytes = sizeBytes;
  }

  /** Opens or makes the database in a directory. Rejects with DataDirectoryError or BackendDamagedError. */
  static async open(path: string): Promise<LevelTable> {
    const level = await openLevel(path);
    // A crash may have left it.
    await removeCopy(path);
    return new LevelTable(path, level, await directoryBytes(path));
  }

  get(key: string): Bytes | undefined {
    return this.#get(key, {});
  }

  #get(key: string, options: { readonly snapshot?: LevelSnapshot }): Bytes | undefined {
    try {
      return this.#level.getSync(key, options);
    } catch (error) {
      if (isCorruption(error)) throw new BackendDamagedError(this.path, errorText(error), { cause: error });
      throw error;
    }
  }

  batch(): TableBatch {
    return new LevelBatch({
      level: () => (this.#failure === undefined ? this.#level : undefined),
      write: async (batch) => {
        await this.#write(() => batch.write());
        this.#wrote(batch.bytes);
      },
    });
  }

  scan(from: string, to: string): AsyncIterable<readonly Row[]> {
    return this.#scan(from, to, {}, new Set());
  }

  view(): TableView {
    const snapshot = this.#level.snapshot();
    const iterators = new Set<LevelIterator>();
    return {
      get: (key) => this.#get(key, { snapshot }),
      scan: (from, to) => this.#scan(from, to, { snapshot }, iterators),
      close: async () => {
        // LevelDB's snapshot stays for as long as an iterator reads it.
        for (const iterator of iterators) await iterator.close();
        await snapshot.close();
      },
    };
  }

  /** `iterators` holds the one that reads, while it does. */
  async *#scan(
    from: string,
    to: string,
    options: { readonly snapshot?: LevelSnapshot },
    iterators: Set<LevelIterator>,
  ): AsyncIterable<readonly Row[]> {
    const iterator = this.#level.iterator({ gte: from, lt: to, highWaterMarkBytes: SCAN_BYTES, ...options });
    iterators.add(iterator);
    try {
      // One step ahead: LevelDB reads in another thread while these rows are being looked at.
      let next = iterator.nextv(SCAN_ROWS);
      for (;;) {
        const rows = await next;
        if (rows.length === 0) return;
        next = iterator.nextv(SCAN_ROWS);
        // Waited for in the next round, or, should that not come, by close().
        next.catch(() => undefined);
        yield rows;
      }
    } catch (error) {
      if (isCorruption(error)) throw new BackendDamagedError(this.path, errorText(error), { cause: error });
      throw error;
    } finally {
      iterators.delete(iterator);
      await iterator.close();
    }
  }

  async flush(): Promise<void> {
    // Of a range without a key: all that remains of it is the writing out of what is in memory.
    await this.#level.compactRange(AFTER_ALL_KEYS, AFTER_ALL_KEYS);
    // It reports no errors. A write does: LevelDB refuses all writes after a failure in the background.
    await this.#write(() => this.#level.del(AFTER_ALL_KEYS, { sync: true }));
    await this.#measure();
  }

  async reopen(): Promise<void> {
    if (!this.#isCopy) {
      await this.#writing;
      const copy = await copyLevel(this.path, copyPath(this.path), openLevel);
      const failed = this.#level;
      this.#level = copy;
      this.#isCopy = true;
      await failed.close();
    }
    const level = await openLevel(this.path);
    const copy = this.#level;
    this.#level = level;
    this.#isCopy = false;
    this.#failure = undefined;
    await copy.close();
    await removeCopy(this.path);
  }

  sizeBytes(): number {
    return this.#measuredBytes + this.#writtenBytes;
  }

  async close(): Promise<void> {
    await this.#level.close();
    if (this.#isCopy) await removeCopy(this.path);
  }

  /** One at a time, and none after one that has failed. */
  async #write(write: () => Promise<void>): Promise<void> {
    const writing = this.#writeAfter(this.#writing, write);
    this.#writing = Promise.allSettled([writing]);
    await writing;
  }

  async #writeAfter(before: Promise<unknown>, write: () => Promise<void>): Promise<void> {
    await before;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await write();
    } catch (error) {
      this.#failure = error as Error;
      throw error;
    }
  }

  #wrote(bytes: number): void {
    this.#writtenBytes += bytes;
    if (this.#writtenBytes < SIZE_STALE_BYTES || this.#isMeasuring) return;
    this.#isMeasuring = true;
    void this.#measure().finally(() => {
      this.#isMeasuring = false;
    });
  }

  async #measure(): Promise<void> {
    const written = this.#writtenBytes;
    this.#measuredBytes = await directoryBytes(this.path);
    this.#writtenBytes -= written;
  }
}

/** Rejects with DataDirectoryError or BackendDamagedError. */
async function openLevel(path: string): Promise<Level> {
  await checkLevelLogs(path);
  const level: Level = new ClassicLevel<string, Uint8Array>(path, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    compression: true,
    cacheSize: BLOCK_CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  try {
    await level.open();
  } catch (error) {
    throw openError(path, error);
  }
  return level;
}

/** Within the table's directory: LevelDB leaves alone what is not named like a file of its own. */
function copyPath(path: string): string {
  return `${path}/reading`;
}

async function removeCopy(path: string): Promise<void> {
  await rm(copyPath(path), { recursive: true, force: true });
}

/** Bytes of the files in a directory. Files that vanish meanwhile count nothing. */
async function directoryBytes(path: string): Promise<number> {
  const entries: Dirent[] = await readdir(path, { withFileTypes: true });
  let bytes = 0;
  for (const entry of entries) {
    try {
      bytes += (await stat(`${path}/${entry.name}`)).size;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
  return bytes;
}

/** What LevelDB says lies in the cause of what classic-level says. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

function errorText(error: unknown): string {
  const cause = causeOf(error);
  return cause instanceof Error ? cause.message : String(cause);
}

function isCorruption(error: unknown): boolean {
  return errorCode(error) === 'LEVEL_CORRUPTION' || errorCode(causeOf(error)) === 'LEVEL_CORRUPTION';
}

function openError(path: string, error: unknown): Error {
  const cause = causeOf(error);
  if (errorCode(cause) === 'LEVEL_LOCKED') {
    return new DataDirectoryError(path, 'it is in use by another process', { cause });
  }
  // A file that is gone is an I/O error to LevelDB, and so is one that may not be opened.
  const text = errorText(error);
  if (isCorruption(error) || /no such file|does not exist|not a regular file/i.test(text)) {
    return new BackendDamagedError(path, text, { cause });
  }
  return new DataDirectoryError(path, `it cannot be opened for reading and writing: ${text}`, { cause });
}
