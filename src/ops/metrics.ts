/**
 * The metrics of a member: what its parts feed, and the text that Prometheus reads.
 *
 *     const metrics = createMetrics({ identity, methods, extensive: false, clock, live: () => ({ ... }), alarms });
 *     metrics.counts.puts += 1;                     counted as it happens
 *     metrics.observe.walSyncSeconds(0.0012);       measured as it happens
 *     await metrics.render();                       everything else is read now, through live()
 *
 * Labels come from small sets only: never a key, a lease or an address, for each value is a series that stays.
 */

import type { AuthKind } from '../auth/index.ts';
import { type Clock, present } from '../base/index.ts';
import { type MethodKind, type MethodMetrics, registerGrpcMetrics } from './grpc-metrics.ts';
import { watchLoopDelay } from './loop-delay.ts';
import {
  COUNTS,
  type Counts,
  DISTRIBUTIONS,
  FEATURES,
  LABELLED,
  LIVE,
  type Live,
  type Measurement,
} from './metric-names.ts';
import { MetricRegistry, type Observe, type Sample } from './metric-registry.ts';
import { type PeerMetrics, registerPeerMetrics } from './peer-metrics.ts';
import { registerProcessMetrics } from './process-metrics.ts';
import { processorWait } from './processor-wait.ts';

export interface MetricsOptions {
  readonly identity: {
    readonly memberId: bigint;
    /** '3.7.1' */
    readonly serverVersion: string;
    /** '3.7' */
    readonly clusterVersion: string;
    /** Of Node. */
    readonly runtimeVersion: string;
  };
  /** Every method served, by full name. */
  readonly methods: Iterable<readonly [string, { readonly kind: MethodKind }]>;
  /** --metrics extensive: also how long each method takes. */
  readonly extensive: boolean;
  readonly clock: Clock;
  /** How long this thread has waited for a processor so far; if not given, the system is asked. */
  readonly processorWaitMs?: () => number;
  /** Called once at each scrape. A count that another part keeps may be given here too; it then stands instead of ours. */
  readonly live: () => Live & Partial<Counts>;
  readonly alarms: () => readonly { readonly memberId: bigint; readonly type: 'nospace' | 'corrupt' }[];
}

export type ApplyOperation =
  | 'Put'
  | 'DeleteRange'
  | 'Txn'
  | 'Compaction'
  | 'Alarm'
  | 'Configuration'
  | 'ClusterMemberAttrSet'
  | 'MemberUpdate'
  | 'LeaseGrant'
  | 'LeaseRevoke'
  | 'LeaseCheckpoint'
  | Capitalize<AuthKind>;
export type RequestType = 'range' | 'put' | 'deleteRange' | 'txn' | 'compaction';

export interface Metrics {
  /** Added to as things happen. */
  readonly counts: Counts;
  /** Takes one measurement each, in the unit of the name. */
  readonly observe: Readonly<Record<Measurement, Observe>>;
  /** Told by the transport between members. */
  readonly peers: PeerMetrics;
  /** The numbers of a method of `methods`, to be kept by whoever serves it. Undefined for an unknown one. */
  readonly method: (name: string) => MethodMetrics | undefined;
  readonly applied: (operation: ApplyOperation, seconds: number, success: boolean) => void;
  readonly rangeEnded: (seconds: number, success: boolean) => void;
  readonly requestEnded: (type: RequestType, seconds: number, success: boolean) => void;
  /** So many watch responses were sent, in so much time each, with so many events in all of them. */
  readonly watchResponsesSent: (seconds: number, responses: number, events: number) => void;
  /** A call came in from a client that says it speaks this version (metadata client-api-version), if it says so. */
  readonly clientRequest: (kind: 'unary' | 'stream', apiVersion: string | undefined) => void;
  /** What a check of /livez or /readyz came to. */
  readonly healthChecked: (type: 'livez' | 'readyz', name: string, success: boolean) => void;
  readonly contentType: string;
  /** The text for Prometheus. */
  readonly render: () => Promise<string>;
  /** From now on it is measured how long the event loop is held. To be called when the member is ready: starting may take its time. */
  readonly watchLoop: () => void;
  /** Stops measuring the event loop. */
  readonly close: () => void;
}

/** Clients say which version they speak; more different answers than this are one. */
const CLIENT_VERSIONS_MAX = 32;

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new MetricRegistry();
  const counts = zeros();
  const refresh = registerReadings(registry, options, counts);
  const observe = registerDistributions(registry);
  const clientRequests = new SampleTable();
  const checks = new SampleTable();
  const checkResults = new SampleTable();
  const applies = registry.histograms(LABELLED.apply, ['version', 'op', 'success'], LABELLED.apply.buckets);
  const apply = byOutcome((operation, success) => applies('v3', operation, success));
  const ranges = registry.histograms(LABELLED.range, ['success'], LABELLED.range.buckets);
  const range = byOutcome((_, success) => ranges(success));
  const request = byOutcome(registry.histograms(LABELLED.request, ['type', 'success'], LABELLED.request.buckets));
  const { client, result, total } = TABLES;
  registry.readings('counter', client, ['type', 'client_api_version'], () => clientRequests.samples());
  registry.readings('gauge', result, ['type', 'name'], () => checkResults.samples());
  registry.readings('counter', total, ['type', 'name', 'status'], () => checks.samples());
  const methods = registerGrpcMetrics(registry, options.methods, options.extensive);
  const peers = registerPeerMetrics(registry, options.identity.memberId.toString(16));
  registerProcessMetrics(registry);
  let stopLoop: (() => void) | undefined;
  return {
    counts,
    observe,
    peers,
    method: (name) => methods.get(name),
    applied: (operation, seconds, success) => apply(operation, success)(seconds),
    rangeEnded: (seconds, success) => range('', success)(seconds),
    requestEnded: (type, seconds, success) => request(type, success)(seconds),
    watchResponsesSent: (seconds, responses, events) => {
      observe.watchEventsSeconds(seconds, responses);
      // The cancellation by a compaction has no events to divide by.
      if (events > 0) observe.watchPerEventSeconds((seconds * responses) / events, responses);
    },
    clientRequest: (kind, apiVersion = 'unknown') => {
      const known = clientRequests.size < CLIENT_VERSIONS_MAX || clientRequests.has(kind, apiVersion);
      clientRequests.add(1, kind, known ? apiVersion : 'other');
    },
    healthChecked: (type, name, success) => {
      checkResults.set(success ? 1 : 0, type, name);
      checks.add(1, type, name, success ? 'success' : 'error');
    },
    contentType: registry.contentType,
    render: () => {
      refresh();
      return registry.render();
    },
    watchLoop: () => {
      stopLoop ??= watchLoopDelay(
        options.clock,
        options.processorWaitMs ?? processorWait(),
        observe.eventLoopDelaySeconds,
      );
    },
    close: () => stopLoop?.(),
  };
}

