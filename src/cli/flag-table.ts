/**
 * Every flag of the server: etcd 3.7's, so that whatever starts etcd can start this. A flag's variable is its name in upper
 * snake case behind ETCD_, its place in a config file its name.
 *
 * `use` says what becomes of it:
 *
 *     used    it means here what it means there
 *     later   accepted, checked for form, and named in a warning: it has no effect yet
 *     gone    accepted for old scripts, as etcd does; never had an effect in v3
 */

/** How the text of a value is read. 'urls' is a list of URLs, 'list' of anything, both with commas between. */
export type FlagType = 'string' | 'boolean' | 'integer' | 'unsigned' | 'unsigned32' | 'duration' | 'urls' | 'list';

export interface Flag {
  readonly name: string;
  readonly type: FlagType;
  /** As text, in the form that the type is read from. */
  readonly initial: string;
  readonly use: 'used' | 'later' | 'gone';
  readonly help: string;
  /** The only values that it takes, if it is so. */
  readonly choices?: readonly string[];
}

export interface Section {
  readonly title: string;
  readonly flags: readonly Flag[];
}

const used = (name: string, type: FlagType, initial: string, help: string): Flag =>
  flag('used', name, type, initial, help);
const later = (name: string, type: FlagType, initial: string, help: string): Flag =>
  flag('later', name, type, initial, help);
const flag = (use: Flag['use'], name: string, type: FlagType, initial: string, help: string): Flag => ({
  name,
  type,
  initial,
  use,
  help,
});
const oneOf = (of: Flag, ...choices: string[]): Flag => ({ ...of, choices });

const MEMBER: readonly Flag[] = [
  used('name', 'string', 'default', 'What people call this member.'),
  used('data-dir', 'string', '', "Directory of this member's data; '${name}.etcd' if not given."),
  used('wal-dir', 'string', '', 'Directory of the log, if it is to be on a disk of its own.'),
  used(
    'snapshot-count',
    'unsigned',
    '10000',
    'Entries applied between two points from which a restart replays the log.',
  ),
  later('max-snapshots', 'unsigned', '5', 'Snapshot files to keep.'),
  used('heartbeat-interval', 'unsigned', '100', "Milliseconds between a leader's heartbeats."),
  used('election-timeout', 'unsigned', '1000', 'Milliseconds without a leader before an election.'),
  used('initial-election-tick-advance', 'boolean', 'true', 'Shorten the first election timeout after a start.'),
  used('listen-peer-urls', 'urls', 'http://localhost:2380', 'Where to listen for other members.'),
  used('listen-client-urls', 'urls', 'http://localhost:2379', 'Where to listen for clients, gRPC and HTTP/1.'),
  later('listen-client-http-urls', 'urls', '', 'Where to listen for HTTP/1 clients, if not where gRPC is.'),
  later('max-wals', 'unsigned', '5', 'Log files to keep.'),
  later('memory-mlock', 'boolean', 'false', 'Keep the memory of the process from being swapped out.'),
  used(
    'quota-backend-bytes',
    'integer',
    '0',
    'Size of the store at which writes are refused: 0 for 2 GiB, less for none.',
  ),
  later('backend-bbolt-freelist-type', 'string', 'map', 'Of a storage engine that is not used here.'),
  later('backend-batch-interval', 'duration', '0s', 'Longest time between commits of the store.'),
  later('backend-batch-limit', 'integer', '0', 'Most operations between commits of the store.'),
  used('max-txn-ops', 'unsigned', '128', 'Most operations in a transaction.'),
  used('max-request-bytes', 'unsigned', '1572864', 'Largest request of a client.'),
  used('max-concurrent-streams', 'unsigned32', '4294967295', 'Most calls at once on a connection.'),
  used('grpc-keepalive-min-time', 'duration', '5s', 'A client that pings more often than this is sent away.'),
  used('grpc-keepalive-interval', 'duration', '2h', 'How often a quiet connection is pinged; 0 for never.'),
  used('grpc-keepalive-timeout', 'duration', '20s', 'How long to wait for the answer before the connection is closed.'),
  oneOf(
    used('wire', 'string', 'native', "Who carries gRPC: 'native', our own HTTP/2, or 'grpc-js', the library."),
    'native',
    'grpc-js',
  ),
  later('socket-reuse-port', 'boolean', 'false', 'Let several processes listen on one port.'),
  later('socket-reuse-address', 'boolean', 'false', 'Listen on an address whose last connections still linger.'),
  later('enable-grpc-gateway', 'boolean', 'true', 'Serve JSON over HTTP/1.'),
  later('raft-read-timeout', 'duration', '5s', 'How long a connection between members may be silent.'),
  later('raft-write-timeout', 'duration', '5s', 'How long sending to a member may take.'),
  later('feature-gates', 'string', '', 'Features to turn on and off: Name=true,Other=false.'),
];

