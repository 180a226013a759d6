/**
 * What the log needs of a file system. A port: NodeDisk is the real one, MemoryDisk a twin that can crash, fail and run full.
 *
 * Two things are durable only when asked for, and the port keeps them apart because file systems do:
 *
 *     bytes in a file         file.sync()
 *     a name in a directory   disk.syncDirectory(directory), after create, rename and remove
 *
 * Until then a crash may keep all of it, none of it, or any sectors and any names of it.
 *
 * Errors are thrown (or rejected with) as Node does, with a `code`: ENOENT, EEXIST, ENOSPC, EACCES, EIO.
 */

import type { Bytes } from '../base/index.ts';

export interface DiskFile {
  /**
   * Writes all of `bytes` at `position`, growing the file if need be. Synchronous: into the page cache it takes a few
   * microseconds, a quarter of what handing it to another thread costs. May have written a part of it when it throws.
   */
  write(bytes: Bytes, position: number): void;
  /** Fills `into` from `position` on. Resolves with the number of bytes read, which is less only at the end of the file. */
  read(into: Bytes, position: number): Promise<number>;
  /** Makes bytes and size durable as they were when it was called. After a failure nothing is known of them, and never will be. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}

export interface Disk {
  /** Makes a file that is not there yet, for reading and writing, owner only. */
  create(path: string): Promise<DiskFile>;
  /** Opens a file that is there, for reading and writing. */
  open(path: string): Promise<DiskFile>;
  /** Gives a file another name in its directory; a file that had that name is gone. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** The names in a directory, sorted. */
  list(directory: string): Promise<readonly string[]>;
  /** Makes a directory, and those above it, unless they are there; durable when it resolves. Owner only. */
  makeDirectory(directory: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
}

/** The `code` of an error of the file system (or of LevelDB); undefined if it has none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether an error says that there is no room (left for us). */
export function isOutOfSpace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
