/** The real disk: node:fs. */

import {
  close,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  mkdir,
  open,
  read,
  readdir,
  rename,
  stat,
  unlink,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Bytes } from '../base/index.ts';
import { type Disk, type DiskFile, errorCode } from './disk.ts';

// On plain file descriptors: of the ways to call them this has the least on top of the system call (design: 20 us of 120).
const closeFile = promisify(close);
const dataSync = promisify(fdatasync);
const fileSync = promisify(fsync);
const fileStat = promisify(fstat);
const truncateFile = promisify(ftruncate);
const makeOneDirectory = promisify(mkdir);
const fileStatus = promisify(stat);
const openFile = promisify(open);
const readFile = promisify(read);
const readDirectory = promisify(readdir);
const renameFile = promisify(rename);
const removeFile = promisify(unlink);

const OWNER_ONLY = 0o600;
const DIRECTORY_OWNER_ONLY = 0o700;
/** One system call reads at most 2 GiB; and a thread of the pool should not be away for long. */
const READ_BYTES_MAX = 8 * 1024 * 1024;

class NodeFile implements DiskFile {
  readonly #fd: number;
  readonly #syncs: boolean;

  constructor(fd: number, syncs: boolean) {
    this.#fd = fd;
    this.#syncs = syncs;
  }

  write(bytes: Bytes, position: number): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at, position + at);
  }

  async read(into: Bytes, position: number): Promise<number> {
    let at = 0;
    while (at < into.length) {
      const length = Math.min(into.length - at, READ_BYTES_MAX);
      const { bytesRead } = await readFile(this.#fd, into, at, length, position + at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return at;
  }

  sync(): Promise<void> {
    return this.#syncs ? dataSync(this.#fd) : Promise.resolve();
  }

  truncate(sizeBytes: number): Promise<void> {
    return truncateFile(this.#fd, sizeBytes);
  }

  async sizeBytes(): Promise<number> {
    return (await fileStat(this.#fd)).size;
  }

  close(): Promise<void> {
    return closeFile(this.#fd);
  }
}

export class NodeDisk implements Disk {
  readonly #syncs: boolean;

  /** `syncs` false (--unsafe-no-fsync): nothing is ever made durable; a power failure takes what it likes. */
  constructor(options: { readonly syncs: boolean } = { syncs: true }) {
    this.#syncs = options.syncs;
  }

  async create(path: string): Promise<DiskFile> {
    return new NodeFile(await openFile(path, 'wx+', OWNER_ONLY), this.#syncs);
  }

  async open(path: string): Promise<DiskFile> {
    return new NodeFile(await openFile(path, 'r+'), this.#syncs);
  }

  rename(from: string, to: string): Promise<void> {
    return renameFile(from, to);
  }

  remove(path: string): Promise<void> {
    return removeFile(path);
  }

  async list(directory: string): Promise<readonly string[]> {
    return (await readDirectory(directory)).sort();
  }

  async makeDirectory(directory: string): Promise<void> {
    const path = resolve(directory);
    const first = await this.#makeAll(path);
    if (first === undefined) return;
    // Each new name is an entry of the directory above it.
    for (let made = path; made.length >= first.length; made = dirname(made)) await this.syncDirectory(dirname(made));
  }

  /**
   * Returns the first that had to be made. Not Node's own (`recursive`): where nothing can be made, below /proc say, a directory that is there
   * is said to be missing, and Node tries for ever.
   */
  async #makeAll(path: string): Promise<string | undefined> {
    try {
      await makeOneDirectory(path, { mode: DIRECTORY_OWNER_ONLY });
      return path;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EEXIST' && (await fileStatus(path)).isDirectory()) return undefined;
      if (code !== 'ENOENT') throw error;
    }
    const parent = dirname(path);
    const first = await this.#makeAll(parent);
    try {
      await makeOneDirectory(path, { mode: DIRECTORY_OWNER_ONLY });
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EEXIST') return first;
      if (code !== 'ENOENT') throw error;
      throw Object.assign(new Error(`no directory can be made in ${parent}`, { cause: error }), { code: 'EACCES' });
    }
    return first ?? path;
  }

  async syncDirectory(directory: string): Promise<void> {
    const fd = await openFile(directory, 'r');
    try {
      await fileSync(fd);
    } finally {
      await closeFile(fd);
    }
  }
}