const CLUSTERING: readonly Flag[] = [
  used('initial-advertise-peer-urls', 'urls', 'http://localhost:2380', 'Where other members reach this one.'),
  used(
    'initial-cluster',
    'string',
    '',
    'The members at the first start: name=url,name=url; this one alone if not given.',
  ),
  oneOf(used('initial-cluster-state', 'string', 'new', "'new', or 'existing' to join a cluster."), 'new', 'existing'),
  used('initial-cluster-token', 'string', 'etcd-cluster', 'Keeps clusters with the same addresses apart.'),
  used('advertise-client-urls', 'urls', 'http://localhost:2379', 'Where clients reach this member.'),
  later('discovery-token', 'string', '', 'Token of the cluster at the discovery service.'),
  later('discovery-endpoints', 'list', '', 'Endpoints of the discovery service.'),
  later('discovery-dial-timeout', 'duration', '2s', 'How long connecting to the discovery service may take.'),
  later('discovery-request-timeout', 'duration', '5s', 'How long the discovery service may take to answer.'),
  later('discovery-keepalive-time', 'duration', '2s', 'How often the discovery service is pinged.'),
  later('discovery-keepalive-timeout', 'duration', '6s', 'How long to wait for its answer.'),
  later('discovery-insecure-transport', 'boolean', 'true', 'Speak to the discovery service without TLS.'),
  later('discovery-insecure-skip-tls-verify', 'boolean', 'false', "Do not check the discovery service's certificate."),
  later('discovery-cert', 'string', '', 'Certificate to show to the discovery service.'),
  later('discovery-key', 'string', '', 'Its key.'),
  later('discovery-cacert', 'string', '', "Authorities to check the discovery service's certificate with."),
  later('discovery-user', 'string', '', 'User at the discovery service, user[:password].'),
  later('discovery-password', 'string', '', 'Password at the discovery service.'),
  oneOf(later('discovery-fallback', 'string', 'exit', "What to do when discovery fails: 'exit'."), 'exit'),
  later('discovery-srv', 'string', '', 'Domain whose SRV records name the members.'),
  later('discovery-srv-name', 'string', '', 'Suffix of the SRV names.'),
  used('strict-reconfig-check', 'boolean', 'true', 'Refuse changes of membership that would lose the quorum.'),
  later('pre-vote', 'boolean', 'true', 'Ask before an election whether it could be won.'),
  used('auto-compaction-retention', 'string', '0', 'How much history to keep, by the mode; 0 for all.'),
  used('auto-compaction-mode', 'string', 'periodic', "'periodic' (a duration, or hours) or 'revision' (revisions)."),
  later('v2-deprecation', 'string', 'write-only', 'Of an API that was never served here.'),
];

const SECURITY: readonly Flag[] = [
  used('cert-file', 'string', '', 'Certificate to show to clients.'),
  used('key-file', 'string', '', 'Its key.'),
  used('client-cert-auth', 'boolean', 'false', 'Require a certificate of clients.'),
  used('client-cert-file', 'string', '', 'Certificate for calls to itself, if not the one shown to clients.'),
  used('client-key-file', 'string', '', 'Its key.'),
  used('client-crl-file', 'string', '', 'Revoked certificates of clients.'),
  used('client-cert-allowed-hostname', 'list', '', 'Host names, one of which a client certificate must have.'),
  used('trusted-ca-file', 'string', '', 'Authorities to check client certificates with.'),
  used('auto-tls', 'boolean', 'false', 'Show clients a certificate made at the start.'),
  used('peer-cert-file', 'string', '', 'Certificate to show to members.'),
  used('peer-key-file', 'string', '', 'Its key.'),
  used('peer-client-cert-auth', 'boolean', 'false', 'Require a certificate of members.'),
  used('peer-client-cert-file', 'string', '', 'Certificate for calls to members, if not the one shown to them.'),
  used('peer-client-key-file', 'string', '', 'Its key.'),
  used('peer-trusted-ca-file', 'string', '', "Authorities to check members' certificates with."),
  used('peer-cert-allowed-cn', 'list', '', "Common names, one of which a member's certificate must have."),
  used('peer-cert-allowed-hostname', 'list', '', "Host names, one of which a member's certificate must have."),
  used('peer-auto-tls', 'boolean', 'false', 'Show members a certificate made at the start.'),
  used('self-signed-cert-validity', 'unsigned', '1', 'Years for which certificates made at the start are good.'),
  used('peer-crl-file', 'string', '', 'Revoked certificates of members.'),
  used('cipher-suites', 'list', '', 'Cipher suites of TLS; good ones are chosen if none are given.'),
  later('cors', 'list', '*', 'Origins whose pages may call over HTTP/1.'),
  later('host-whitelist', 'list', '*', 'Host names that HTTP/1 requests may be for.'),
  used('tls-min-version', 'string', 'TLS1.2', 'Lowest version of TLS: TLS1.2 or TLS1.3.'),
  used('tls-max-version', 'string', '', 'Highest version of TLS: TLS1.2 or TLS1.3.'),
];

