/**
 * What a member keeps on disk, and the one way to open it.
 *
 *     <data-dir>/member/FORMAT    "watchraft 1": that it is ours, and of which format
 *     <data-dir>/member/db/       the store (LevelDB); or db-<n>, see store-directory.ts
 *     <data-dir>/member/wal/      the write-ahead log
 *
 * The store is opened first. LevelDB locks its directory with fcntl, and the kernel drops that lock with the process, however
 * it ended: so two processes never share a data directory, and no lock of a dead one stands in the way of the next start.
 *
 * Log and store are then held against each other. Entries are applied after they are synced, and the log is marked after the
 * store is durable, so
 *
 *     snapshot mark of the log <= applied index of the store <= last index of the log
 *
 * must hold after any crash. If it does not, something was taken away or put in from elsewhere. One case is different: a crash after
 * the store was replaced by a snapshot and before the log was told. Then the log is behind (or holds other entries, which were
 * never committed, in the same places), and has to begin anew behind the snapshot: `installedAhead`.
 */

import { type Bytes, bytesOf, equalBytes } from '../base/index.ts';
import type { WalMetadata } from '../codec/index.ts';
import { BackendDamagedError, type BackendOptions, DataDirectoryError, type DurableBackend } from './backend.ts';
import { type Disk, errorCode } from './disk.ts';
import type { Tables } from './ordered-table.ts';
import { type StagedSnapshot, StoreDirectory } from './store-directory.ts';
import { type RecoveredWal, Wal, type WalOptions } from './wal.ts';
import { WalDamagedError } from './wal-error.ts';
import { EMPTY_HARD_STATE, EMPTY_SNAPSHOT_MARK, hasWal } from './wal-reader.ts';

const FORMAT = bytesOf('watchraft 1\n');

export interface DataDirectoryOptions {
  readonly disk: Disk;
  /** --data-dir. Made if it is not there. */
  readonly path: string;
  /** --wal-dir, if the log is to be elsewhere. Made if it is not there. */
  readonly walPath?: string | undefined;
  /** For a log that has to be made. One that is there keeps its own. */
  readonly metadata: WalMetadata;
  readonly wal?: WalOptions;
  /** Opening one that another process has open must fail. */
  readonly tables: Tables;
  readonly backend: BackendOptions;
}

export interface DataDirectory extends RecoveredWal {
  readonly backend: DurableBackend;
  /**
   * The store is the state after entry backend.applied, which came with a snapshot that the log does not know of yet. The mark and the
   * entries that were found are worthless; the term and the vote are not. To be followed by wal.resetTo, before anything else is done.
   */
  readonly installedAhead: boolean;
  /**
   * Writes a snapshot from another member beside the store, checks it and opens it. Rejects with SnapshotDamagedError, SnapshotRefusedError,
   * DataDirectoryError (another format), or with what `chunks` or the disk throw; nothing is left of it then. To install it: activate(),
   * wal.resetTo(its position), and only when that is done let anything else be written; then the old backend is closed, and removeReplaced().
   */
  stageSnapshot(chunks: AsyncIterable<Bytes>): Promise<StagedSnapshot>;
  /** Removes the store that was replaced. It must be closed. If it is not called, the next start does it. */
  removeReplaced(): Promise<void>;
}

/** Opens the data directory, or makes it. Rejects with DataDirectoryError, WalDamagedError or BackendDamagedError, and leaves nothing open then. */
export async function openDataDirectory(options: DataDirectoryOptions): Promise<DataDirectory> {
  const { disk, path } = options;
  const walPath = options.walPath ?? `${path}/member/wal`;
  const member = `${path}/member`;
  await writable(path, async () => {
    await disk.makeDirectory(path);
    await disk.makeDirectory(member);
    await checkFormat(disk, member);
    await disk.makeDirectory(walPath);
  });
  const store = await StoreDirectory.find({ disk, tables: options.tables, member, backend: options.backend });
  const backend = await writable(store.path, () => store.open());
  try {
    const log = await openLog(options, walPath, store, backend);
    // Not before: if log and store do not fit, what lies about may be what is needed.
    await store.removeOthers();
    return {
      backend,
      ...log,
      stageSnapshot: (chunks) => store.stage(chunks),
      removeReplaced: () => store.removeOthers(),
    };
  } catch (error) {
    await backend.close();
    throw error;
  }
}

