/** Where the parts of the member meet its metrics: each part tells in its own words, or is asked at a scrape. */

import { CLUSTER_VERSION, type Clock, type Logger, SERVER_VERSION, Status } from '../base/index.ts';
import type { MachineRequest } from '../machine/index.ts';
import type { BootedNode, NodeIdentity, NodeObserver } from '../node/index.ts';
import { type ApplyOperation, createMetrics, type Metrics, RateLimitedLog, type RequestType } from '../ops/index.ts';
import { METHOD_TABLE, type SentObserver } from '../rpc/index.ts';
import type { BackendOptions, WalOptions } from '../storage/index.ts';
import type { CallObserver } from '../wire/index.ts';

export interface MemberMetrics {
  readonly metrics: Metrics;
  readonly nodeObserver: NodeObserver;
  readonly walObserver: Pick<WalOptions, 'onSync' | 'onWrite'>;
  readonly backendObserver: Pick<BackendOptions, 'onCommit' | 'onSnapshot'>;
  readonly callObserver: CallObserver;
  readonly watchResponsesSent: SentObserver;
  /** From now on, scrapes ask this member. */
  watch(booted: BootedNode): void;
  close(): void;
}

const OPERATIONS: Readonly<Record<MachineRequest['kind'], ApplyOperation>> = {
  put: 'Put',
  deleteRange: 'DeleteRange',
  txn: 'Txn',
  compaction: 'Compaction',
  alarm: 'Alarm',
  configuration: 'Configuration',
  memberAttributes: 'ClusterMemberAttrSet',
  memberUpdate: 'MemberUpdate',
  leaseGrant: 'LeaseGrant',
  leaseRevoke: 'LeaseRevoke',
  leaseCheckpoint: 'LeaseCheckpoint',
  authEnable: 'AuthEnable',
  authDisable: 'AuthDisable',
  authenticate: 'Authenticate',
  authUserAdd: 'AuthUserAdd',
  authUserDelete: 'AuthUserDelete',
  authUserChangePassword: 'AuthUserChangePassword',
  authUserGrantRole: 'AuthUserGrantRole',
  authUserRevokeRole: 'AuthUserRevokeRole',
  authRoleAdd: 'AuthRoleAdd',
  authRoleDelete: 'AuthRoleDelete',
  authRoleGrantPermission: 'AuthRoleGrantPermission',
  authRoleRevokePermission: 'AuthRoleRevokePermission',
};

/** Slow requests told of in the log. */
const SLOW_PER_SECOND_MAX = 10;

/** The requests of KV, as the metrics call them. */
const REQUEST_TYPES: ReadonlyMap<string, RequestType> = new Map([
  ['/etcdserverpb.KV/Range', 'range'],
  ['/etcdserverpb.KV/Put', 'put'],
  ['/etcdserverpb.KV/DeleteRange', 'deleteRange'],
  ['/etcdserverpb.KV/Txn', 'txn'],
  ['/etcdserverpb.KV/Compact', 'compaction'],
]);

export interface MemberMetricsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identity: NodeIdentity;
  readonly extensive: boolean;
  /** Unary requests that take longer are told of in the log. */
  readonly warningMs: number;
}

export function memberMetrics(options: MemberMetricsOptions): MemberMetrics {
  const { clock, identity, extensive } = options;
  let booted: BootedNode | undefined;
  const metrics = createMetrics({
    identity: {
      memberId: identity.memberId,
      serverVersion: SERVER_VERSION,
      clusterVersion: CLUSTER_VERSION.split('.').slice(0, 2).join('.'),
      runtimeVersion: process.version,
    },
    methods: METHOD_TABLE,
    extensive,
    clock,
    live: () => live(booted),
    alarms: () => booted?.node.status().alarms ?? [],
  });
  return {
    metrics,
    nodeObserver: {
      applied: (request, seconds, ok) => {
        metrics.applied(OPERATIONS[request.kind], seconds, ok);
        if (request.kind === 'leaseGrant' && ok) {
          metrics.counts.leasesGranted++;
          metrics.observe.leaseTtlSeconds(request.ttl);
        }
        if (request.kind === 'leaseRevoke' && ok) metrics.counts.leasesRevoked++;
      },
      slowApply: () => {
        metrics.counts.slowApplies++;
      },
      compactionStepped: (milliseconds) => {
        metrics.observe.compactionPauseMs(milliseconds);
        metrics.observe.indexCompactionPauseMs(milliseconds);
      },
      ranged: (seconds, ok) => metrics.rangeEnded(seconds, ok),
      hashed: metrics.observe.hashRevisionSeconds,
      snapshotSaved: metrics.observe.snapshotSaveSeconds,
      compacted: (_revision, milliseconds) => {
        metrics.observe.compactionMs(milliseconds);
        metrics.counts.compactionLast = Math.floor(clock.wall() / 1000);
      },
    },
    walObserver: { onSync: metrics.observe.walSyncSeconds, onWrite: metrics.observe.walWriteSeconds },
    backendObserver: {
      onCommit: metrics.observe.backendCommitSeconds,
      onSnapshot: metrics.observe.backendSnapshotSeconds,
    },
    callObserver: callObserver(metrics, options),
    watchResponsesSent: (kind, seconds, messages, events) => {
      if (kind === 'control') metrics.observe.watchControlSeconds(seconds, messages);
      else if (kind === 'progress') metrics.observe.watchProgressSeconds(seconds, messages);
      else metrics.watchResponsesSent(seconds, messages, events);
    },
    watch: (running) => {
      booted = running;
    },
    close: () => metrics.close(),
  };
}

