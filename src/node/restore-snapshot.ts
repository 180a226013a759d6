/**
 * A data directory from a saved snapshot: what a member of a new cluster starts from. Each of its first members is made from the same file with the
 * same words, so all hold the same state after the same entry, and their logs begin behind it.
 *
 *     snapshot    the state after entry 4711; members a, b, c of the old cluster
 *     restored    the same, but the members are those of the new cluster; no log yet: it begins behind entry 4711 when the member starts
 *
 * Clients that watched the old cluster know revisions that the snapshot does not. If the new one used them again for other changes, such a
 * client would miss those. So history can be made to begin anew (`bump`): far enough on, with all before it compacted.
 */

import type { Bytes, Clock } from '../base/index.ts';
import { encodeConfiguration, raftId } from '../codec/index.ts';
import { type ClusterMember, CONFIGURATION_STATE, encodeMembership, MEMBERSHIP_STATE } from '../machine/index.ts';
import { configurationOf } from '../raft/index.ts';
import type { DataDirectory } from '../storage/index.ts';
import { AppliedState } from './applied-state.ts';

export interface RestoreOptions {
  /** New and empty. Closed afterwards. */
  readonly directory: DataDirectory;
  readonly chunks: AsyncIterable<Bytes>;
  readonly members: readonly ClusterMember[];
  /** By how much the revision goes up, everything before being compacted; 0: not at all. */
  readonly bump: number;
  readonly clock: Clock;
}

export interface Restored {
  readonly revision: number;
}

/** Rejects with SnapshotDamagedError, or what the disk throws; the directory is then good for nothing. */
export async function restoreSnapshot(options: RestoreOptions): Promise<Restored> {
  const { directory, chunks, members, bump, clock } = options;
  try {
    const staged = await directory.stageSnapshot(chunks);
    const { backend } = staged;
    const { store } = await AppliedState.load(backend, clock);
    if (bump > 0) store.beginAnew(bump);
    backend.putState(MEMBERSHIP_STATE, encodeMembership({ members, removed: [] }));
    backend.putState(CONFIGURATION_STATE, encodeConfiguration(configurationOf(members.map(({ id }) => raftId(id)))));
    backend.commit(backend.applied);
    await backend.checkpoint();
    await staged.activate();
    await backend.close();
    return { revision: store.currentRevision };
  } finally {
    await directory.wal.close();
    await directory.backend.close();
  }
}
