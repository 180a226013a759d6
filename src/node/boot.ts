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

import { type Clock, type Failpoints, type Logger, type Prng, present, RequestError } from '../base/index.ts';
import {
  decodeConfiguration,
  type Entry,
  raftEntry,
  raftHardState,
  raftId,
  storedEntry,
  storedHardState,
} from '../codec/index.ts';
import { type ClusterMember, CONFIGURATION_STATE, encodeMembershipChange, type Membership } from '../machine/index.ts';
import type { OutgoingSnapshot, PeerAddress, PeerReceiver, PeerTransport } from '../peer/index.ts';
import {
  bootstrapped,
  EMPTY_CONFIGURATION,
  LIMITS_DEFAULT,
  Raft,
  type Entry as RaftEntry,
  type Stored,
} from '../raft/index.ts';
import type { DataDirectory, Wal } from '../storage/index.ts';
import { WatchableStore } from '../watch/index.ts';
import { AppliedState } from './applied-state.ts';
import type { StoredPart } from './disk-space.ts';
import { aloneFrom } from './force-new-cluster.ts';
import { MemberRemovedError } from './member-removed.ts';
import { Node, type NodeIdentity, type NodeObserver, type NodeSettings } from './node.ts';
import { RaftLog } from './raft-log.ts';

/** The members' network as one of them sees it. */
export interface PeerNetwork {
  readonly transport: PeerTransport;
  close(): Promise<void>;
}

/** What the network asks of the member. */
export interface PeerEnd extends PeerReceiver {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  members(): readonly ClusterMember[];
  /** The whole state, for a member that has lost its own. */
  state(): Promise<OutgoingSnapshot>;
}

/** Who hears of disks. */
export interface DiskTrouble {
  /** The store cannot be written any more. */
  storeFailed(error: Error): void;
  /** The disk below the log, or below the store, is full, or no more. */
  spaceChanged(of: StoredPart, isShort: boolean): void;
}

export interface BootOptions {
  /** Its ids are those of a member that starts for the first time. One that has a log takes them from there. */
  readonly identity: NodeIdentity;
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: NodeObserver;
  /** Opens log and store, which tell `hears` of disks that fail or fill up. */
  readonly open: (hears: DiskTrouble) => Promise<DataDirectory>;
  readonly firstProposalId: number;
  /** The members of a cluster that begins, the same on each of them; none if this member joins one that runs. */
  readonly firstMembers: readonly ClusterMember[];
  /** Whom this member can reach before its own log tells. */
  readonly peers: readonly PeerAddress[];
  readonly network: (end: PeerEnd) => Promise<PeerNetwork>;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly catchUpEntries: number;
  /** Lets the first election begin sooner (--initial-election-tick-advance). */
  readonly fastForward: boolean;
  /** Goes on alone, the others being lost (--force-new-cluster). */
  readonly forceNewCluster?: boolean;
  readonly prng: Prng;
  readonly fatal: (error: Error) => void;
  readonly failpoints?: Failpoints | undefined;
}

/** A running member, and how to end it. */
export interface BootedNode {
  readonly node: Node;
  readonly wal: Wal;
  /** Resolves when the member has caught up with a leader and is known to it by name. Never, if there is no leader. */
  readonly ready: Promise<void>;
  /** Ends what is under way, then closes log and store. */
  stop(): Promise<void>;
}

/** Proposals and reads are held for a leader as long as two elections may take. */
const LEADERLESS_ELECTIONS = 2;

/** Rejects with an error that says what is wrong, where, and what to do; then nothing is left open. */
export async function boot(options: BootOptions): Promise<BootedNode> {
  const { clock, logger } = options;
  let node: Node | undefined;
  const directory = await options.open({
    storeFailed: (error) => node?.storeFailed(error),
    spaceChanged: (of, isShort) => node?.spaceChanged(of, isShort),
  });
  const { backend, wal, metadata, cut } = directory;
  if (cut !== undefined) {
    logger.warn('cut a torn write off the end of the write-ahead log; it had never been acknowledged', { ...cut });
  }
  let network: PeerNetwork | undefined;
  try {
    const state = await AppliedState.load(backend, clock);
    logger.info('restored the store', {
      'current-revision': state.currentRevision,
      'applied-index': backend.applied.index,
      'log-ends-at': wal.lastIndex,
    });
    checkIdentity(state.machine.membership, metadata.nodeId, options.identity.name);
    let found = await stored(directory, options);
    if (options.forceNewCluster === true) {
      const { membership } = state.machine;
      found = await aloneFrom(found, { id: metadata.nodeId, membership, applied: backend.applied.index }, wal);
      logger.warn('going on alone: all others are removed from the cluster', { 'member-id': metadata.nodeId });
    }
    network = await options.network({
      clusterId: metadata.clusterId,
      memberId: metadata.nodeId,
      members: () => state.machine.membership.list(),
      state: () => state.backend.snapshot(),
      receive: (message) => node?.receive(message),
      met: (peer) => node?.peers.met(peer),
      receiveSnapshot: (message, chunks) =>
        node?.receiveSnapshot(message, chunks) ?? Promise.reject(new Error('the member is starting')),
      answer: (question) => node?.answer(question) ?? Promise.reject(new RequestError('noLeader')),
    });
    const running = new Node({
      ...options,
      identity: { ...options.identity, clusterId: metadata.clusterId, memberId: metadata.nodeId },
      directory,
      state,
      watchable: new WatchableStore(state, clock, { failpoints: options.failpoints }),
      transport: network.transport,
    });
    running.logged(found.entries);
    const log = startRaft(running, found, {
      ...options,
      wal,
      transport: network.transport,
      applied: backend.applied.index,
    });
    running.start(log);
    node = running;
    return { node, wal, ready: running.publish(), stop: () => stop(running, log, state, network) };
  } catch (error) {
    await network?.close();
    await wal.close();
    await backend.close();
    throw error;
  }
}

