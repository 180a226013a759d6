/**
 * The metrics of a member, as tables: what we call the number, what etcd calls it, what it means. Names, types and buckets are
 * etcd's to the letter (also where Prometheus's own rules would have them otherwise: gauges that end in _total), for dashboards
 * and alerts are written for them.
 *
 * A metric is here when something in this member feeds it. Zeros are given only for what cannot have happened.
 */

import type { Family } from './metric-registry.ts';

interface Reading extends Family {
  readonly type: 'counter' | 'gauge';
}

interface Distribution extends Family {
  readonly buckets: readonly number[];
}

const counter = (name: string, help: string): Reading => ({ type: 'counter', name, help });
const gauge = (name: string, help: string): Reading => ({ type: 'gauge', name, help });

/** `count` bounds from `start` on, each `factor` times the one before. */
const exponential = (start: number, factor: number, count: number): number[] =>
  Array.from({ length: count }, (_, exponent) => start * factor ** exponent);

/** What other parts keep, asked for at each scrape. */
export interface Live {
  readonly hasLeader: boolean;
  readonly isLeader: boolean;
  readonly isLearner: boolean;
  readonly leaderChanges: number;
  readonly proposalsCommitted: number;
  readonly proposalsApplied: number;
  readonly proposalsPending: number;
  /** Whether a snapshot of the leader's is taking the place of the store. */
  readonly applyingSnapshot: boolean;
  readonly defragmenting: boolean;
  readonly quotaBytes: number;
  readonly currentRevision: number;
  readonly compactRevision: number;
  readonly authRevision: number;
  readonly keys: number;
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  /** Reads of the backend that are under way: open iterators and snapshots. */
  readonly openReads: number;
  readonly watchStreams: number;
  readonly watchers: number;
  /** Unsynced ones and victims. */
  readonly slowWatchers: number;
  /** Events in batches that were given to a stream and that its send loop has not taken yet. */
  readonly pendingEvents: number;
}

export const LIVE: Readonly<Record<keyof Live, Reading>> = {
  hasLeader: gauge('etcd_server_has_leader', '1 if this member knows a leader, else 0.'),
  isLeader: gauge('etcd_server_is_leader', '1 if this member leads, else 0.'),
  isLearner: gauge('etcd_server_is_learner', '1 if this member is a learner, else 0.'),
  leaderChanges: counter('etcd_server_leader_changes_seen_total', 'Changes of leader that this member has seen.'),
  proposalsCommitted: gauge('etcd_server_proposals_committed_total', 'Index of the last committed entry.'),
  proposalsApplied: gauge('etcd_server_proposals_applied_total', 'Index of the last applied entry.'),
  proposalsPending: gauge('etcd_server_proposals_pending', 'Proposals that wait to be committed and applied.'),
  applyingSnapshot: gauge(
    'etcd_server_snapshot_apply_in_progress_total',
    "1 while a snapshot of the leader's takes the place of the store, else 0.",
  ),
  defragmenting: gauge('etcd_disk_defrag_inflight', '1 while the store is being defragmented, else 0.'),
  quotaBytes: gauge('etcd_server_quota_backend_bytes', 'Size at which the store takes no more writes.'),
  currentRevision: gauge('etcd_debugging_mvcc_current_revision', 'Revision of the store.'),
  compactRevision: gauge('etcd_debugging_mvcc_compact_revision', 'Revision of the last compaction.'),
  authRevision: gauge('etcd_debugging_auth_revision', 'Revision of the auth store.'),
  keys: gauge('etcd_debugging_mvcc_keys_total', 'Keys in the index.'),
  sizeBytes: gauge('etcd_mvcc_db_total_size_in_bytes', 'Size of the store on disk.'),
  sizeInUseBytes: gauge('etcd_mvcc_db_total_size_in_use_in_bytes', 'Size of what the store holds on disk.'),
  openReads: gauge('etcd_mvcc_db_open_read_transactions', 'Reads of the store that are under way.'),
  watchStreams: gauge('etcd_debugging_mvcc_watch_stream_total', 'Open watch streams.'),
  watchers: gauge('etcd_debugging_mvcc_watcher_total', 'Watchers on all streams.'),
  slowWatchers: gauge('etcd_debugging_mvcc_slow_watcher_total', 'Watchers that are behind the store.'),
  pendingEvents: gauge('etcd_debugging_mvcc_pending_events_total', 'Events that wait in the streams to be sent.'),
};

