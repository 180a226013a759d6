import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Clock, SimulatedClock, Status } from '../../src/base/index.ts';
import { createMetrics, type Live, type Metrics, type MetricsOptions } from '../../src/ops/index.ts';
import { hasTools } from '../support/tools.ts';

const LIVE: Live = {
  hasLeader: true,
  isLeader: true,
  isLearner: false,
  leaderChanges: 1,
  proposalsCommitted: 12,
  proposalsApplied: 11,
  proposalsPending: 1,
  applyingSnapshot: true,
  defragmenting: false,
  quotaBytes: 2 ** 31,
  currentRevision: 9,
  compactRevision: 3,
  authRevision: 6,
  keys: 4,
  sizeBytes: 5000,
  sizeInUseBytes: 4000,
  openReads: 2,
  watchStreams: 3,
  watchers: 1000,
  slowWatchers: 7,
  pendingEvents: 42,
};

const METHODS = new Map([
  ['/etcdserverpb.KV/Put', { kind: 'unary' as const }],
  ['/etcdserverpb.Watch/Watch', { kind: 'duplex' as const }],
  ['/etcdserverpb.Maintenance/Snapshot', { kind: 'serverStream' as const }],
]);

function create(options: Partial<MetricsOptions> = {}): { metrics: Metrics } {
  const metrics = createMetrics({
    identity: {
      memberId: 0x8e9e05c52164694dn,
      serverVersion: '3.7.1',
      clusterVersion: '3.7',
      runtimeVersion: 'v20.20.2',
    },
    methods: METHODS,
    extensive: false,
    clock: new SimulatedClock(),
    live: () => LIVE,
    alarms: () => [],
    ...options,
  });
  return { metrics };
}

/** The value of each series, by name and labels as printed (labels in order of name). */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const series = new Map<string, number>();
  for (const line of (await metrics.render()).split('\n')) {
    const match = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (line === '' || line.startsWith('#') || match === null) continue;
    const labels = match[2] === undefined ? '' : `{${match[2].split(',').sort().join(',')}}`;
    series.set(`${match[1]}${labels}`, Number(match[3]));
  }
  return series;
}

async function feedAll(metrics: Metrics): Promise<string> {
  for (const name of Object.keys(metrics.counts) as (keyof typeof metrics.counts)[]) metrics.counts[name] += 1;
  for (const observe of Object.values(metrics.observe)) observe(0.01);
  metrics.applied('Put', 0.001, true);
  metrics.rangeEnded(0.001, false);
  metrics.requestEnded('put', 0.001, true);
  metrics.watchResponsesSent(0.5, 1, 10);
  metrics.clientRequest('unary', '3.4');
  metrics.healthChecked('readyz', 'serializable_read', true);
  metrics.method('/etcdserverpb.KV/Put')?.ended(Status.ok, 0.1);
  return metrics.render();
}

test('what is counted, measured and read comes out under the names of etcd', async () => {
  const { metrics } = create();
  metrics.counts.puts += 3;
  metrics.counts.clientSentBytes += 100;
  metrics.observe.walSyncSeconds(0.003);
  metrics.observe.backendSnapshotSeconds(0.02);
  metrics.observe.snapshotSaveSeconds(0.02);
  metrics.applied('Put', 0.0003, true);
  metrics.applied('Txn', 0.5, false);
  metrics.requestEnded('range', 0.003, true);
  const series = await scrape(metrics);
  const expected = {
    etcd_server_has_leader: 1,
    etcd_server_is_learner: 0,
    etcd_server_proposals_committed_total: 12,
    etcd_debugging_mvcc_slow_watcher_total: 7,
    etcd_debugging_mvcc_pending_events_total: 42,
    etcd_debugging_mvcc_watcher_total: 1000,
    etcd_debugging_mvcc_watch_stream_total: 3,
    etcd_server_snapshot_apply_in_progress_total: 1,
    etcd_disk_defrag_inflight: 0,
    'etcd_server_feature_enabled{name="LeaseCheckpoint",stage="ALPHA"}': 1,
    'etcd_server_feature_enabled{name="CompactHashCheck",stage="ALPHA"}': 0,
    'etcd_disk_backend_snapshot_duration_seconds_bucket{le="0.01"}': 0,
    'etcd_disk_backend_snapshot_duration_seconds_bucket{le="655.36"}': 1,
    'etcd_snap_db_save_total_duration_seconds_bucket{le="51.2"}': 1,
    etcd_mvcc_put_total: 3,
    etcd_mvcc_delete_total: 0,
    etcd_network_client_grpc_sent_bytes_total: 100,
    'etcd_server_id{server_id="8e9e05c52164694d"}': 1,
    'etcd_server_version{server_version="3.7.1"}': 1,
    'etcd_server_go_version{server_go_version="v20.20.2"}': 1,
    'etcd_cluster_version{cluster_version="3.7"}': 1,
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"}': 0,
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"}': 1,
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="8.192"}': 1,
    etcd_disk_wal_fsync_duration_seconds_count: 1,
    'etcd_server_apply_duration_seconds_count{op="Put",success="true",version="v3"}': 1,
    'etcd_server_apply_duration_seconds_bucket{le="0.0004",op="Put",success="true",version="v3"}': 1,
    'etcd_server_apply_duration_seconds_bucket{le="52.4288",op="Txn",success="false",version="v3"}': 1,
    'etcd_server_request_duration_seconds_count{success="true",type="range"}': 1,
  };
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, series.get(name)]))).toEqual(expected);
});

