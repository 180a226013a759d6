/**
 * One member: the cores (store, machine, watchable store) and what drives them (log, applier, reader, compactor, checkpointer).
 *
 *     propose -> Proposer -> ReplicatedLog -> Applier -> Machine -> Store -> WatchableStore
 *     range   -> Reader ---> ReplicatedLog (how far?) -> Applier (that far?) -> Store
 *
 * It is a Member to the services above. boot.ts opens one.
 */

import type { AuthStore } from '../auth/index.ts';
import { type Bytes, type Clock, type Failpoints, type Logger, RequestError, SeededPrng } from '../base/index.ts';
import { encodeAlarm, encodeCompaction, encodeMemberAttributes } from '../codec/index.ts';
import { costBytes, type MachineRequest } from '../machine/index.ts';
import type { RangeOperation, RangeResult, Store, TxnOperation, TxnResult } from '../mvcc/index.ts';
import { RateLimitedLog } from '../ops/index.ts';
import type { PeerAddress, PeerTransport } from '../peer/index.ts';
import type { Entry, Message, MessageOf, SnapshotMark, SoftState } from '../raft/index.ts';
import { BackendDamagedError, BackendFailedError, type DataDirectory, type StateSnapshot } from '../storage/index.ts';
import type { WatchableStore } from '../watch/index.ts';
import type { AppliedState } from './applied-state.ts';
import { Applier } from './applier.ts';
import { AutoCompaction, type AutoCompactionMode } from './auto-compaction.ts';
import { Checkpointer } from './checkpointer.ts';
import { Compactor } from './compactor.ts';
import { DiskSpace, type StoredPart } from './disk-space.ts';
import { Identification } from './identification.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { LogOwner, ReplicatedLog, TakenSnapshot } from './log.ts';
import { machineRequest } from './machine-request.ts';
import type { ClusterMember, HashAt, Member, MemberStatus, Outcome, Proposal } from './member.ts';
import { MemberRemovedError } from './member-removed.ts';
import { MembershipChanges } from './membership-changes.ts';
import { PeersKnown } from './peers-known.ts';
import { Proposer } from './proposer.ts';
import type { RaftLog } from './raft-log.ts';
import { Reader } from './reader.ts';
import { SnapshotInstall } from './snapshot-install.ts';
import { nextTurn, SLICE_MS } from './turn.ts';

/** What a member is told of itself. */
export interface NodeIdentity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

export interface NodeSettings {
  /** 0 for none. */
  readonly quotaBytes: number;
  readonly proposalTimeoutMs: number;
  readonly checkpointEntries: number;
  readonly compactionBatchKeysMax: number;
  readonly compactionPauseMs: number;
  readonly applyWarningMs: number;
  readonly autoCompaction: AutoCompactionMode | undefined;
  readonly learnersMax: number;
  readonly strictReconfigCheck: boolean;
  /** How long handing over leadership may take. */
  readonly transferMs: number;
  /** How long a simple token is good without being used. */
  readonly authTokenTtlMs: number;
}

/** What the node tells of its work as it goes. */
export interface NodeObserver {
  applied(request: MachineRequest, seconds: number, ok: boolean): void;
  slowApply(): void;
  compactionStepped(milliseconds: number): void;
  compacted(revision: number, milliseconds: number): void;
  ranged(seconds: number, ok: boolean): void;
  hashed(seconds: number): void;
  snapshotSaved(seconds: number): void;
}

export interface NodeParts {
  readonly identity: NodeIdentity;
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: NodeObserver;
  readonly directory: Pick<DataDirectory, 'stageSnapshot' | 'removeReplaced'>;
  readonly state: AppliedState;
  readonly watchable: WatchableStore;
  readonly transport: PeerTransport;
  /** Whom this member can reach before its own log tells. */
  readonly peers: readonly PeerAddress[];
  readonly firstProposalId: number;
  /** Of Raft. */
  readonly electionTicks: number;
  readonly tickMs: number;
  /** The member cannot go on: whoever runs the process ends it. */
  readonly fatal: (error: Error) => void;
  readonly failpoints?: Failpoints | undefined;
}

/** Slow applies told of in the log. */
const SLOW_APPLIES_PER_SECOND_MAX = 10;

/** Between two attempts to find a leader. */
const PUBLISH_RETRY_MS = 100;

/** Rows hashed between looks at the clock. */
const HASH_STEP_ROWS = 256;

