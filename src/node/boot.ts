/**
 * Opens a member's data directory and brings the member up to where it was:
 *
 *     log      read: whose it is, the hard state, the entries
 *     store    opened: up to which entry it holds (its applied index); every record read and checked, the index built from them
 *     raft     takes up the log; when a leader has committed in its term, what the store lacks of the log is applied again
 *     ready    once this member has caught up with that leader
 *
 * The store may be behind the log (a crash took its last batches), never ahead of it, and never behind the log's beginning.
 */

import type { Clock, Logger, Prng } from '../base/index.ts';
import { decodeConfiguration, raftEntry, raftHardState, raftId, storedEntry, storedHardState } from '../codec/index.ts';
import { type ClusterMember, encodeMembershipChange } from '../machine/index.ts';
import { NO_PEERS } from '../peer/index.ts';
import { bootstrapped, EMPTY_CONFIGURATION, LIMITS_DEFAULT, Raft, type Stored } from '../raft/index.ts';
import type { DataDirectory, Wal } from '../storage/index.ts';
import { WatchableStore } from '../watch/index.ts';
import { AppliedState } from './applied-state.ts';
import type { ReplicatedLog } from './log.ts';
import { Node, type NodeIdentity, type NodeObserver, type NodeSettings } from './node.ts';
import { RaftLog } from './raft-log.ts';

export interface BootOptions {
  /** Its ids are those of a member that starts for the first time. One that has a log takes them from there. */
  readonly identity: NodeIdentity;
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: NodeObserver;
  /** Opens log and store; `storeFailed` hears of a store that cannot be written any more. */
  readonly open: (storeFailed: (error: Error) => void) => Promise<DataDirectory>;
  readonly firstProposalId: number;
  /** The members of a cluster that begins: the same on each of them. */
  readonly firstMembers: readonly ClusterMember[];
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly catchUpEntries: number;
  readonly prng: Prng;
  readonly fatal: (error: Error) => void;
}

/** A running member, and how to end it. */
export interface BootedNode {
  readonly node: Node;
  readonly wal: Wal;
  /** Ends what is under way, then closes log and store. */
  stop(): Promise<void>;
}

/** Proposals and reads are held for a leader as long as two elections may take. */
const LEADERLESS_ELECTIONS = 2;

/** Rejects with an error that says what is wrong, where, and what to do; then nothing is left open. */
export async function boot(options: BootOptions): Promise<BootedNode> {
  const { clock, logger } = options;
  let node: Node | undefined;
  const directory = await options.open((error) => node?.storeFailed(error));
  const { backend, wal, metadata, cut } = directory;
  if (cut !== undefined) {
    logger.warn('cut a torn write off the end of the write-ahead log; it had never been acknowledged', { ...cut });
  }
  try {
    const state = await AppliedState.load(backend, clock);
    node = new Node({
      identity: { ...options.identity, clusterId: metadata.clusterId, memberId: metadata.nodeId },
      settings: options.settings,
      clock,
      logger,
      observer: options.observer,
      state,
      watchable: new WatchableStore(state, clock),
      firstProposalId: options.firstProposalId,
      fatal: options.fatal,
    });
    const raft = new Raft({
      id: raftId(metadata.nodeId),
      limits: { ...LIMITS_DEFAULT, electionTicks: options.electionTicks },
      prng: options.prng,
      stored: await stored(directory, options),
      applied: backend.applied.index,
    });
    const log = new RaftLog({
      clock,
      raft,
      wal,
      transport: NO_PEERS,
      owner: node,
      tickMs: options.tickMs,
      catchUpEntries: options.catchUpEntries,
      leaderlessMs: options.electionTicks * options.tickMs * LEADERLESS_ELECTIONS,
    });
    node.start(log);
    // Whoever is alone need not wait for others to speak up.
    const { voters } = raft.status().configuration;
    if (voters.length === 1 && voters[0] === raft.id) log.campaign();
    await node.readIndex();
    await node.publish();
    logger.info('restored the store and replayed the log', {
      'current-revision': node.revision,
      'applied-index': node.status().appliedIndex,
      'raft-term': node.term,
    });
    const running = node;
    return { node, wal, stop: () => stop(running, log, state) };
  } catch (error) {
    await wal.close();
    await backend.close();
    throw error;
  }
}

/** Where Raft goes on from: the log as it was found, or the first entry of a new cluster, which every first member writes alike. */
async function stored(directory: DataDirectory, options: BootOptions): Promise<Stored> {
  const { hardState, entries, snapshotMark, wal, isNew } = directory;
  if (!isNew) {
    const { index, term, confState } = snapshotMark;
    const configuration = confState.length === 0 ? EMPTY_CONFIGURATION : decodeConfiguration(confState);
    const { term: currentTerm, vote, commit } = raftHardState(hardState);
    // The commit index on disk may be behind: it is written along with other things only. What was applied was committed.
    const known = { term: currentTerm, vote, commit: Math.max(commit, directory.backend.applied.index) };
    return { hardState: known, snapshot: { index, term, configuration }, entries: entries.map(raftEntry) };
  }
  const added = options.firstMembers;
  const first = bootstrapped(
    added.map(({ id }) => raftId(id)),
    encodeMembershipChange({ proposal: 0, added, removed: [] }),
  );
  await wal.append(first.entries.map(storedEntry), storedHardState(first.hardState));
  return first;
}

async function stop(node: Node, log: ReplicatedLog, state: AppliedState): Promise<void> {
  await node.stop();
  await log.close();
  await state.backend.close();
}