type OpenedLog = RecoveredWal & Pick<DataDirectory, 'installedAhead'>;

async function openLog(
  options: DataDirectoryOptions,
  directory: string,
  store: StoreDirectory,
  backend: DurableBackend,
): Promise<OpenedLog> {
  const { disk, metadata } = options;
  const applied = backend.applied.index;
  if (!(await hasWal(disk, directory))) {
    if (applied > 0) throw new WalDamagedError(directory, 0, `there is no log, but the store holds entry ${applied}`);
    const wal = await writable(directory, () => Wal.create(disk, directory, metadata, options.wal));
    const empty = { hardState: EMPTY_HARD_STATE, snapshotMark: EMPTY_SNAPSHOT_MARK, entries: [], cut: undefined };
    return { wal, metadata, ...empty, installedAhead: false };
  }
  const log = await writable(directory, () => Wal.open(disk, directory, options.wal));
  const { index } = log.snapshotMark;
  // Nothing is applied to such a store before the log has been told.
  const isUntold = store.installed !== undefined && index < store.installed.index;
  if (isUntold && applied === store.installed.index) return { ...log, installedAhead: true };
  if (!isUntold && applied <= log.wal.lastIndex && applied >= index) return { ...log, installedAhead: false };

  await log.wal.close();
  if (applied < Math.max(index, store.installed?.index ?? 0)) {
    const reason = `it ends with entry ${applied}, but ${isUntold ? 'began with' : 'the log begins after'} entry ${isUntold ? store.installed.index : index}`;
    throw new BackendDamagedError(store.path, reason);
  }
  throw new WalDamagedError(
    directory,
    0,
    `it ends with entry ${log.wal.lastIndex}, but the store holds entry ${applied}`,
  );
}

/** Sees to it that the directory is ours, and says so in it if it is new. */
async function checkFormat(disk: Disk, member: string): Promise<void> {
  const names = await disk.list(member);
  if (names.includes('FORMAT')) {
    const file = await disk.open(`${member}/FORMAT`);
    try {
      const bytes = new Uint8Array(FORMAT.length + 1);
      const length = await file.read(bytes, 0);
      if (equalBytes(bytes.subarray(0, length), FORMAT)) return;
    } finally {
      await file.close();
    }
    throw new DataDirectoryError(member, 'the file FORMAT is of another version, or damaged');
  }
  const others = names.filter((name) => name !== 'FORMAT.tmp');
  if (others.length > 0) {
    throw new DataDirectoryError(
      member,
      `it holds ${others.join(', ')}, but not of this program. Give --data-dir another one`,
    );
  }
  // Under another name first: a crash must not leave half of it.
  if (names.includes('FORMAT.tmp')) await disk.remove(`${member}/FORMAT.tmp`);
  const file = await disk.create(`${member}/FORMAT.tmp`);
  file.write(FORMAT, 0);
  await file.sync();
  await file.close();
  await disk.rename(`${member}/FORMAT.tmp`, `${member}/FORMAT`);
  await disk.syncDirectory(member);
}

const ACCESS_CODES = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOSPC', 'EDQUOT']);

/** Runs `work`; what the file system will not let it do becomes a DataDirectoryError. */
async function writable<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || !ACCESS_CODES.has(code)) throw error;
    const text = error instanceof Error ? error.message : code;
    throw new DataDirectoryError(path, `it cannot be written: ${text}`, { cause: error });
  }
}