/** What is counted as it happens, in plain numbers: `metrics.counts.puts += 1`. */
export interface Counts {
  puts: number;
  deletes: number;
  ranges: number;
  txns: number;
  /** Keys and values of all puts. */
  putBytes: number;
  events: number;
  compactedKeys: number;
  /** Seconds since 1970; 0 before the first. */
  compactionLast: number;
  walBytes: number;
  proposalsFailed: number;
  slowApplies: number;
  slowReadIndexes: number;
  readIndexesFailed: number;
  heartbeatSendFailures: number;
  clientReceivedBytes: number;
  clientSentBytes: number;
  healthSuccesses: number;
  healthFailures: number;
  leasesGranted: number;
  leasesRevoked: number;
  leasesRenewed: number;
  leasesExpired: number;
}

export const COUNTS: Readonly<Record<keyof Counts, Reading>> = {
  puts: counter('etcd_mvcc_put_total', 'Puts that this member has applied.'),
  deletes: counter('etcd_mvcc_delete_total', 'Deletes that this member has applied.'),
  ranges: counter('etcd_mvcc_range_total', 'Ranges that this member has read.'),
  txns: counter('etcd_mvcc_txn_total', 'Transactions that this member has applied.'),
  putBytes: gauge('etcd_debugging_mvcc_total_put_size_in_bytes', 'Bytes of keys and values in all puts.'),
  events: counter('etcd_debugging_mvcc_events_total', 'Events handed to watch streams.'),
  compactedKeys: counter('etcd_debugging_mvcc_db_compaction_keys_total', 'Revisions of keys removed by compaction.'),
  compactionLast: gauge('etcd_debugging_mvcc_db_compaction_last', 'Unix time of the last compaction since the start.'),
  walBytes: gauge('etcd_disk_wal_write_bytes_total', 'Bytes written to the log.'),
  proposalsFailed: counter('etcd_server_proposals_failed_total', 'Proposals that failed.'),
  slowApplies: counter('etcd_server_slow_apply_total', 'Entries that took longer to apply than they should.'),
  slowReadIndexes: counter(
    'etcd_server_slow_read_indexes_total',
    'Linearizable reads that waited too long for their index.',
  ),
  readIndexesFailed: counter('etcd_server_read_indexes_failed_total', 'Linearizable reads that got no index.'),
  heartbeatSendFailures: counter('etcd_server_heartbeat_send_failures_total', 'Heartbeats that a leader sent late.'),
  clientReceivedBytes: counter('etcd_network_client_grpc_received_bytes_total', 'Bytes received from clients.'),
  clientSentBytes: counter('etcd_network_client_grpc_sent_bytes_total', 'Bytes sent to clients.'),
  healthSuccesses: counter('etcd_server_health_success', 'Answers of /health that said healthy.'),
  healthFailures: counter('etcd_server_health_failures', 'Answers of /health that said unhealthy.'),
  leasesGranted: counter('etcd_debugging_lease_granted_total', 'Leases granted.'),
  leasesRevoked: counter('etcd_debugging_lease_revoked_total', 'Leases revoked, at their end or before.'),
  leasesRenewed: counter('etcd_debugging_lease_renewed_total', 'Renewals of leases by this member as the leader.'),
  leasesExpired: counter(
    'etcd_debugging_server_lease_expired_total',
    'Leases that this member as the leader has ended.',
  ),
};

const MS_TO_16_S = exponential(0.001, 2, 14);

/** What is measured as it happens, by names that end with the unit. */
export type Measurement =
  | 'walSyncSeconds'
  | 'walWriteSeconds'
  | 'backendCommitSeconds'
  | 'backendSnapshotSeconds'
  | 'snapshotSaveSeconds'
  | 'hashSeconds'
  | 'hashRevisionSeconds'
  | 'compactionPauseMs'
  | 'compactionMs'
  | 'indexCompactionPauseMs'
  | 'watchControlSeconds'
  | 'watchProgressSeconds'
  | 'watchEventsSeconds'
  | 'watchPerEventSeconds'
  | 'eventLoopDelaySeconds'
  | 'leaseTtlSeconds';

