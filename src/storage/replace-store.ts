/**
 * Puts the state of another member in place of a store that is missing or damaged, while the log is whole:
 *
 *     log       mark 100, entries 101..250     its term, its vote and its entries are what others count on: they stay
 *     store     damaged
 *     state     of another member, after entry 240 (applied, so committed)
 *
 *     entry 240 is the same in the log   ->  the log is marked at 240: this member goes on as if it had stored so far
 *     the log does not reach it, or has  ->  it is as after any snapshot from a leader that a crash interrupted: the log begins anew
 *     another entry there                    behind it at the next start (data-directory.ts, installedAhead)
 *
 * A damaged log is another matter: nobody can know what was promised with what is lost, so such a member must leave its cluster.
 */

import type { Bytes } from '../base/index.ts';
import type { WalMetadata } from '../codec/index.ts';
import type { DurableBackend } from './backend.ts';
import type { DataDirectoryOptions } from './data-directory.ts';
import { type SnapshotPosition, type StagedSnapshot, StoreDirectory } from './store-directory.ts';
import { type RecoveredWal, Wal } from './wal.ts';

export interface ReplacementSource {
  /** The whole state of another member of that cluster. */
  readonly fetch: (own: WalMetadata) => AsyncIterable<Bytes>;
  /** Raft's configuration in a state, as the log's mark has it. */
  readonly confState: (state: DurableBackend) => Bytes;
}

/** Nothing may be open. Rejects with WalDamagedError, with what `fetch` throws, or if the state is too old; all is as it was then. */
export async function replaceStore(
  options: DataDirectoryOptions,
  { fetch, confState }: ReplacementSource,
): Promise<SnapshotPosition> {
  const { disk, path, tables, backend } = options;
  const log = await Wal.open(disk, options.walPath ?? `${path}/member/wal`, options.wal);
  try {
    const store = await StoreDirectory.besideDamaged({ disk, tables, member: `${path}/member`, backend });
    const staged = await store.stage(fetch(log.metadata));
    return await install(log, staged, confState);
  } finally {
    await log.wal.close();
  }
}

async function install(
  { wal, snapshotMark, entries }: RecoveredWal,
  staged: StagedSnapshot,
  confState: ReplacementSource['confState'],
): Promise<SnapshotPosition> {
  const { index, term } = staged.backend.applied;
  if (index < snapshotMark.index) {
    await staged.discard();
    throw new Error(`it ends with entry ${index}, but the log here begins after entry ${snapshotMark.index}`);
  }
  // Before the store changes: a crash in between leaves the damaged one, and this is done again.
  const own = entries.find((entry) => entry.index === index);
  if (own?.term === term) await wal.markSnapshot({ index, term, confState: confState(staged.backend) });
  await staged.activate();
  await staged.backend.close();
  return { index, term };
}