const TABLES = {
  client: { name: 'etcd_server_client_requests_total', help: 'Calls by the version that the client says it speaks.' },
  result: { name: 'etcd_server_healthcheck', help: '1 if the last run of the check succeeded, else 0.' },
  total: { name: 'etcd_server_healthchecks_total', help: 'Runs of each check, by outcome.' },
  id: { name: 'etcd_server_id', help: '1 for the id of this member.' },
  version: { name: 'etcd_server_version', help: '1 for the version of this server.' },
  runtime: { name: 'etcd_server_go_version', help: '1 for the version of the runtime (here Node).' },
  cluster: { name: 'etcd_cluster_version', help: '1 for the version of the cluster.' },
  features: {
    name: 'etcd_server_feature_enabled',
    help: '1 for each feature gate of etcd that stands for what this member does.',
  },
  alarms: { name: 'etcd_debugging_server_alarms', help: '1 for each alarm that is raised.' },
} as const;

/** Registers what is read at a scrape. Returns what reads it: all numbers of one scrape come from one moment. */
function registerReadings(registry: MetricRegistry, options: MetricsOptions, counts: Counts): () => void {
  const { identity, alarms } = options;
  let readings: (Live & Counts) | undefined;
  for (const [field, { type, ...family }] of Object.entries({ ...LIVE, ...COUNTS })) {
    registry.reading(type, family, () => Number(present(readings, 'readings')[field as keyof (Live & Counts)]));
  }
  const { id, version, runtime, cluster } = TABLES;
  registry.readings('gauge', id, ['server_id'], () => [[[identity.memberId.toString(16)], 1]]);
  registry.readings('gauge', version, ['server_version'], () => [[[identity.serverVersion], 1]]);
  registry.readings('gauge', runtime, ['server_go_version'], () => [[[identity.runtimeVersion], 1]]);
  registry.readings('gauge', cluster, ['cluster_version'], () => [[[identity.clusterVersion], 1]]);
  registry.readings('gauge', TABLES.features, ['name', 'stage'], () =>
    FEATURES.map(([name, stage, isEnabled]): Sample => [[name, stage], Number(isEnabled)]),
  );
  registry.readings('gauge', TABLES.alarms, ['server_id', 'alarm_type'], () =>
    alarms().map(({ memberId, type }): Sample => [[memberId.toString(16), type.toUpperCase()], 1]),
  );
  return () => {
    readings = { ...counts, ...options.live() };
  };
}

function registerDistributions(registry: MetricRegistry): Metrics['observe'] {
  const names = Object.keys(DISTRIBUTIONS) as Measurement[];
  const entries = names.map((name) => [name, registry.histogram(DISTRIBUTIONS[name], DISTRIBUTIONS[name].buckets)]);
  return Object.fromEntries(entries) as Metrics['observe'];
}

function zeros(): Counts {
  return Object.fromEntries(Object.keys(COUNTS).map((name) => [name, 0])) as unknown as Counts;
}

/** Makes each child once, and finds it without making a text. For labels from small sets. */
function byOutcome(make: (label: string, success: string) => Observe): (label: string, success: boolean) => Observe {
  const succeeded = new Map<string, Observe>();
  const failed = new Map<string, Observe>();
  return (label, success) => {
    const children = success ? succeeded : failed;
    let child = children.get(label);
    if (child === undefined) children.set(label, (child = make(label, String(success))));
    return child;
  };
}

/** Numbers under labels. */
class SampleTable {
  readonly #rows = new Map<string, { readonly labels: readonly string[]; value: number }>();

  get size(): number {
    return this.#rows.size;
  }

  has(...labels: string[]): boolean {
    return this.#rows.has(labels.join('\0'));
  }

  add(amount: number, ...labels: string[]): void {
    this.#row(labels).value += amount;
  }

  set(value: number, ...labels: string[]): void {
    this.#row(labels).value = value;
  }

  samples(): Sample[] {
    return Array.from(this.#rows.values(), ({ labels, value }): Sample => [labels, value]);
  }

  #row(labels: readonly string[]): { value: number } {
    const name = labels.join('\0');
    let row = this.#rows.get(name);
    if (row === undefined) this.#rows.set(name, (row = { labels, value: 0 }));
    return row;
  }
}