/** Calls whose nature it is to wait for others. */
const WAITING: ReadonlySet<string> = new Set(['/v3lockpb.Lock/Lock', '/v3electionpb.Election/Campaign']);

function callObserver(metrics: Metrics, { clock, logger, warningMs }: MemberMetricsOptions): CallObserver {
  const slow = new RateLimitedLog(clock, logger, SLOW_PER_SECOND_MAX);
  const { counts } = metrics;
  return (name, kind) => {
    const method = metrics.method(name);
    const request = REQUEST_TYPES.get(name);
    const warned = kind === 'unary' && !WAITING.has(name) ? warningMs : Number.POSITIVE_INFINITY;
    return {
      started: () => {
        if (method !== undefined) method.started++;
      },
      received: (bytes) => {
        if (method !== undefined) method.received++;
        counts.clientReceivedBytes += bytes;
      },
      sent: (bytes) => {
        if (method !== undefined) method.sent++;
        counts.clientSentBytes += bytes;
      },
      handled: (status, seconds) => {
        method?.ended(status, seconds);
        if (request !== undefined) metrics.requestEnded(request, seconds, status === Status.ok);
        if (seconds * 1000 >= warned) {
          slow.warn('request took too long', { method: name, took: `${(seconds * 1000).toFixed(1)}ms` });
        }
      },
    };
  };
}

/** Before the member runs there is nothing to tell. */
const NOTHING_YET = {
  hasLeader: false,
  isLeader: false,
  isLearner: false,
  leaderChanges: 0,
  proposalsCommitted: 0,
  proposalsApplied: 0,
  proposalsPending: 0,
  applyingSnapshot: false,
  defragmenting: false,
  quotaBytes: 0,
  currentRevision: 0,
  compactRevision: 0,
  authRevision: 1,
  keys: 0,
  sizeBytes: 0,
  sizeInUseBytes: 0,
  openReads: 0,
  watchStreams: 0,
  watchers: 0,
  slowWatchers: 0,
  pendingEvents: 0,
} as const;

function live(booted: BootedNode | undefined): ReturnType<Parameters<typeof createMetrics>[0]['live']> {
  if (booted === undefined) return NOTHING_YET;
  const { node, wal } = booted;
  const { store } = node;
  const { counters } = store;
  const { gauges } = node.watchable;
  const status = node.status();
  return {
    hasLeader: status.leader !== 0n,
    isLeader: node.isLeader,
    isLearner: status.isLearner,
    leaderChanges: node.leaderChanges,
    proposalsCommitted: status.committedIndex,
    proposalsApplied: status.appliedIndex,
    proposalsPending: node.proposalsPending,
    proposalsFailed: node.proposalsFailed,
    applyingSnapshot: node.isApplyingSnapshot,
    // Defragment has nothing to do here: it is over as soon as it is asked for.
    defragmenting: false,
    quotaBytes: status.quotaBytes,
    currentRevision: store.currentRevision,
    compactRevision: store.compactRevision,
    authRevision: node.auth.revision,
    keys: store.keys,
    sizeBytes: status.sizeBytes,
    sizeInUseBytes: status.sizeInUseBytes,
    openReads: node.openReads,
    watchStreams: gauges.watchStreams,
    watchers: gauges.watchers,
    slowWatchers: gauges.slowWatchers,
    pendingEvents: gauges.pendingEvents,
    events: gauges.eventsTotal,
    puts: counters.puts,
    deletes: counters.deletes,
    ranges: counters.ranges,
    txns: counters.txns,
    putBytes: counters.putBytes,
    compactedKeys: counters.removedRecords,
    walBytes: wal.bytesWritten,
    leasesRenewed: node.leases.counts.renewed,
    leasesExpired: node.leases.counts.expired,
  };
}
