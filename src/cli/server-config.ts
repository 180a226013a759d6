/** The configuration of a server, from what was set: typed, checked, with every default filled in. */

import { LOG_LEVELS, type LogLevel, parseDuration } from '../base/index.ts';
import type { WireKind } from '../wire/index.ts';
import { type AuthConfig, authConfig, authNotes } from './auth-config.ts';
import { ConfigError, type Note } from './note.ts';
import type { Settings } from './settings.ts';
import { checkTls, type TlsConfig, tlsConfig, tlsNotes } from './tls-config.ts';
import { type MemberUrl, parseUrl, ValueError } from './url.ts';

export interface ServerConfig {
  readonly name: string;
  readonly dataDirectory: string;
  /** Of its own, if the log is not to be in the data directory. */
  readonly walDirectory: string | undefined;
  readonly noFsync: boolean;
  readonly snapshotEntries: number;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly listenClientUrls: readonly MemberUrl[];
  readonly advertiseClientUrls: readonly string[];
  readonly listenPeerUrls: readonly MemberUrl[];
  readonly advertisePeerUrls: readonly string[];
  readonly initialCluster: readonly InitialMember[];
  readonly initialClusterState: 'new' | 'existing';
  readonly clusterToken: string;
  readonly fastForward: boolean;
  readonly forceNewCluster: boolean;
  readonly strictReconfigCheck: boolean;
  readonly learnersMax: number;
  readonly catchUpEntries: number;
  /** 0: etcd's 2 GiB. Less: no quota. */
  readonly quotaBytes: number;
  readonly txnOperationsMax: number;
  readonly requestBytesMax: number;
  readonly streamsMax: number;
  readonly wire: WireKind;
  readonly keepalive: KeepaliveConfig;
  readonly autoCompaction: AutoCompactionConfig | undefined;
  readonly compactionBatchRevisionsMax: number;
  readonly compactionPauseMs: number;
  readonly watchProgressMs: number;
  readonly applyWarningMs: number;
  readonly requestWarningMs: number;
  readonly metricsExtensive: boolean;
  readonly listenMetricsUrls: readonly MemberUrl[];
  readonly tls: TlsConfig;
  readonly auth: AuthConfig;
  /** The name in a client's certificate says which user it is. */
  readonly usesCertificates: boolean;
  readonly log: LogConfig;
}

interface InitialMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

