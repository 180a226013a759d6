/**
 * The files of the log: their names, and the supply of new ones.
 *
 * A segment is filled with zeros and synced before the first record goes into it. Then appending changes neither its size nor
 * its blocks, only bytes that are already allotted: a sync has one thing to write instead of three, takes half the time, and
 * a full disk cannot stop it. The zeros are also what tells a record from a place not yet written (see wal-reader.ts).
 *
 * The filling is done ahead, in slices, while the segment before is in use. A segment that is no longer needed becomes the
 * next spare, so that a log of steady size takes no new space. It is filled with zeros like a new one, although writing over
 * the old records would save half of the device's work: no old record can then come to light behind a new one, and a sector
 * that was not written can be told from one that was written and has rotted.
 *
 *     0000000000000004-00000000000012d6.wal    sequence 4, first entry 4822, in use
 *     spare-1.tmp                              being filled; of no meaning to a reader, removed at the next start
 */

import type { Clock, Timer } from '../base/index.ts';
import type { Disk, DiskFile } from './disk.ts';
import { errorCode, isOutOfSpace } from './disk.ts';

/** Of a segment, as etcd's. */
export const SEGMENT_BYTES: number = 64 * 1024 * 1024;
/** Filled and synced in one go: 0.3 ms of the main thread, and short enough not to stand in the way of the log's own syncs. */
const SLICE_BYTES = 1024 * 1024;
const ZEROS = new Uint8Array(SLICE_BYTES);

export interface SegmentName {
  readonly sequence: number;
  /** Of the first entry that was to go into it. */
  readonly firstIndex: number;
}

const hex = (value: number): string => value.toString(16).padStart(16, '0');

export function segmentFileName(name: SegmentName): string {
  return `${hex(name.sequence)}-${hex(name.firstIndex)}.wal`;
}

/** The sequence number and index in a segment's file name; undefined if it is not one. */
export function parseSegmentFileName(fileName: string): SegmentName | undefined {
  const match = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/.exec(fileName);
  if (match === null) return undefined;
  const name = { sequence: Number.parseInt(match[1] ?? '', 16), firstIndex: Number.parseInt(match[2] ?? '', 16) };
  return Number.isSafeInteger(name.sequence) && Number.isSafeInteger(name.firstIndex) ? name : undefined;
}

export function isSpareFileName(fileName: string): boolean {
  return fileName.endsWith('.tmp');
}

/** Writes zeros over [from, to) of a file, in slices, and syncs each. */
export async function fillWithZeros(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += SLICE_BYTES) {
    file.write(ZEROS.subarray(0, Math.min(SLICE_BYTES, to - at)), at);
    await file.sync();
  }
}

/** Writes zeros over [from, to) of a file at once and leaves syncing to others. For the length of one group. */
export function writeZeros(file: DiskFile, from: number, to: number): void {
  for (let at = from; at < to; at += SLICE_BYTES) file.write(ZEROS.subarray(0, Math.min(SLICE_BYTES, to - at)), at);
}

/** A file full of zeros, to become a segment. */
export interface Spare {
  readonly file: DiskFile;
  readonly path: string;
}

export interface SpareOptions {
  readonly segmentBytes: number;
  /** With it a full disk is tried again every SPARE_RETRY_MS; without, at every call of prepare(). */
  readonly clock: Clock | undefined;
  /** Told when isShort changes. */
  readonly shortChanged: (isShort: boolean) => void;
}

/** Not more often: each attempt fills what there is of a full disk, before it gives it back. */
export const SPARE_RETRY_MS = 5000;

/** Keeps at most one spare. */
export class SpareSegments {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #options: SpareOptions;
  #made = 0;
  #spare: Promise<Spare> | undefined;
  #isShort = false;
  #retry: Timer | undefined;
  #isStopped = false;
  #waiting: (() => void)[] = [];

  constructor(disk: Disk, directory: string, options: SpareOptions) {
    this.#disk = disk;
    this.#directory = directory;
    this.#options = options;
  }

