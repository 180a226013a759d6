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
  unlink,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Bytes } from '../base/index.ts';
import type { Disk, DiskFile } from './disk.ts';

// On plain file descriptors: of the ways to call them this has the least on top of the system call (design: 20 us of 120).
const closeFile = promisify(close);
const dataSync = promisify(fdatasync);
const fileSync = promisify(fsync);
const fileStat = promisify(fstat);
const truncateFile = promisify(ftruncate);
const makeDirectories = promisify(mkdir);
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
    const first = await makeDirectories(path, { recursive: true, mode: DIRECTORY_OWNER_ONLY });
    if (first === undefined) return;
    // Each new name is an entry of the directory above it.
    for (let made = path; made.length >= first.length; made = dirname(made)) await this.syncDirectory(dirname(made));
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
