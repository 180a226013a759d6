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

import type { Disk, DiskFile } from './disk.ts';
import { errorCode } from './disk.ts';

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

/** Keeps at most one spare. */
export class SpareSegments {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #segmentBytes: number;
  #made = 0;
  #spare: Promise<Spare> | undefined;

  constructor(disk: Disk, directory: string, segmentBytes: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
  }

  /** Begins to make one in the background, unless there is one. If it fails, take() will say so, or try again. */
  prepare(): void {
    if (this.#spare !== undefined) return;
    const spare = this.#make();
    this.#spare = spare;
    // Failing here is no news yet: the disk may have room again by the time it is needed.
    spare.catch(() => {
      if (this.#spare === spare) this.#spare = undefined;
    });
  }

  /** The spare, waiting for it if need be. Rejects, having left nothing behind, if it cannot be made. */
  take(): Promise<Spare> {
    const spare = this.#spare ?? this.#make();
    this.#spare = undefined;
    return spare;
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
    const spare = renamed.then(() => this.#refill(sparePath));
    this.#spare = spare;
    spare.catch(() => {
      if (this.#spare === spare) this.#spare = undefined;
    });
    await renamed;
  }

  /** Waits for what is under way and closes it. */
  async close(): Promise<void> {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined) return;
    const [made] = await Promise.allSettled([spare]);
    if (made.status === 'fulfilled') await made.value.file.close();
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

  async #refill(path: string): Promise<Spare> {
    return this.#fill(await this.#disk.open(path), path);
  }

  async #fill(file: DiskFile, path: string): Promise<Spare> {
    try {
      if ((await file.sizeBytes()) > this.#segmentBytes) await file.truncate(this.#segmentBytes);
      await fillWithZeros(file, 0, this.#segmentBytes);
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
