/**
 * Where in the data directory the store is, and how another one takes its place.
 *
 *     member/db/       the store that the member began with
 *     member/db-3/     the store that came with the third snapshot
 *     member/DB        "db-3 4711 5 91ab02cd": db-3 is in use; it came as the state after entry 4711 of term 5; CRC of the text before.
 *                      No such file: db is in use
 *
 * A snapshot is written into a new directory, beside the store and while that serves. When all of it is there, checked and
 * durable, the name in DB is changed, by renaming another file over it: a crash leaves the old name or the new one, and both
 * name a whole store. LevelDB opens files by their paths, so its directories are never renamed.
 *
 *     stage        db-4 is written      DB says db-3     after a crash: db-3; db-4 is removed
 *     activate                          DB says db-4     after a crash: db-4; db-3 is removed
 *     the log begins anew behind the snapshot (wal.ts, resetTo)
 *     remove       db-3 goes
 *
 * Between the last two of these the log knows nothing of the snapshot yet. The position in DB tells such a store, which is ahead of
 * its log by right, from one whose log has lost its end.
 */

import { type Bytes, bytesOf, crc32c } from '../base/index.ts';
import { BackendDamagedError, type BackendOptions, type DurableBackend, SnapshotRefusedError } from './backend.ts';
import type { Disk } from './disk.ts';
import type { OrderedTable, Tables } from './ordered-table.ts';
import { RecordBackend } from './record-backend.ts';
import { SUMMARY_KEY } from './record-encoding.ts';
import { SnapshotReader } from './snapshot-encoding.ts';

/** Being staged, or staged and neither activated nor discarded. */
export const SNAPSHOTS_STAGED_MAX = 2;

const FIRST = 'db';
const FILE = 'DB';
const FILE_BYTES_MAX = 200;

/** The last entry of a snapshot. */
export interface SnapshotPosition {
  readonly index: number;
  readonly term: number;
}

/** A snapshot that is on disk beside the store, whole. */
export interface StagedSnapshot {
  /** Open: to be read, and to be the member's store once it is activated. */
  readonly backend: DurableBackend;
  /**
   * From now on it is this one that is opened at the start: durable when it resolves. The store in use until now stays open and
   * readable, and must not be written any more. After a rejection nobody knows which one is opened: the member must stop.
   */
  activate(): Promise<void>;
  /** Closes and removes it. Not after activate. */
  discard(): Promise<void>;
}

export interface StoreDirectoryOptions {
  readonly disk: Disk;
  readonly tables: Tables;
  /** <data-dir>/member */
  readonly member: string;
  readonly backend: BackendOptions;
}

export class StoreDirectory {
  readonly #options: StoreDirectoryOptions;
  #name: string;
  #installed: SnapshotPosition | undefined;
  /** Highest number ever seen in a name. */
  #number = 0;
  readonly #staged = new Set<string>();
  #activating: Promise<void> = Promise.resolve();

  private constructor(options: StoreDirectoryOptions, name: string, installed: SnapshotPosition | undefined) {
    this.#options = options;
    this.#name = name;
    this.#installed = installed;
  }

  /** Finds out where the store is. Changes nothing. Rejects with BackendDamagedError. */
  static async find(options: StoreDirectoryOptions): Promise<StoreDirectory> {
    const { disk, tables, member } = options;
    const path = `${member}/${FILE}`;
    const names = (await tables.list(member)).filter((name) => numberOf(name) !== undefined);
    const hasFile = (await disk.list(member)).includes(FILE);
    const inUse = hasFile ? decodeInUse(await readSmall(disk, path)) : undefined;
    if (hasFile && inUse === undefined) throw new BackendDamagedError(path, 'it is not as it was written');
    const name = inUse?.name ?? FIRST;
    // A store that is not there would be made, empty.
    if (!names.includes(name) && (names.length > 0 || inUse !== undefined)) {
      throw new BackendDamagedError(`${member}/${name}`, `it is missing; there is ${names.join(', ') || 'nothing'}`);
    }
    const directory = new StoreDirectory(options, name, inUse?.installed);
    directory.#number = Math.max(0, ...names.map((each) => numberOf(each) ?? 0));
    return directory;
  }

  /** For staging beside a store that is missing or damaged, until the staged one is activated; not to be opened. Changes nothing. */
  static async besideDamaged(options: StoreDirectoryOptions): Promise<StoreDirectory> {
    const directory = new StoreDirectory(options, FIRST, undefined);
    const names = await options.tables.list(options.member);
    directory.#number = Math.max(0, ...names.map((name) => numberOf(name) ?? 0));
    return directory;
  }

  /** Of the store in use. */
  get path(): string {
    return `${this.#options.member}/${this.#name}`;
  }

  /** What the store in use came from, if it came with a snapshot. */
  get installed(): SnapshotPosition | undefined {
    return this.#installed;
  }