const AUTH: readonly Flag[] = [
  used('auth-token', 'string', 'simple', "Kind of token, 'simple' or 'jwt', and its options."),
  used('bcrypt-cost', 'unsigned', '10', 'Cost of hashing passwords, from 4 to 31.'),
  used('auth-token-ttl', 'unsigned', '300', 'Seconds for which a simple token is good.'),
];

const MONITORING: readonly Flag[] = [
  later('enable-pprof', 'boolean', 'false', 'Serve profiles of the process under /debug/pprof/.'),
  used('metrics', 'string', 'basic', "'extensive' also measures how long each method takes."),
  used('listen-metrics-urls', 'urls', '', 'Where else to serve /metrics and /health.'),
];

const LOGGING: readonly Flag[] = [
  used('logger', 'string', 'zap', "Form of the log: 'zap' (JSON or console lines)."),
  used('log-outputs', 'list', 'default', "Where the log goes: 'default', 'stderr', 'stdout', or files."),
  used('log-level', 'string', 'info', 'debug, info, warn, error, panic or fatal.'),
  used('log-format', 'string', 'json', 'json or console.'),
  later('enable-log-rotation', 'boolean', 'false', 'Begin a new log file when one is full.'),
  later('log-rotation-config-json', 'string', '{}', 'When a log file is full, and how many to keep.'),
  used('warning-unary-request-duration', 'duration', '300ms', 'Warn of requests that take longer.'),
];

const TRACING: readonly Flag[] = [
  later('enable-distributed-tracing', 'boolean', 'false', 'Send traces.'),
  later('distributed-tracing-address', 'string', 'localhost:4317', 'Where traces are collected.'),
  later('distributed-tracing-service-name', 'string', 'etcd', 'Name of the service in traces.'),
  later('distributed-tracing-instance-id', 'string', '', 'Name of this member in traces.'),
  later('distributed-tracing-sampling-rate', 'integer', '0', 'Traces to send of each million.'),
];

const FEATURES: readonly Flag[] = [
  later('corrupt-check-time', 'duration', '0s', 'How often members compare their stores.'),
  later('compact-hash-check-time', 'duration', '1m', 'How often the leader compares hashes of compactions.'),
  used('compaction-batch-limit', 'integer', '1000', 'Revisions removed in one step of a compaction.'),
  used(
    'peer-skip-client-san-verification',
    'boolean',
    'false',
    "Take members' connections from addresses that their certificates do not name.",
  ),
  used('watch-progress-notify-interval', 'duration', '10m', 'How often a quiet watcher is told how far it is.'),
  used('warning-apply-duration', 'duration', '100ms', 'Warn of entries that take longer to apply.'),
  later('bootstrap-defrag-threshold-megabytes', 'unsigned', '0', 'Defragment at the start if that frees so much.'),
  used('max-learners', 'integer', '1', 'Most learners in the cluster.'),
  used('compaction-sleep-interval', 'duration', '0s', 'Pause between two steps of a compaction.'),
  later('downgrade-check-time', 'duration', '5s', 'How often the state of a downgrade is looked at.'),
  used('snapshot-catchup-entries', 'unsigned', '5000', 'Entries kept for slow followers after a snapshot.'),
];

const UNSAFE: readonly Flag[] = [
  used('force-new-cluster', 'boolean', 'false', 'Make this member a cluster of one, with its data.'),
  used(
    'unsafe-no-fsync',
    'boolean',
    'false',
    'Do not wait for the disk. A power failure then loses acknowledged writes.',
  ),
];

const GONE: readonly Flag[] = [
  'cluster-active-size',
  'cluster-remove-delay',
  'cluster-sync-interval',
  'config',
  'force',
  'max-result-buffer',
  'max-retry-attempts',
  'peer-heartbeat-interval',
  'peer-election-timeout',
  'retry-interval',
  'snapshot',
  'v',
  'vv',
  'test.coverprofile',
  'test.outputdir',
].map((name) => flag('gone', name, 'string', '', ''));

/** What to do rather than how. */
const GENERAL: readonly Flag[] = [
  used('version', 'boolean', 'false', 'Say which version this is.'),
  used('config-file', 'string', '', 'Take the configuration from this file, and from nowhere else.'),
];

/** In the order of --help. */
export const SECTIONS: readonly Section[] = [
  { title: 'Member', flags: MEMBER },
  { title: 'Clustering', flags: CLUSTERING },
  { title: 'Security', flags: SECURITY },
  { title: 'Auth', flags: AUTH },
  { title: 'Profiling and Monitoring', flags: MONITORING },
  { title: 'Logging', flags: LOGGING },
  { title: 'Distributed tracing', flags: TRACING },
  { title: 'Features', flags: FEATURES },
  { title: 'Unsafe feature', flags: UNSAFE },
];

export const FLAGS: ReadonlyMap<string, Flag> = new Map(
  [...GENERAL, ...SECTIONS.flatMap(({ flags }) => flags), ...GONE].map((one) => [one.name, one]),
);

/** 'listen-client-urls' -> 'ETCD_LISTEN_CLIENT_URLS' */
export const variableOf = (name: string): string => `ETCD_${name.toUpperCase().replaceAll('-', '_')}`;
