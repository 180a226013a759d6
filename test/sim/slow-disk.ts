/**
 * Disk and tables as one process sees them: MemoryDisk and MemoryTables, with the time that a sync and a batch take, and with the
 * failures that the nemesis arms. They belong to a process: once its clock has stopped, nothing that it began comes to an end.
 */

import { below, type Prng } from '../../src/base/index.ts';
import type { Disk, DiskFile, MemoryDisk, MemoryTables, OrderedTable, Tables } from '../../src/storage/index.ts';
import type { ProcessClock } from './clock.ts';

/** How the disk behaves; the nemesis changes it. */
export interface DiskMood {
  syncMsMax: number;
  batchMsMax: number;
  /** The next sync fails. */
  syncFails: boolean;
  /** Every batch of the store fails. */
  batchesFail: boolean;
  /** The disk has no room for batches of the store. */
  storeIsFull: boolean;
}

export interface SlowDiskOptions {
  readonly clock: ProcessClock;
  readonly prng: Prng;
  readonly mood: DiskMood;
  /** A failure that was armed has struck. */
  readonly failed: (what: 'sync' | 'batch') => void;
}

function takes({ clock, prng }: SlowDiskOptions, msMax: number): Promise<void> {
  // Tenths of a millisecond: seldom the same moment as something else.
  return new Promise((resolve) => void clock.after(below(prng, msMax * 10 + 1) / 10, resolve));
}

function noSpace(): Error {
  return Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}

/** For what takes no time: a process that has ended in the middle of a turn goes no further. */
function stillAlive({ clock }: SlowDiskOptions): Promise<void> {
  return clock.isAlive ? Promise.resolve() : new Promise(() => undefined);
}

export class SlowDisk implements Disk {
  readonly #disk: MemoryDisk;
  readonly #options: SlowDiskOptions;

  constructor(disk: MemoryDisk, options: SlowDiskOptions) {
    this.#disk = disk;
    this.#options = options;
  }

  async create(path: string): Promise<DiskFile> {
    return this.#slow(await this.#disk.create(path));
  }

  async open(path: string): Promise<DiskFile> {
    return this.#slow(await this.#disk.open(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#disk.list(directory);
  }

  makeDirectory(directory: string): Promise<void> {
    return this.#disk.makeDirectory(directory);
  }

  async syncDirectory(directory: string): Promise<void> {
    await takes(this.#options, this.#options.mood.syncMsMax);
    await this.#disk.syncDirectory(directory);
  }

  #slow(file: DiskFile): DiskFile {
    return { ...file, sync: () => this.#sync(file) };
  }

  /** What the file holds now becomes durable, some time from now. */
  async #sync(file: DiskFile): Promise<void> {
    const { mood, failed } = this.#options;
    if (mood.syncFails) {
      mood.syncFails = false;
      this.#disk.failNextSync();
      failed('sync');
    }
    const finish = this.#disk.holdSyncs();
    const synced = file.sync();
    // It may fail at once, with nobody left to wait for it.
    synced.catch(() => undefined);
    await takes(this.#options, mood.syncMsMax);
    finish();
    await synced;
  }
}

export class SlowTables implements Tables {
  readonly #tables: MemoryTables;
  readonly #options: SlowDiskOptions;

  constructor(tables: MemoryTables, options: SlowDiskOptions) {
    this.#tables = tables;
    this.#options = options;
  }

  async list(directory: string): Promise<readonly string[]> {
    await stillAlive(this.#options);
    return await this.#tables.list(directory);
  }

  async open(path: string): Promise<OrderedTable> {
    await stillAlive(this.#options);
    const table = await this.#tables.open(path);
    const options = this.#options;
    // As LevelDB does, it refuses everything once something has failed.
    let hasFailed = false;
    const write = async (msMax: number, what: () => Promise<void>): Promise<void> => {
      await takes(options, msMax);
      hasFailed ||= options.mood.storeIsFull;
      if (hasFailed) throw noSpace();
      await what();
    };
    return {
      path,
      get: (key) => table.get(key),
      scan: (from, to) => table.scan(from, to),
      view: () => table.view(),
      // Counting its bytes takes long, and nobody asks.
      sizeBytes: () => 0,
      close: () => table.close(),
      batch: () => {
        const batch = table.batch();
        return {
          put: (key, value) => batch.put(key, value),
          delete: (key) => batch.delete(key),
          write: () =>
            write(options.mood.batchMsMax, async () => {
              if (options.mood.batchesFail) {
                options.failed('batch');
                throw new Error('input/output error');
              }
              await batch.write();
            }),
        };
      },
      flush: () => write(options.mood.syncMsMax, () => table.flush()),
      reopen: async () => {
        await takes(options, options.mood.syncMsMax);
        if (options.mood.storeIsFull) throw noSpace();
        await table.reopen();
        hasFailed = false;
      },
    };
  }

  async remove(path: string): Promise<void> {
    await stillAlive(this.#options);
    await this.#tables.remove(path);
  }
}