  /** Opens the store in use, or makes it. Rejects with DataDirectoryError or BackendDamagedError, and leaves nothing open then. */
  async open(): Promise<DurableBackend> {
    const { disk, backend } = this.#options;
    await disk.makeDirectory(this.path);
    return closedIfBad(await this.#options.tables.open(this.path), (table) => RecordBackend.open(table, backend));
  }

  /**
   * Writes a snapshot into a directory of its own, and opens it. Rejects with SnapshotDamagedError, SnapshotRefusedError,
   * DataDirectoryError (another format), or what `chunks` or the disk throw, and leaves nothing behind then.
   */
  async stage(chunks: AsyncIterable<Bytes>): Promise<StagedSnapshot> {
    if (this.#staged.size >= SNAPSHOTS_STAGED_MAX) {
      throw new SnapshotRefusedError(`${SNAPSHOTS_STAGED_MAX} snapshots are being received already`);
    }
    const { disk, tables, member } = this.#options;
    const name = `${FIRST}-${++this.#number}`;
    const path = `${member}/${name}`;
    this.#staged.add(name);
    try {
      await disk.makeDirectory(path);
      const backend = await closedIfBad(await tables.open(path), (table) => this.#fill(table, chunks, name));
      return {
        backend,
        activate: () => this.#activate(name, backend.applied),
        discard: async () => {
          await backend.close();
          await this.#remove(name);
        },
      };
    } catch (error) {
      // What was wrong first tells more. What cannot be removed now is removed at the next start.
      await Promise.allSettled([this.#remove(name)]);
      throw error;
    }
  }

  /** Removes every store that is neither in use nor staged, such as the one that was replaced, which must be closed. */
  async removeOthers(): Promise<void> {
    const { tables, member } = this.#options;
    for (const name of await tables.list(member)) {
      const isOther = numberOf(name) !== undefined && name !== this.#name && !this.#staged.has(name);
      if (isOther) await tables.remove(`${member}/${name}`);
    }
  }

  async #fill(table: OrderedTable, chunks: AsyncIterable<Bytes>, name: string): Promise<DurableBackend> {
    const reader = new SnapshotReader();
    for await (const chunk of chunks) {
      const batch = table.batch();
      for (const [key, value] of reader.push(chunk)) batch.put(key, value);
      await batch.write();
    }
    const last = table.batch();
    last.put(SUMMARY_KEY, reader.finish());
    await last.write();
    await table.flush();
    // A failure of what is not in use yet is its reader's alone.
    const onFailure = (error: Error): void => {
      if (this.#name === name) this.#options.backend.onFailure(error);
    };
    const onSpaceChange = (isFull: boolean): void => {
      if (this.#name === name) this.#options.backend.onSpaceChange?.(isFull);
    };
    return RecordBackend.open(table, { ...this.#options.backend, onFailure, onSpaceChange });
  }

  /** One after the other; none after one that has failed. */
  #activate(name: string, position: SnapshotPosition): Promise<void> {
    this.#activating = this.#switchTo(this.#activating, name, position);
    return this.#activating;
  }

  async #switchTo(before: Promise<void>, name: string, { index, term }: SnapshotPosition): Promise<void> {
    await before;
    await writeInUse(this.#options.disk, this.#options.member, name, { index, term });
    this.#name = name;
    this.#installed = { index, term };
    this.#staged.delete(name);
  }

  async #remove(name: string): Promise<void> {
    await this.#options.tables.remove(`${this.#options.member}/${name}`);
    this.#staged.delete(name);
  }
}

async function closedIfBad<T>(table: OrderedTable, use: (table: OrderedTable) => Promise<T>): Promise<T> {
  try {
    return await use(table);
  } catch (error) {
    await table.close();
    throw error;
  }
}

/** 0 for db, 3 for db-3, undefined for what is no store. */
function numberOf(name: string): number | undefined {
  const match = /^db(?:-([1-9]\d{0,14}))?$/.exec(name);
  return match === null ? undefined : Number(match[1] ?? 0);
}

function encodeInUse(name: string, { index, term }: SnapshotPosition): Bytes {
  const text = `${name} ${index} ${term} `;
  return bytesOf(`${text}${crc32c(bytesOf(text)).toString(16).padStart(8, '0')}\n`);
}

function decodeInUse(bytes: Bytes): { readonly name: string; readonly installed: SnapshotPosition } | undefined {
  const match = /^((\S+) (\d+) (\d+) )([0-9a-f]{8})\n$/.exec(new TextDecoder('latin1').decode(bytes));
  const [, text = '', name = '', index, term, crc = ''] = match ?? [];
  if (match === null || crc32c(bytesOf(text)) !== Number.parseInt(crc, 16)) return undefined;
  return { name, installed: { index: Number(index), term: Number(term) } };
}

async function readSmall(disk: Disk, path: string): Promise<Bytes> {
  const file = await disk.open(path);
  try {
    const bytes = new Uint8Array(FILE_BYTES_MAX);
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

async function writeInUse(disk: Disk, member: string, name: string, installed: SnapshotPosition): Promise<void> {
  const temporary = `${member}/${FILE}.tmp`;
  if ((await disk.list(member)).includes(`${FILE}.tmp`)) await disk.remove(temporary);
  const file = await disk.create(temporary);
  try {
    file.write(encodeInUse(name, installed), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, `${member}/${FILE}`);
  await disk.syncDirectory(member);
}