test('live numbers are read anew, once, at each scrape; a count kept elsewhere stands instead of ours', async () => {
  let reads = 0;
  const { metrics } = create({ live: () => ({ ...LIVE, currentRevision: 100 + reads++, events: 77 }) });
  metrics.counts.events += 1;
  expect(reads).toBe(0);
  const first = await scrape(metrics);
  const second = await scrape(metrics);
  expect([first, second].map((series) => series.get('etcd_debugging_mvcc_current_revision'))).toEqual([100, 101]);
  expect(first.get('etcd_debugging_mvcc_events_total')).toBe(77);
  expect(second.get('etcd_mvcc_put_total')).toBe(0);
  expect(reads).toBe(2);
});

test('an alarm is there as long as it is raised', async () => {
  let alarms: ReturnType<MetricsOptions['alarms']> = [{ memberId: 0xabcn, type: 'nospace' }];
  const { metrics } = create({ alarms: () => alarms });
  const name = 'etcd_debugging_server_alarms{alarm_type="NOSPACE",server_id="abc"}';
  expect((await scrape(metrics)).get(name)).toBe(1);
  alarms = [];
  expect((await scrape(metrics)).has(name)).toBe(false);
});

test('gRPC counters are 0 for every method and code from the start', async () => {
  const { metrics } = create();
  const before = await scrape(metrics);
  const handled = [...before.keys()].filter((name) => name.startsWith('grpc_server_handled_total'));
  expect(handled).toHaveLength(METHODS.size * 17);
  const watch = 'grpc_method="Watch",grpc_service="etcdserverpb.Watch",grpc_type="bidi_stream"';
  for (const name of ['started', 'msg_received', 'msg_sent'])
    expect(before.get(`grpc_server_${name}_total{${watch}}`)).toBe(0);
  expect(
    before.get(
      'grpc_server_started_total{grpc_method="Snapshot",grpc_service="etcdserverpb.Maintenance",grpc_type="server_stream"}',
    ),
  ).toBe(0);

  const method = metrics.method('/etcdserverpb.Watch/Watch');
  if (method === undefined) throw new Error('no such method');
  method.started += 2;
  method.received += 3;
  method.sent += 5;
  method.ended(Status.canceled, 1);
  method.ended(Status.unauthenticated, 1);
  const after = await scrape(metrics);
  expect(after.get(`grpc_server_started_total{${watch}}`)).toBe(2);
  expect(after.get(`grpc_server_msg_received_total{${watch}}`)).toBe(3);
  expect(after.get(`grpc_server_msg_sent_total{${watch}}`)).toBe(5);
  expect(after.get(`grpc_server_handled_total{grpc_code="Canceled",${watch}}`)).toBe(1);
  expect(after.get(`grpc_server_handled_total{grpc_code="Unauthenticated",${watch}}`)).toBe(1);
  expect(after.get(`grpc_server_handled_total{grpc_code="OK",${watch}}`)).toBe(0);
  expect(metrics.method('/etcdserverpb.KV/Nothing')).toBeUndefined();
});

test('how long calls take is told only when asked for', async () => {
  const handling =
    'grpc_server_handling_seconds_count{grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"}';
  for (const extensive of [false, true]) {
    const { metrics } = create({ extensive });
    metrics.method('/etcdserverpb.KV/Put')?.ended(Status.ok, 0.2);
    expect((await scrape(metrics)).get(handling)).toBe(extensive ? 1 : undefined);
  }
});

test('a progress notification has no time per event', async () => {
  const { metrics } = create();
  metrics.watchResponsesSent(0.25, 1, 0);
  metrics.watchResponsesSent(0.5, 1, 10);
  const series = await scrape(metrics);
  const name = 'etcd_debugging_server_watch_send_loop_watch_stream_duration';
  expect(series.get(`${name}_seconds_count`)).toBe(2);
  expect(series.get(`${name}_per_event_seconds_count`)).toBe(1);
  expect(series.get(`${name}_per_event_seconds_sum`)).toBeCloseTo(0.05, 12);
});

test('clients may say any version, yet the series stay few', async () => {
  const { metrics } = create();
  for (let n = 0; n < 1000; n++) metrics.clientRequest('unary', `0.${n}`);
  metrics.clientRequest('unary', '0.0');
  metrics.clientRequest('stream', undefined);
  const series = await scrape(metrics);
  const requests = [...series.keys()].filter((name) => name.startsWith('etcd_server_client_requests_total'));
  expect(requests.length).toBeLessThan(40);
  expect(series.get('etcd_server_client_requests_total{client_api_version="0.0",type="unary"}')).toBe(2);
  expect(series.get('etcd_server_client_requests_total{client_api_version="other",type="unary"}')).toBe(968);
});