interface KeepaliveConfig {
  /** Shortest time between pings of a client. */
  readonly clientMinMs: number;
  /** 0: never. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

type AutoCompactionConfig =
  | { readonly mode: 'revision'; readonly keepRevisions: number }
  | { readonly mode: 'periodic'; readonly retentionMs: number };

interface LogConfig {
  readonly level: LogLevel;
  readonly format: 'json' | 'console';
  readonly outputs: readonly string[];
}

const ELECTION_MS_MAX = 50_000;
const HEARTBEATS_PER_ELECTION_MIN = 5;
const SNAPSHOT_ENTRIES_DEFAULT = 10_000;
const REQUEST_BYTES_RECOMMENDED = 10 * 1024 * 1024;

/** Throws ConfigError if what was set contradicts itself. */
export function configOf(settings: Settings): { config: ServerConfig; notes: Note[] } {
  const name = settings.text('name');
  const tls = tlsConfig(settings);
  const config: ServerConfig = {
    name,
    dataDirectory: settings.text('data-dir') || `${name}.etcd`,
    walDirectory: settings.text('wal-dir') || undefined,
    noFsync: settings.boolean('unsafe-no-fsync'),
    snapshotEntries: settings.number('snapshot-count') || SNAPSHOT_ENTRIES_DEFAULT,
    ...raftTimes(settings),
    ...addresses(settings, tls),
    tls,
    ...cluster(settings),
    forceNewCluster: settings.boolean('force-new-cluster'),
    fastForward: settings.boolean('initial-election-tick-advance'),
    strictReconfigCheck: settings.boolean('strict-reconfig-check'),
    learnersMax: settings.number('max-learners'),
    catchUpEntries: settings.number('snapshot-catchup-entries'),
    quotaBytes: settings.number('quota-backend-bytes'),
    txnOperationsMax: settings.number('max-txn-ops'),
    requestBytesMax: settings.number('max-request-bytes'),
    streamsMax: settings.number('max-concurrent-streams'),
    wire: settings.text('wire') === 'grpc-js' ? 'grpc-js' : 'native',
    keepalive: {
      clientMinMs: settings.number('grpc-keepalive-min-time'),
      intervalMs: settings.number('grpc-keepalive-interval'),
      timeoutMs: settings.number('grpc-keepalive-timeout'),
    },
    autoCompaction: autoCompaction(settings),
    compactionBatchRevisionsMax: atLeast(settings, 'compaction-batch-limit', 1),
    compactionPauseMs: atLeast(settings, 'compaction-sleep-interval', 0),
    watchProgressMs: atLeast(settings, 'watch-progress-notify-interval', 1),
    applyWarningMs: settings.number('warning-apply-duration'),
    requestWarningMs: settings.number('warning-unary-request-duration'),
    metricsExtensive: settings.text('metrics') === 'extensive',
    auth: authConfig(settings),
    usesCertificates: settings.boolean('client-cert-auth'),
    log: log(settings),
  };
  return { config, notes: notesOn(settings, config) };
}

function atLeast(settings: Settings, name: string, least: number): number {
  const value = settings.number(name);
  if (value < least) throw new ConfigError(`--${name} must be at least ${least} (set to ${value})`);
  return value;
}

function raftTimes(settings: Settings): Pick<ServerConfig, 'heartbeatMs' | 'electionMs'> {
  const heartbeatMs = settings.number('heartbeat-interval');
  const electionMs = settings.number('election-timeout');
  if (heartbeatMs === 0) throw new ConfigError('--heartbeat-interval must be >0 (set to 0ms)');
  if (electionMs === 0) throw new ConfigError('--election-timeout must be >0 (set to 0ms)');
  if (HEARTBEATS_PER_ELECTION_MIN * heartbeatMs > electionMs) {
    throw new ConfigError(
      `--election-timeout[${electionMs}ms] should be at least as ${HEARTBEATS_PER_ELECTION_MIN} times as ` +
        `--heartbeat-interval[${heartbeatMs}ms]`,
    );
  }
  if (electionMs > ELECTION_MS_MAX) {
    throw new ConfigError(
      `--election-timeout[${electionMs}ms] is too long, and should be set less than ${ELECTION_MS_MAX}ms`,
    );
  }
  return { heartbeatMs, electionMs };
}

type Addresses = Pick<
  ServerConfig,
  'listenClientUrls' | 'advertiseClientUrls' | 'listenPeerUrls' | 'advertisePeerUrls' | 'listenMetricsUrls'
>;

function addresses(settings: Settings, tls: TlsConfig): Addresses {
  const listen = (name: string): readonly MemberUrl[] => {
    const urls = settings.urls(name);
    for (const url of urls) {
      checkListenUrl(name, url);
      checkTls(name, url, name === 'listen-peer-urls' ? tls.peer : tls.client);
    }
    return urls;
  };
  const advertise = (name: string): readonly string[] => {
    const urls = settings.urls(name);
    const empty = urls.find(({ host }) => host === '');
    if (empty !== undefined) throw new ConfigError(`unexpected empty host (${empty.text})`);
    return urls.map(({ text }) => text);
  };
  const all: Addresses = {
    listenPeerUrls: listen('listen-peer-urls'),
    listenClientUrls: listen('listen-client-urls'),
    listenMetricsUrls: listen('listen-metrics-urls'),
    advertisePeerUrls: advertise('initial-advertise-peer-urls'),
    advertiseClientUrls: advertise('advertise-client-urls'),
  };
  // Whoever listens elsewhere than by default is not reached at the default.
  const isAdvertised = !settings.isSet('listen-client-urls') || settings.isSet('advertise-client-urls');
  if (!isAdvertised) {
    throw new ConfigError('--advertise-client-urls is required when --listen-client-urls is set explicitly');
  }
  return all;
}

function checkListenUrl(name: string, { text, scheme, host }: MemberUrl): void {
  if (scheme !== 'http' && scheme !== 'https') {
    throw new ConfigError(`--${name}: only http:// and https:// are served by this version, not ${text}`);
  }
  const isAddress = host === 'localhost' || /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':');
  if (!isAddress) throw new ConfigError(`expected IP in URL for binding (${text})`);
}

function cluster(settings: Settings): Pick<ServerConfig, 'initialCluster' | 'initialClusterState' | 'clusterToken'> {
  const given = ['initial-cluster', 'discovery-srv'].filter(
    (name) => settings.isSet(name) && settings.text(name) !== '',
  );
  if (settings.list('discovery-endpoints').length > 0) given.push('discovery-endpoints');
  if (given.length > 1) {
    throw new ConfigError(
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or "discovery-srv"',
    );
  }
  const own = settings.urls('initial-advertise-peer-urls').map(({ text }) => text);
  const text = settings.text('initial-cluster');
  return {
    initialCluster: text === '' ? [{ name: settings.text('name'), peerUrls: own }] : parseInitialCluster(text),
    initialClusterState: settings.text('initial-cluster-state') === 'existing' ? 'existing' : 'new',
    clusterToken: settings.text('initial-cluster-token'),
  };
}