  /** Whether an attempt to make one has found the disk full, and none has succeeded since. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** Begins to make one in the background, unless there is one. If it fails, take() will try again. */
  prepare(): void {
    if (this.#spare === undefined && this.#retry === undefined && !this.#isStopped) void this.#begin(this.#make());
  }

  /** The spare, waiting for it if need be. Rejects, having left nothing behind, if it cannot be made. */
  take(): Promise<Spare> {
    const spare = this.#spare ?? this.#begin(this.#make());
    this.#spare = undefined;
    return spare;
  }

  /** Resolves when an attempt to make one has not found the disk full, whoever makes it; and when it is stopped. */
  async untilRoom(): Promise<void> {
    if (!this.#isStopped) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Turns a segment that is needed no more into the spare, or removes it. Its name is durably gone when this resolves. */
  async recycle(path: string): Promise<void> {
    if (this.#spare !== undefined) {
      await this.#disk.remove(path);
      await this.#disk.syncDirectory(this.#directory);
      return;
    }
    const sparePath = this.#nextPath();
    const renamed = this.#renameDurably(path, sparePath);
    void this.#begin(this.#refill(renamed, sparePath));
    await renamed;
  }

  /** No further attempts: nobody is to wait for one. */
  stop(): void {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#wake();
  }

  /** Waits for what is under way and closes it. */
  async close(): Promise<void> {
    this.stop();
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined) return;
    const [made] = await Promise.allSettled([spare]);
    if (made.status === 'fulfilled') await made.value.file.close();
  }

  #begin(spare: Promise<Spare>): Promise<Spare> {
    this.#spare = spare;
    void this.#follow(spare);
    return spare;
  }

  /** Never rejects: whoever takes the spare is told, and nobody else need be. */
  async #follow(spare: Promise<Spare>): Promise<void> {
    try {
      await spare;
      this.#setShort(false);
    } catch (error) {
      if (this.#spare === spare) this.#spare = undefined;
      if (isOutOfSpace(error)) {
        this.#setShort(true);
        this.#retryLater();
        return;
      }
    }
    this.#wake();
  }

  #setShort(isShort: boolean): void {
    if (this.#isShort === isShort) return;
    this.#isShort = isShort;
    this.#options.shortChanged(isShort);
  }

  #retryLater(): void {
    if (this.#isStopped) return;
    this.#retry ??= this.#options.clock?.after(SPARE_RETRY_MS, () => {
      this.#retry = undefined;
      this.prepare();
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #nextPath(): string {
    return `${this.#directory}/spare-${this.#made++}.tmp`;
  }

  async #make(): Promise<Spare> {
    const path = this.#nextPath();
    return this.#fill(await this.#disk.create(path), path);
  }

  /** Durably before a byte of it is overwritten: after a crash it must not have its old name and no records. */
  async #renameDurably(path: string, sparePath: string): Promise<void> {
    await this.#disk.rename(path, sparePath);
    await this.#disk.syncDirectory(this.#directory);
  }

  async #refill(renamed: Promise<void>, path: string): Promise<Spare> {
    await renamed;
    return this.#fill(await this.#disk.open(path), path);
  }

  async #fill(file: DiskFile, path: string): Promise<Spare> {
    try {
      const { segmentBytes } = this.#options;
      if ((await file.sizeBytes()) > segmentBytes) await file.truncate(segmentBytes);
      await fillWithZeros(file, 0, segmentBytes);
      return { file, path };
    } catch (error) {
      // Give the space back. That this may fail as well changes nothing: the first error tells more.
      await Promise.allSettled([file.close(), this.#disk.remove(path)]);
      throw error;
    }
  }
}

/** Removes the spares that an earlier life has left. */
export async function removeSpares(disk: Disk, directory: string): Promise<void> {
  for (const fileName of await disk.list(directory)) {
    if (!isSpareFileName(fileName)) continue;
    try {
      await disk.remove(`${directory}/${fileName}`);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
  await disk.syncDirectory(directory);
}