/** What may change who the peers are. */
const MEMBERSHIP_KINDS: ReadonlySet<MachineRequest['kind']> = new Set(['configuration', 'memberUpdate']);

/** Alarms are few; this one is asked for once until it is seen. */
const NOSPACE_ALARM = 'nospace';

export class Node implements Member, LogOwner {
  readonly #parts: NodeParts;
  readonly #proposer: Proposer;
  readonly #applier: Applier;
  readonly #compactor: Compactor;
  readonly #checkpointer: Checkpointer;
  readonly peers: PeersKnown;
  readonly #install: SnapshotInstall;
  #log: RaftLog | undefined;
  #changes: MembershipChanges | undefined;
  #reader: Reader | undefined;
  #autoCompaction: AutoCompaction | undefined;
  #leases: LeaseKeeper | undefined;
  readonly #slowApplies: RateLimitedLog;
  readonly identification: Identification;
  #alarmAsked = false;
  readonly #space: DiskSpace;
  #leader: string | undefined;
  #leaderChanges = 0;
  /** As the membership has it; looked up when that changes, for every call asks. */
  #isLearner = false;
  #stopped = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    const { clock, failpoints, settings, state, watchable } = parts;
    this.#space = new DiskSpace(parts.logger);
    this.#slowApplies = new RateLimitedLog(clock, parts.logger, SLOW_APPLIES_PER_SECOND_MAX);
    this.identification = new Identification(clock, settings.authTokenTtlMs, () => this.auth);
    this.peers = new PeersKnown(parts, () => state.machine.membership);
    this.#install = new SnapshotInstall({
      clock,
      logger: parts.logger,
      directory: parts.directory,
      state,
      step: async (message) => await this.#log?.receiveSnapshot(message),
      replaced: (mark) => this.#stateReplaced(mark),
      openReads: () => this.openReads,
      saved: (seconds) => parts.observer.snapshotSaved(seconds),
      failpoints,
    });
    this.#proposer = new Proposer({ clock, timeoutMs: settings.proposalTimeoutMs, firstId: parts.firstProposalId });
    this.#compactor = new Compactor({
      clock,
      batchKeysMax: settings.compactionBatchKeysMax,
      pauseMs: settings.compactionPauseMs,
      commit: () => this.#applier.commit(),
      stepped: (milliseconds) => parts.observer.compactionStepped(milliseconds),
      finished: (revision, milliseconds) => this.#compacted(revision, milliseconds),
      failed: (error) => this.failed(error),
      failpoints,
    });
    this.#applier = new Applier({
      clock,
      state,
      watchers: watchable,
      proposals: this.#proposer,
      compact: (job) => this.#compactor.run(job),
      observe: (request, seconds, ok) => this.#observe(request, seconds, ok),
      advanced: (index) => {
        this.#log?.applied(index);
        this.#leases?.advanced(this.#applier.term);
      },
      failed: (error) => this.failed(error),
      failpoints,
    });
    this.#checkpointer = new Checkpointer({
      everyEntries: settings.checkpointEntries,
      appliedIndex: state.backend.applied.index,
      checkpoint: () => state.backend.checkpoint(),
      release: async (stored) => await this.#log?.release(stored),
      done: (index) => parts.logger.info('saved snapshot', { 'snapshot-index': index }),
      failed: (error) => this.storeFailed(error),
    });
  }

  /** Begins to take proposals. The log hands what is committed to committed(). */
  start(log: RaftLog): void {
    const { clock, identity, settings, state, watchable } = this.#parts;
    this.#log = log;
    this.#changes = new MembershipChanges({
      clock,
      membership: () => state.machine.membership,
      proposer: this.#proposer,
      readIndex: () => this.readIndex(),
      log,
      isConnected: (id) => this.#parts.transport.isConnected(id),
      memberId: identity.memberId,
      clusterId: identity.clusterId,
      learnersMax: settings.learnersMax,
      strict: settings.strictReconfigCheck,
      transferMs: settings.transferMs,
      failpoints: this.#parts.failpoints,
    });
    this.#reader = new Reader({
      clock,
      log,
      applier: this.#applier,
      state: this.#parts.state,
      observe: (seconds, ok) => this.#parts.observer.ranged(seconds, ok),
    });
    this.#leases = this.#leaseKeeper(log, this.#reader);
    this.#proposer.start(log);
    watchable.start();
    this.#membershipChanged();
    this.#removePending();
    if (settings.autoCompaction !== undefined) this.#startAutoCompaction(settings.autoCompaction, log);
  }

  /** Ends what is under way. The caller has ended the streams and closes log and backend afterwards. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#changes?.handOver();
    this.#autoCompaction?.stop();
    this.#leases?.stop();
    this.#compactor.stop();
    this.#reader?.stop();
    this.#proposer.stop();
    this.#parts.watchable.stop();
    this.identification.tokens.forgetAll();
    await this.#checkpointer.settled();
  }

  // ---- LogOwner ----

  committed(entries: readonly Entry[]): void {
    this.#applier.committed(entries);
  }

  logged(entries: readonly Entry[]): void {
    if (entries.some(({ kind }) => kind === 'configuration')) this.peers.logged(entries);
  }

  async takeSnapshot(): Promise<TakenSnapshot> {
    const snapshot = await this.snapshot();
    return { position: snapshot.applied, snapshot };
  }

  async installSnapshot(mark: SnapshotMark): Promise<void> {
    await this.#install.install(mark);
  }

  /** A snapshot comes from the leader. Rejects if it cannot be taken. */
  receiveSnapshot(message: MessageOf<'installSnapshot'>, chunks: AsyncIterable<Bytes>): Promise<void> {
    return this.#install.receive(message, chunks);
  }

  snapshotNotSent(to: string, error: Error): void {
    this.#parts.logger.warn('could not send a snapshot; the log tries again', { to, error });
  }

  leadershipChanged({ role, term, leader }: SoftState): void {
    if (leader !== undefined && leader !== this.#leader) this.#leaderChanges++;
    this.#leader = leader;
    this.#parts.logger.info('leadership changed', { role, 'raft-term': term, leader: leader ?? 'none' });
  }

  failed(error: Error): void {
    this.#proposer.stop();
    this.#parts.fatal(error);
  }

  /** The disk below the log or the store is full, or no more: writes are refused, definitely, while it is. Reads go on. */
  spaceChanged(of: StoredPart, isShort: boolean): void {
    this.#proposer.shortOfSpace = this.#space.changed(of, isShort);
  }

  /** The store cannot be written any more: writes are refused, reads go on. What is logged and not stored comes back at the next start. */
  storeFailed(error: Error): void {
    if (error instanceof BackendDamagedError) return this.failed(error);
    // A checkpoint found the disk full. The next one is due with the next entry.
    if (error instanceof BackendFailedError && error.isOutOfSpace) return undefined;
    this.#proposer.refuse('logFailed');
    this.#parts.logger.error('the store cannot be written: writes are refused until the member is restarted', {
      error: error.message,
      remedy:
        'free space or mend the disk below the data directory, then restart the member; nothing acknowledged is lost',
    });
    return undefined;
  }

  // ---- Member ----

  get clusterId(): bigint {
    return this.#parts.identity.clusterId;
  }

  get memberId(): bigint {
    return this.#parts.identity.memberId;
  }

  get store(): Store {
    return this.#parts.state.store;
  }

  get auth(): AuthStore {
    return this.#parts.state.machine.auth;
  }

  get watchable(): WatchableStore {
    return this.#parts.watchable;
  }

  get revision(): number {
    return this.store.currentRevision;
  }

  get term(): number {
    return this.#log?.term ?? this.#applier.term;
  }

  get leader(): bigint {
    return this.#log?.leader ?? 0n;
  }

  get isLearner(): boolean {
    return this.#isLearner;
  }

  get isLeader(): boolean {
    return this.#log?.isLeader ?? false;
  }

  /** Leaders this member has seen come. */
  get leaderChanges(): number {
    return this.#leaderChanges;
  }

  /** Ranges being read at the moment. */
  get openReads(): number {
    return this.#reader?.open ?? 0;
  }

  /** Whether another member's state, which is here, is taking the place of this one's. */
  get isApplyingSnapshot(): boolean {
    return this.#install.isApplying;
  }

  get proposalsPending(): number {
    return this.#proposer.pending;
  }

  get proposalsFailed(): number {
    return this.#proposer.failed;
  }

  /** A message has come from another member. */
  receive(message: Message): void {
    this.#log?.receive(message);
  }

  /**
   * Catches up with the leader, and says by which name and at which URLs clients find this member, unless the cluster knows already.
   * Tries for as long as it takes to find a leader. Resolves also when the member is stopped.
   */
  async publish(): Promise<void> {
    const { memberId: id, name, clientUrls } = this.#parts.identity;
    const request = encodeMemberAttributes({ kind: 'memberAttributes', id, name, clientUrls });
    while (!this.#stopped) {
      try {
        await this.readIndex();
        const known = this.#parts.state.machine.membership.get(id);
        if (known?.name === name && known.clientUrls.join() === clientUrls.join()) return;
        await this.#parts.failpoints?.reach('beforePublishing');
        await this.#proposer.propose({ kind: 'memberAttributes', request });
        await this.#proposer.propose({ kind: 'memberAttributes', request, by: 'member' });
        return;
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        this.#parts.logger.info('waiting for a leader', { reason: error.message });
        await new Promise<void>((resolve) => void this.#parts.clock.after(PUBLISH_RETRY_MS, resolve));
      }
    }
  }

  propose(proposal: Proposal): Promise<Outcome> {
    if (this.#overQuota(proposal)) {
      this.#raiseNoSpace();
      return Promise.reject(new RequestError('noSpace'));
    }
    return this.#proposer.propose(proposal);
  }

  async readIndex(): Promise<void> {
    if (this.#reader === undefined) throw new RequestError('noLeader');
    await this.#reader.readIndex();
  }

  range(operation: RangeOperation): RangeResult | Promise<RangeResult> {
    if (this.#reader === undefined) throw new RequestError('noLeader');
    return this.#reader.range(operation);
  }

  readTxn(operation: TxnOperation): Promise<TxnResult> {
    return Promise.resolve(this.store.readTxn(operation));
  }

  async hashKv(revision: number): Promise<HashAt> {
    const { clock, observer } = this.#parts;
    const started = clock.now();
    const hash = this.store.hashKv(revision);
    try {
      let until = clock.now() + SLICE_MS;
      while (!hash.step(HASH_STEP_ROWS)) {
        if (clock.now() < until) continue;
        await nextTurn(clock);
        until = clock.now() + SLICE_MS;
      }
      observer.hashed((clock.now() - started) / 1000);
      return hash.result();
    } finally {
      hash.close();
    }
  }

  snapshot(): Promise<StateSnapshot> {
    return this.#parts.state.backend.snapshot();
  }

  status(): MemberStatus {
    const { settings, state } = this.#parts;
    const { backend, machine } = state;
    return {
      leader: this.leader,
      term: this.term,
      committedIndex: this.#log?.committedIndex ?? this.#applier.index,
      appliedIndex: this.#applier.index,
      sizeBytes: backend.sizeBytes(),
      sizeInUseBytes: backend.sizeInUseBytes(),
      quotaBytes: settings.quotaBytes,
      isLearner: this.isLearner,
      alarms: machine.alarms(),
    };
  }

  /** Changes of membership, and of leadership. Rejects while the member is not running. */
  get changes(): MembershipChanges {
    if (this.#changes === undefined) throw new RequestError('noLeader');
    return this.#changes;
  }

  /** Rejects while the member is not running. */
  get leases(): LeaseKeeper {
    if (this.#leases === undefined) throw new RequestError('noLeader');
    return this.#leases;
  }

  /** Another member asks. */
  answer(question: Bytes): Promise<Bytes> {
    return this.leases.answer(question);
  }

  members(): readonly ClusterMember[] {
    return this.#parts.state.machine.membership.list();
  }

  // ---- within ----

  #overQuota(proposal: Proposal): boolean {
    const { quotaBytes } = this.#parts.settings;
    if (quotaBytes === 0 || (proposal.kind !== 'put' && proposal.kind !== 'txn')) return false;
    const left = quotaBytes - this.#parts.state.backend.sizeBytes();
    // Decoding only to know the cost is worth it only where the answer may be no.
    if (left > QUOTA_CERTAIN_FACTOR * (proposal.request.length + QUOTA_CERTAIN_BYTES)) return false;
    const cost = costBytes(proposal.asked ?? machineRequest(proposal.kind, proposal.request));
    return cost > 0 && cost >= left;
  }

  #raiseNoSpace(): void {
    if (this.#alarmAsked || this.#parts.state.machine.alarms().some((alarm) => alarm.type === NOSPACE_ALARM)) return;
    this.#alarmAsked = true;
    const request = encodeAlarm({ kind: 'alarm', action: 'activate', memberId: this.memberId, alarm: NOSPACE_ALARM });
    this.#parts.logger.warn('the store has outgrown its quota: raising the NOSPACE alarm', {
      'quota-size-bytes': this.#parts.settings.quotaBytes,
      'size-bytes': this.#parts.state.backend.sizeBytes(),
    });
    void this.#proposeAlarm(request);
  }

  /** Never rejects: the next write that does not fit asks again. */
  async #proposeAlarm(request: Bytes): Promise<void> {
    try {
      await this.#proposer.propose({ kind: 'alarm', request, by: 'member' });
    } catch (error) {
      this.#parts.logger.warn('could not raise the NOSPACE alarm', { error });
    } finally {
      this.#alarmAsked = false;
    }
  }

  #observe(request: MachineRequest, seconds: number, ok: boolean): void {
    const { observer, settings } = this.#parts;
    if (MEMBERSHIP_KINDS.has(request.kind)) this.#membershipChanged();
    this.#leases?.applied(request, ok);
    if (ok) this.identification.applied(request, this.#applier.index);
    observer.applied(request, seconds, ok);
    this.#checkpointer.applied(this.#applier.index);
    if (seconds * 1000 < settings.applyWarningMs) return;
    observer.slowApply();
    this.#slowApplies.warn('apply request took too long', {
      took: `${(seconds * 1000).toFixed(1)}ms`,
      kind: request.kind,
    });
  }

  /** In one step: nobody may see some of the old state and some of the new. */
  #stateReplaced(mark: SnapshotMark): void {
    this.#compactor.abandon();
    this.#applier.replaced(mark);
    this.#checkpointer.replaced(mark.index);
    this.#parts.watchable.restore();
    this.#leases?.replaced();
    this.#membershipChanged();
    this.identification.replaced();
    this.#removePending();
  }

  /** Goes on with a removal that a crash interrupted, here or where the state comes from. */
  #removePending(): void {
    const pending = this.store.pendingCompaction();
    if (pending !== undefined) void this.#compactor.run(pending);
  }

  #leaseKeeper(log: ReplicatedLog, reader: Reader): LeaseKeeper {
    const { clock, electionTicks, firstProposalId, logger, settings, state, tickMs, transport } = this.#parts;
    return new LeaseKeeper({
      clock,
      logger,
      log,
      proposer: this.#proposer,
      reader,
      transport,
      propose: (proposal) => this.propose(proposal),
      // Drawn at random, as lease ids must be.
      prng: new SeededPrng(firstProposalId),
      leases: () => state.machine.leases,
      // etcd's: an election and a half, rounded up.
      ttlSecondsMin: Math.ceil((Math.floor((3 * electionTicks) / 2) * tickMs) / 1000),
      extensionMs: electionTicks * tickMs,
      timeoutMs: settings.proposalTimeoutMs,
      failpoints: this.#parts.failpoints,
    });
  }

  #membershipChanged(): void {
    this.peers.changed();
    const { membership } = this.#parts.state.machine;
    this.#isLearner = membership.get(this.memberId)?.isLearner ?? false;
    if (membership.wasRemoved(this.memberId)) this.#parts.fatal(new MemberRemovedError(this.memberId));
  }

  #compacted(revision: number, milliseconds: number): void {
    this.#parts.observer.compacted(revision, milliseconds);
    this.#parts.logger.info('finished scheduled compaction', {
      'compact-revision': revision,
      took: `${milliseconds.toFixed(1)}ms`,
    });
  }

  #startAutoCompaction(mode: AutoCompactionMode, log: ReplicatedLog): void {
    this.#autoCompaction = new AutoCompaction({
      clock: this.#parts.clock,
      mode,
      currentRevision: () => this.revision,
      isLeader: () => log.isLeader,
      compact: (revision) => void this.#compactTo(revision),
    });
    this.#autoCompaction.start();
  }

  /** Never rejects: the next interval tries again. */
  async #compactTo(revision: number): Promise<void> {
    const { logger } = this.#parts;
    const request = encodeCompaction({ kind: 'compaction', revision, physical: false });
    try {
      const outcome = await this.#proposer.propose({ kind: 'compaction', request, by: 'member' });
      if (outcome.ok) logger.info('completed auto-compaction', { revision });
      else logger.warn('auto-compaction was refused', { revision, reason: outcome.error });
    } catch (error) {
      logger.warn('auto-compaction failed; the next interval tries again', { revision, error });
    }
  }
}

/** A request this much smaller than what is left of the quota certainly fits: a transaction's operations cost 256 bytes each beside their own. */
const QUOTA_CERTAIN_FACTOR = 256;
const QUOTA_CERTAIN_BYTES = 256;
