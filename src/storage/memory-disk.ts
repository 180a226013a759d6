/**
 * The disk's twin in memory, which does at will what a real one does once in years.
 *
 * A file is what every process sees of it (`current`), what the platter holds (`durable`), and the writes that lie between
 * the two. `crash` decides for each file what becomes of those: lost, kept, kept up to some byte, or any 512-byte sectors of
 * them. It does the same with names whose directory was not synced: any of the creations, renames and removals may be undone.
 *
 *     write a, write b, sync, write c, crash  ->  a b, and of c nothing, all, a beginning, or some sectors
 */

import { assert, type Bytes, below, type Prng, pick } from '../base/index.ts';
import type { Disk, DiskFile } from './disk.ts';

const SECTOR_BYTES = 512;

class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: string;

  constructor(code: string, what: string) {
    super(`${code}: ${what}`);
    this.code = code;
  }
}

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Bytes }
  | { readonly kind: 'truncate'; readonly sizeBytes: number };

function changeLength(change: Change): number {
  return change.kind === 'write' ? change.bytes.length : 1;
}

type Fate = 'lost' | 'kept' | 'beginning' | 'sectors';

/** Bytes that grow. */
class Content {
  bytes: Bytes = new Uint8Array(0);

  apply(change: Change): void {
    const sizeBytes = change.kind === 'write' ? change.position + change.bytes.length : change.sizeBytes;
    if (sizeBytes > this.bytes.length || (change.kind === 'truncate' && sizeBytes < this.bytes.length)) {
      const resized = new Uint8Array(sizeBytes);
      resized.set(this.bytes.subarray(0, sizeBytes));
      this.bytes = resized;
    }
    if (change.kind === 'write') this.bytes.set(change.bytes, change.position);
  }
}

class Inode {
  readonly current = new Content();
  readonly durable = new Content();
  unsynced: Change[] = [];

  change(change: Change): void {
    this.current.apply(change);
    this.unsynced.push(change);
  }

  synced(changes: readonly Change[]): void {
    for (const change of changes) this.durable.apply(change);
    this.unsynced = this.unsynced.filter((change) => !changes.includes(change));
  }

  /** They are seen as long as the power stays, and will never be on the platter. */
  dropped(changes: readonly Change[]): void {
    this.unsynced = this.unsynced.filter((change) => !changes.includes(change));
  }

  crash(prng: Prng): void {
    const fate = pick<Fate>(prng, ['lost', 'kept', 'beginning', 'sectors']);
    if (fate === 'kept') for (const change of this.unsynced) this.durable.apply(change);
    if (fate === 'beginning') this.#keepBeginning(prng);
    if (fate === 'sectors') this.#keepSectors(prng);
    this.unsynced = [];
    this.current.bytes = this.durable.bytes.slice();
  }

  #keepBeginning(prng: Prng): void {
    const total = this.unsynced.reduce((sum, change) => sum + changeLength(change), 0);
    let left = below(prng, total + 1);
    for (const change of this.unsynced) {
      if (left === 0) return;
      if (change.kind === 'truncate') this.durable.apply(change);
      else this.durable.apply({ ...change, bytes: change.bytes.subarray(0, left) });
      left -= Math.min(left, changeLength(change));
    }
  }

  #keepSectors(prng: Prng): void {
    for (const change of this.unsynced) {
      if (change.kind === 'truncate') {
        if (below(prng, 2) === 0) this.durable.apply(change);
        continue;
      }
      const { position, bytes } = change;
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES));
        if (below(prng, 2) === 0) {
          this.durable.apply({ kind: 'write', position: position + at, bytes: bytes.subarray(at, end) });
        }
        at = end;
      }
    }
  }
}

type NameChange =
  | { readonly kind: 'create'; readonly name: string; readonly inode: Inode }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly name: string };

type Names = Map<string, Inode>;