/** 'a=http://h:1,b=http://i:1,a=http://h:2' names two members, a with two URLs. */
function parseInitialCluster(text: string): InitialMember[] {
  const urls = new Map<string, string[]>();
  for (const part of text.split(',')) {
    const [name = '', ...rest] = part.trim().split('=');
    try {
      const url = parseUrl(rest.join('='));
      urls.set(name, [...(urls.get(name) ?? []), url.text]);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw new ConfigError(`error setting up initial cluster: ${error.message}`, { cause: error });
    }
  }
  return Array.from(urls, ([name, peerUrls]) => ({ name, peerUrls: peerUrls.sort() }));
}

function autoCompaction(settings: Settings): AutoCompactionConfig | undefined {
  const mode = settings.text('auto-compaction-mode');
  const retention = settings.text('auto-compaction-retention') || '0';
  if (mode !== 'periodic' && mode !== 'revision') throw new ConfigError(`unknown auto-compaction-mode "${mode}"`);
  const count = /^\d+$/.test(retention) ? Number(retention) : undefined;
  if (mode === 'revision') {
    if (count === undefined)
      throw new ConfigError(`error parsing CompactionRetention: invalid revision "${retention}"`);
    return count === 0 ? undefined : { mode, keepRevisions: count };
  }
  const retentionMs = count === undefined ? parseDuration(retention) : count * 3_600_000;
  if (retentionMs === undefined || retentionMs < 0) {
    throw new ConfigError(`error parsing CompactionRetention: time: invalid duration "${retention}"`);
  }
  return retentionMs === 0 ? undefined : { mode, retentionMs };
}

function log(settings: Settings): LogConfig {
  const logger = settings.text('logger');
  if (logger !== 'zap') throw new ConfigError(`unknown logger option "${logger}"`);
  const level = LOG_LEVELS.find((known) => known === settings.text('log-level'));
  if (level === undefined) throw new ConfigError(`unknown level "${settings.text('log-level')}"`);
  const format = settings.text('log-format');
  if (format !== 'json' && format !== 'console') throw new ConfigError(`unknown log format: ${format}`);
  const outputs = settings.list('log-outputs').filter((output) => output !== '');
  if (outputs.length > 1 && outputs.includes('default')) {
    throw new ConfigError('multi logoutput for "default" is not supported yet');
  }
  return { level, format, outputs: outputs.length === 0 ? ['default'] : [...new Set(outputs)] };
}

function notesOn(settings: Settings, config: ServerConfig): Note[] {
  const notes: Note[] = [...tlsNotes(settings, config.tls), ...authNotes(settings)];
  const metrics = settings.text('metrics');
  if (metrics !== 'basic' && metrics !== 'extensive') {
    notes.push({ level: 'warn', message: '--metrics is basic or extensive; taken as basic', fields: { metrics } });
  }
  if (config.requestBytesMax > REQUEST_BYTES_RECOMMENDED) {
    notes.push({
      level: 'warn',
      message: 'exceeded recommended request limit',
      fields: { 'max-request-bytes': config.requestBytesMax, 'recommended-request-bytes': REQUEST_BYTES_RECOMMENDED },
    });
  }
  return notes;
}

/**
 * Why a member cannot begin its life with this configuration, or undefined. To be asked only when there is no data yet: a
 * member that has data goes by that, whatever the initial flags say now.
 */
export function bootstrapProblem(config: ServerConfig): string | undefined {
  const own = config.initialCluster.find(({ name }) => name === config.name);
  if (own === undefined) return `couldn't find local name "${config.name}" in the initial cluster configuration`;
  const all = config.initialCluster.flatMap(({ peerUrls }) => peerUrls);
  const text = config.initialCluster.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`)).join(',');
  if (new Set(all).size < all.length) return `initial cluster ${text} has duplicate url`;
  const advertised = [...config.advertisePeerUrls].map(resolved).sort().join(',');
  if (own.peerUrls.map(resolved).sort().join(',') === advertised) return undefined;
  const flag = own.peerUrls.map((url) => `${own.name}=${url}`).join(',');
  return `--initial-cluster has ${flag} but missing from --initial-advertise-peer-urls=${config.advertisePeerUrls.join(',')}`;
}

/** The one name that every host resolves alike. */
const resolved = (url: string): string => url.replace('://localhost:', '://127.0.0.1:');