test('checks of health: the last result, and how many of each', async () => {
  const { metrics } = create();
  for (const ok of [true, false, false]) metrics.healthChecked('livez', 'serializable_read', ok);
  const series = await scrape(metrics);
  expect(series.get('etcd_server_healthcheck{name="serializable_read",type="livez"}')).toBe(0);
  expect(series.get('etcd_server_healthchecks_total{name="serializable_read",status="success",type="livez"}')).toBe(1);
  expect(series.get('etcd_server_healthchecks_total{name="serializable_read",status="error",type="livez"}')).toBe(2);
});

test('a held event loop is seen as long as it was held, without what others made it wait', async () => {
  // A clock whose timers fire when the test says: late, that is, like those of a held loop.
  let now = 0;
  let processorWaitMs = 100;
  let fire: (() => void) | undefined;
  const clock: Clock = {
    now: () => now,
    wall: () => now,
    after: (delayMs, then) => {
      expect(delayMs).toBe(5);
      fire = then;
      return { cancel: () => (fire = undefined) };
    },
  };
  const fireAt = (ms: number, waitedMs: number): void => {
    now = ms;
    processorWaitMs += waitedMs;
    fire?.();
  };
  const { metrics } = create({ clock, processorWaitMs: () => processorWaitMs });
  expect(fire).toBeUndefined();
  metrics.watchLoop();
  fireAt(5, 0);
  // 25 ms late, of which it waited for 11, and for 26.
  fireAt(35, 11);
  fireAt(65, 26);
  fireAt(70, 0);
  const series = await scrape(metrics);
  expect(series.get('watchraft_event_loop_delay_seconds_count')).toBe(4);
  expect(series.get('watchraft_event_loop_delay_seconds_sum')).toBeCloseTo(0.014, 12);
  expect(series.get('watchraft_event_loop_delay_seconds_bucket{le="0.01"}')).toBe(3);
  expect(series.get('watchraft_event_loop_delay_seconds_bucket{le="0.02"}')).toBe(4);
  metrics.close();
  expect(fire).toBeUndefined();
});

test('the process is described truthfully', async () => {
  const { metrics } = create();
  const before = await scrape(metrics);
  const descriptors = Array.from({ length: 5 }, () => openSync('/dev/null', 'r'));
  const after = await scrape(metrics);
  for (const descriptor of descriptors) closeSync(descriptor);
  expect(after.get('os_fd_used')).toBe((before.get('os_fd_used') ?? 0) + 5);
  expect(after.get('process_open_fds')).toBe(after.get('os_fd_used'));
  expect(after.get('os_fd_limit')).toBeGreaterThan(after.get('os_fd_used') ?? Number.POSITIVE_INFINITY);
  expect(after.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  expect(after.get('process_virtual_memory_bytes')).toBeGreaterThan(
    after.get('process_resident_memory_bytes') ?? Number.POSITIVE_INFINITY,
  );
  expect(Math.abs((after.get('process_start_time_seconds') ?? 0) - performance.timeOrigin / 1000)).toBeLessThan(1);
});

/** etcd's own names that Prometheus would have otherwise; a name of ours has no place here. */
const COMPLAINTS_OF_ETCD = [
  'etcd_debugging_lease_ttl_total non-counter metrics should not have "_total" suffix',
  'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
  'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
  'etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
  'etcd_debugging_mvcc_keys_total non-counter metrics should not have "_total" suffix',
  'etcd_debugging_mvcc_pending_events_total non-counter metrics should not have "_total" suffix',
  'etcd_debugging_mvcc_slow_watcher_total non-counter metrics should not have "_total" suffix',
  'etcd_debugging_mvcc_watch_stream_total non-counter metrics should not have "_total" suffix',
  'etcd_debugging_mvcc_watcher_total non-counter metrics should not have "_total" suffix',
  'etcd_disk_wal_write_bytes_total non-counter metrics should not have "_total" suffix',
  'etcd_server_health_failures counter metrics should have "_total" suffix',
  'etcd_server_health_success counter metrics should have "_total" suffix',
  'etcd_server_proposals_applied_total non-counter metrics should not have "_total" suffix',
  'etcd_server_proposals_committed_total non-counter metrics should not have "_total" suffix',
  'etcd_server_snapshot_apply_in_progress_total non-counter metrics should not have "_total" suffix',
];

function promtool(text: string): string[] {
  const run = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (run.error !== undefined) throw run.error;
  return (run.stdout + run.stderr).split('\n').filter((line) => line !== '');
}

test.skipIf(!hasTools('promtool'))('promtool complains of nothing but names that are etcd’s', async () => {
  const { metrics } = create({ extensive: true, alarms: () => [{ memberId: 1n, type: 'corrupt' }] });
  expect(promtool(await feedAll(metrics)).sort()).toEqual(COMPLAINTS_OF_ETCD);
  expect(promtool('# HELP x_total a gauge\n# TYPE x_total gauge\nx_total 1\n')).toHaveLength(1);
});