function applyName(names: Names, change: NameChange): void {
  if (change.kind === 'create') names.set(change.name, change.inode);
  else if (change.kind === 'remove') names.delete(change.name);
  else {
    const inode = names.get(change.from);
    if (inode === undefined) return;
    names.delete(change.from);
    names.set(change.to, inode);
  }
}

class Directory {
  current: Names = new Map();
  durable: Names = new Map();
  unsynced: NameChange[] = [];

  change(change: NameChange): void {
    applyName(this.current, change);
    this.unsynced.push(change);
  }

  sync(): void {
    this.durable = new Map(this.current);
    this.unsynced = [];
  }

  crash(prng: Prng): void {
    for (const change of this.unsynced) if (below(prng, 2) === 0) applyName(this.durable, change);
    this.unsynced = [];
    this.current = new Map(this.durable);
    for (const inode of new Set(this.current.values())) inode.crash(prng);
  }
}

/** Faults that a test arms; each but `freeBytes` strikes once. */
interface Faults {
  freeBytes: number;
  writeFailsAfterBytes: number | undefined;
  syncFails: boolean;
  syncGate: Promise<void> | undefined;
}

export class MemoryDisk implements Disk {
  readonly #directories = new Map<string, Directory>();
  readonly #faults: Faults = {
    freeBytes: Number.POSITIVE_INFINITY,
    writeFailsAfterBytes: undefined,
    syncFails: false,
    syncGate: undefined,
  };
  #hasCrashed = false;
  syncCount = 0;

  // ---- What a test does to it ----

  /** The power goes: this disk and its files fail from now on. Returns the disk as the next life finds it. */
  crash(prng: Prng): MemoryDisk {
    this.#hasCrashed = true;
    const next = new MemoryDisk();
    next.#faults.freeBytes = this.#faults.freeBytes;
    for (const [path, directory] of this.#directories) {
      directory.crash(prng);
      next.#directories.set(path, directory);
    }
    this.#directories.clear();
    return next;
  }

  /** The process is killed: this disk and its files fail from now on. Returns the disk with all that the kernel has, synced or not. */
  kill(): MemoryDisk {
    this.#hasCrashed = true;
    const next = new MemoryDisk();
    next.#faults.freeBytes = this.#faults.freeBytes;
    for (const [path, directory] of this.#directories) next.#directories.set(path, directory);
    this.#directories.clear();
    return next;
  }

  /** From now on files can grow by so many bytes in all. */
  setFreeBytes(freeBytes: number): void {
    this.#faults.freeBytes = freeBytes;
  }

  /** The next write throws ENOSPC after so many of its bytes, wherever it goes: a file system that copies on write. */
  failNextWrite(afterBytes: number): void {
    this.#faults.writeFailsAfterBytes = afterBytes;
  }

  /** The next sync of a file rejects with EIO. As on Linux, what it was to write is not written by a later one either. */
  failNextSync(): void {
    this.#faults.syncFails = true;
  }

  /** Syncs of files that begin from now on wait until the returned function is called. */
  holdSyncs(): () => void {
    let open: (() => void) | undefined;
    this.#faults.syncGate = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      this.#faults.syncGate = undefined;
      open?.();
    };
  }

  /** The bytes of a file, durable or not, to look at and to damage. */
  bytesOf(path: string): Bytes {
    return this.#inode(path).current.bytes;
  }

  /** An independent disk with the same files, all of them durable. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk();
    for (const [path, directory] of this.#directories) {
      const into = new Directory();
      copy.#directories.set(path, into);
      for (const [name, inode] of directory.current) {
        const twin = new Inode();
        twin.current.bytes = inode.current.bytes.slice();
        twin.durable.bytes = inode.current.bytes.slice();
        into.current.set(name, twin);
      }
      into.sync();
    }
    return copy;
  }

  // ---- The port ----

  async create(path: string): Promise<DiskFile> {
    const { directory, name } = this.#place(path);
    if (directory.current.has(name)) throw new DiskError('EEXIST', path);
    const inode = new Inode();
    directory.change({ kind: 'create', name, inode });
    return this.#file(inode);
  }

  async open(path: string): Promise<DiskFile> {
    return this.#file(this.#inode(path));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#inode(from);
    const source = this.#place(from);
    const target = this.#place(to);
    assert(source.directory === target.directory, 'a file keeps its directory');
    source.directory.change({ kind: 'rename', from: source.name, to: target.name });
  }

  async remove(path: string): Promise<void> {
    this.#faults.freeBytes += this.#inode(path).current.bytes.length;
    const { directory, name } = this.#place(path);
    directory.change({ kind: 'remove', name });
  }

  async list(directory: string): Promise<readonly string[]> {
    return [...this.#directory(directory).current.keys()].sort();
  }

  async makeDirectory(directory: string): Promise<void> {
    this.#checkPower();
    if (!this.#directories.has(directory)) this.#directories.set(directory, new Directory());
  }

  async syncDirectory(directory: string): Promise<void> {
    await Promise.resolve();
    this.#directory(directory).sync();
  }

  #checkPower(): void {
    if (this.#hasCrashed) throw new DiskError('EIO', 'the disk has crashed');
  }

  #directory(path: string): Directory {
    this.#checkPower();
    const directory = this.#directories.get(path);
    if (directory === undefined) throw new DiskError('ENOENT', path);
    return directory;
  }

  #place(path: string): { directory: Directory; name: string } {
    const slash = path.lastIndexOf('/');
    return { directory: this.#directory(path.slice(0, slash)), name: path.slice(slash + 1) };
  }

  #inode(path: string): Inode {
    const { directory, name } = this.#place(path);
    const inode = directory.current.get(name);
    if (inode === undefined) throw new DiskError('ENOENT', path);
    return inode;
  }

  #file(inode: Inode): DiskFile {
    let open = true;
    const check = (): void => {
      this.#checkPower();
      if (!open) throw new DiskError('EBADF', 'the file is closed');
    };
    return {
      write: (bytes, position) => {
        check();
        this.#write(inode, bytes, position);
      },
      read: async (into, position) => {
        check();
        const read = inode.current.bytes.subarray(position, position + into.length);
        into.set(read);
        return read.length;
      },
      sync: async () => {
        check();
        await this.#sync(inode, check);
      },
      truncate: async (sizeBytes) => {
        check();
        this.#allocate(sizeBytes - inode.current.bytes.length);
        inode.change({ kind: 'truncate', sizeBytes });
      },
      sizeBytes: async () => {
        check();
        return inode.current.bytes.length;
      },
      close: async () => {
        check();
        open = false;
      },
    };
  }

  #write(inode: Inode, bytes: Bytes, position: number): void {
    const faults = this.#faults;
    const room = Math.max(0, inode.current.bytes.length - position) + Math.max(0, faults.freeBytes);
    const fitting = Math.min(bytes.length, room, faults.writeFailsAfterBytes ?? bytes.length);
    const failed = fitting < bytes.length || faults.writeFailsAfterBytes !== undefined;
    faults.writeFailsAfterBytes = undefined;
    if (fitting > 0) {
      this.#allocate(position + fitting - inode.current.bytes.length);
      inode.change({ kind: 'write', position, bytes: new Uint8Array(bytes.subarray(0, fitting)) });
    }
    if (failed) throw new DiskError('ENOSPC', 'no space left on device');
  }

  #allocate(bytes: number): void {
    if (bytes > this.#faults.freeBytes) throw new DiskError('ENOSPC', 'no space left on device');
    this.#faults.freeBytes -= bytes > 0 ? bytes : 0;
  }

  async #sync(inode: Inode, check: () => void): Promise<void> {
    this.syncCount++;
    const changes = inode.unsynced.slice();
    const fails = this.#faults.syncFails;
    this.#faults.syncFails = false;
    await (this.#faults.syncGate ?? Promise.resolve());
    check();
    if (fails) {
      inode.dropped(changes);
      throw new DiskError('EIO', 'input/output error');
    }
    inode.synced(changes);
  }
}
