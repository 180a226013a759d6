/**
 * What a member keeps on disk, and the one way to open it.
 *
 *     <data-dir>/member/FORMAT    "watchraft 1": that it is ours, and of which format
 *     <data-dir>/member/db/       the store (LevelDB)
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
 * must hold after any crash. If it does not, something was taken away or put in from elsewhere.
 */

import { bytesOf, equalBytes } from '../base/index.ts';
import type { WalMetadata } from '../codec/index.ts';
import { BackendDamagedError, DataDirectoryError, type DurableBackend } from './backend.ts';
import { type Disk, errorCode } from './disk.ts';
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
  /** Opens or makes the store in a directory that is there. Must fail if another process has it open. */
  readonly openBackend: (directory: string) => Promise<DurableBackend>;
}

export interface DataDirectory extends RecoveredWal {
  readonly backend: DurableBackend;
  /** Whether there was no log yet. */
  readonly isNew: boolean;
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
    await disk.makeDirectory(`${member}/db`);
    await disk.makeDirectory(walPath);
  });
  const backend = await options.openBackend(`${member}/db`);
  try {
    const log = await openLog(options, walPath, backend);
    return { backend, ...log };
  } catch (error) {
    await backend.close();
    throw error;
  }
}

async function openLog(
  options: DataDirectoryOptions,
  directory: string,
  backend: DurableBackend,
): Promise<Omit<DataDirectory, 'backend'>> {
  const { disk, metadata } = options;
  const applied = backend.applied.index;
  if (!(await hasWal(disk, directory))) {
    if (applied > 0) throw new WalDamagedError(directory, 0, `there is no log, but the store holds entry ${applied}`);
    const wal = await writable(directory, () => Wal.create(disk, directory, metadata, options.wal));
    const empty = { hardState: EMPTY_HARD_STATE, snapshotMark: EMPTY_SNAPSHOT_MARK, entries: [], cut: undefined };
    return { wal, metadata, ...empty, isNew: true };
  }
  const log = await writable(directory, () => Wal.open(disk, directory, options.wal));
  const { index } = log.snapshotMark;
  if (applied <= log.wal.lastIndex && applied >= index) return { ...log, isNew: false };

  await log.wal.close();
  if (applied < index) {
    const reason = `it ends with entry ${applied}, but the log begins after entry ${index}`;
    throw new BackendDamagedError(`${options.path}/member/db`, reason);
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