/** Whether this is data that the member may go on with. */
function checkIdentity(membership: Membership, id: bigint, name: string): void {
  if (membership.wasRemoved(id)) throw new MemberRemovedError(id);
  const own = membership.get(id)?.name ?? '';
  const other = membership.list().find((member) => member.name === name && member.id !== id);
  // A member may be given a new name, but hardly that of another.
  if (own === '' || own === name || other === undefined) return;
  throw new Error(
    `the data directory is that of member ${own} (${raftId(id)}), but --name=${name} is member ${raftId(other.id)}: ` +
      'start each member with its own data directory',
  );
}

interface RaftParts extends BootOptions {
  readonly wal: Wal;
  readonly transport: PeerTransport;
  readonly applied: number;
}

function startRaft(owner: Node, found: Stored, parts: RaftParts): RaftLog {
  const { clock, electionTicks, tickMs } = parts;
  const raft = new Raft({
    id: raftId(owner.memberId),
    limits: { ...LIMITS_DEFAULT, electionTicks },
    prng: parts.prng,
    stored: found,
    applied: parts.applied,
  });
  // One tick is left for a leader that may be there already to speak up.
  if (parts.fastForward) raft.fastForward(electionTicks - 1);
  const log = new RaftLog({
    clock,
    raft,
    wal: parts.wal,
    transport: parts.transport,
    owner,
    tickMs,
    catchUpEntries: parts.catchUpEntries,
    leaderlessMs: electionTicks * tickMs * LEADERLESS_ELECTIONS,
    failpoints: parts.failpoints,
  });
  // Whoever is alone need not wait for others.
  const { voters } = raft.status().configuration;
  if (voters.length === 1 && voters[0] === raft.id) log.campaign();
  return log;
}

/** Where Raft goes on from: the log as it was found, or the first entry of a new cluster, which every first member writes alike. */
async function stored(directory: DataDirectory, options: BootOptions): Promise<Stored> {
  const { hardState, entries, snapshotMark, wal } = directory;
  if (options.firstMembers.length > 0 && isUnbegun(directory, options.identity)) {
    const added = options.firstMembers;
    const first = bootstrapped(
      added.map(({ id }) => raftId(id)),
      encodeMembershipChange({ proposal: 0, added, removed: [] }),
    );
    await wal.append(first.entries.map(storedEntry), storedHardState(first.hardState));
    return first;
  }
  if (directory.installedAhead) return await beginBehindSnapshot(directory);
  const { index, term, confState } = snapshotMark;
  const configuration = confState.length === 0 ? EMPTY_CONFIGURATION : decodeConfiguration(confState);
  const { term: currentTerm, vote, commit } = raftHardState(hardState);
  // The commit index on disk may be behind: it is written along with other things only. What was applied was committed.
  const known = { term: currentTerm, vote, commit: Math.max(commit, directory.backend.applied.index) };
  return { hardState: known, snapshot: { index, term, configuration }, entries: entries.map(kept) };
}

/**
 * Whether a first member has its first entry yet to write: its log is new, or an earlier start ended between making it and having that entry on
 * disk. Without a term it has promised nothing to anybody.
 */
function isUnbegun({ backend, hardState, metadata, snapshotMark }: DataDirectory, own: NodeIdentity): boolean {
  const isOfThisCluster = metadata.clusterId === own.clusterId && metadata.nodeId === own.memberId;
  return isOfThisCluster && hardState.term === 0 && snapshotMark.index === 0 && backend.applied.index === 0;
}

/** The entry in bytes of its own: what was read is a view of a whole file. */
function kept(entry: Entry): RaftEntry {
  return raftEntry({ ...entry, data: Uint8Array.from(entry.data) });
}

/** A crash came after the state was replaced by a snapshot and before the log was told: it is told now. */
async function beginBehindSnapshot({ backend, hardState, wal }: DataDirectory): Promise<Stored> {
  const { index, term } = backend.applied;
  const confState = present(backend.getState(CONFIGURATION_STATE), 'the configuration in a snapshot');
  await wal.resetTo({ index, term, confState });
  const { term: currentTerm, vote } = raftHardState(hardState);
  const snapshot = { index, term, configuration: decodeConfiguration(confState) };
  return {
    hardState: { term: Math.max(currentTerm, term), vote: currentTerm < term ? undefined : vote, commit: index },
    snapshot,
    entries: [],
  };
}

async function stop(node: Node, log: RaftLog, state: AppliedState, network: PeerNetwork | undefined): Promise<void> {
  await node.stop();
  await network?.close();
  await log.close();
  await state.backend.close();
}