export const DISTRIBUTIONS: Readonly<Record<Measurement, Distribution>> = {
  leaseTtlSeconds: {
    name: 'etcd_debugging_lease_ttl_total',
    help: 'TTLs of the leases granted, in seconds.',
    buckets: exponential(1, 2, 24),
  },
  walSyncSeconds: {
    name: 'etcd_disk_wal_fsync_duration_seconds',
    help: 'Time to bring the log to the disk.',
    buckets: MS_TO_16_S,
  },
  walWriteSeconds: {
    name: 'etcd_disk_wal_write_duration_seconds',
    help: 'Time to write to the log, without the sync.',
    buckets: MS_TO_16_S,
  },
  backendCommitSeconds: {
    name: 'etcd_disk_backend_commit_duration_seconds',
    help: 'Time to commit a batch to the store.',
    buckets: MS_TO_16_S,
  },
  backendSnapshotSeconds: {
    name: 'etcd_disk_backend_snapshot_duration_seconds',
    help: 'Time that a snapshot of the store was open, to be sent or saved.',
    buckets: exponential(0.01, 2, 17),
  },
  snapshotSaveSeconds: {
    name: 'etcd_snap_db_save_total_duration_seconds',
    help: 'Time to receive a snapshot of the leader and bring it to the disk.',
    buckets: exponential(0.1, 2, 10),
  },
  hashSeconds: {
    name: 'etcd_mvcc_hash_duration_seconds',
    help: 'Time to hash the store.',
    buckets: exponential(0.01, 2, 15),
  },
  hashRevisionSeconds: {
    name: 'etcd_mvcc_hash_rev_duration_seconds',
    help: 'Time to hash the store as of a revision.',
    buckets: exponential(0.01, 2, 15),
  },
  compactionPauseMs: {
    name: 'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds',
    help: 'Time that one step of a compaction kept the store.',
    buckets: exponential(1, 2, 13),
  },
  compactionMs: {
    name: 'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds',
    help: 'Time from the start of a compaction to its end.',
    buckets: exponential(100, 2, 14),
  },
  indexCompactionPauseMs: {
    name: 'etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds',
    help: 'Time that one step of compacting the index kept it.',
    buckets: exponential(0.5, 2, 14),
  },
  watchControlSeconds: {
    name: 'etcd_debugging_server_watch_send_loop_control_stream_duration_seconds',
    help: 'Time to send a control response on a watch stream.',
    buckets: MS_TO_16_S,
  },
  watchProgressSeconds: {
    name: 'etcd_debugging_server_watch_send_loop_progress_duration_seconds',
    help: 'Time to send the progress notifications of a watch stream.',
    buckets: MS_TO_16_S,
  },
  watchEventsSeconds: {
    name: 'etcd_debugging_server_watch_send_loop_watch_stream_duration_seconds',
    help: 'Time to send a watch response, all its events.',
    buckets: MS_TO_16_S,
  },
  watchPerEventSeconds: {
    name: 'etcd_debugging_server_watch_send_loop_watch_stream_duration_per_event_seconds',
    help: 'Time to send a watch response, divided by its events.',
    buckets: MS_TO_16_S,
  },
  eventLoopDelaySeconds: {
    name: 'watchraft_event_loop_delay_seconds',
    help: 'How long the event loop was held: how late a timer fires, less what the thread waited for a processor.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
  },
};

/** etcd's feature gates, with their stage there, and whether this member does what they stand for. There are no switches: it is so, or not. */
export const FEATURES: readonly (readonly [name: string, stage: 'ALPHA' | 'BETA', isEnabled: boolean])[] = [
  ['CompactHashCheck', 'ALPHA', false],
  ['FastLeaseKeepAlive', 'BETA', true],
  ['InitialCorruptCheck', 'ALPHA', false],
  ['LeaseCheckpoint', 'ALPHA', true],
  ['LeaseCheckpointPersist', 'ALPHA', true],
  ['PriorityRequest', 'ALPHA', false],
  ['SetMemberLocalAddr', 'ALPHA', false],
  ['StopGRPCServiceOnDefrag', 'ALPHA', false],
  ['TxnModeWriteWithSharedBuffer', 'BETA', false],
];

/** Distributions under labels. */
export const LABELLED: Readonly<Record<'apply' | 'range' | 'request', Distribution>> = {
  apply: {
    name: 'etcd_server_apply_duration_seconds',
    help: 'Time to apply an entry.',
    buckets: exponential(0.0001, 2, 20),
  },
  range: {
    name: 'etcd_server_range_duration_seconds',
    help: 'Time to read a range from the store.',
    buckets: exponential(0.0001, 2, 20),
  },
  request: {
    name: 'etcd_server_request_duration_seconds',
    help: 'Time to answer a request, by its kind.',
    buckets: MS_TO_16_S,
  },
};
