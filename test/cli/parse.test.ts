import { expect, test } from 'vitest';
import { FLAGS, variableOf } from '../../src/cli/flag-table.ts';
import { bootstrapProblem, type Parsed, parse, type ServerConfig } from '../../src/cli/index.ts';

const RUNTIME = { node: 'v20.20.2', platform: 'linux', architecture: 'x64', version: '0.1.0', commit: undefined };

interface Given {
  readonly environment?: Record<string, string>;
  readonly files?: Record<string, string>;
}

function run(argv: readonly string[], { environment = {}, files = {} }: Given = {}): Parsed {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    return text;
  };
  return parse(argv, environment, readFile, RUNTIME);
}

function serve(argv: readonly string[], given: Given = {}): { config: ServerConfig; notes: string[] } {
  const parsed = run(argv, given);
  if (parsed.kind !== 'serve') throw new Error(`refused: ${JSON.stringify(parsed)}`);
  const notes = parsed.notes.map(({ level, message, fields }) => `${level}: ${message} ${JSON.stringify(fields)}`);
  return { config: parsed.config, notes };
}

/** The error that is logged when the process ends with 1. */
function refusal(argv: readonly string[], given: Given = {}): unknown {
  const parsed = run(argv, given);
  if (parsed.kind !== 'exit') return 'accepted';
  expect(parsed).toMatchObject({ code: 1, stdout: '', stderr: '' });
  const last = parsed.notes.at(-1);
  expect(last).toMatchObject({ level: 'error', message: 'failed to verify flags' });
  return String(last?.fields['error']).replace(" See 'watchraft --help'.", '');
}

const fromFile = (text: string): Given => ({ files: { 'c.yml': text } });

const portTls = (side: string, checkAddress: boolean): object => ({
  side,
  files: {},
  callFiles: {},
  isAuto: false,
  certAuth: false,
  allowed: { commonNames: [], hostnames: [] },
  checkAddress,
});

test('the defaults are those of etcd', () => {
  const { config, notes } = serve([]);
  const peer = { text: 'http://localhost:2380', scheme: 'http', host: 'localhost', port: 2380 };
  expect(config).toEqual({
    name: 'default',
    dataDirectory: 'default.etcd',
    walDirectory: undefined,
    noFsync: false,
    snapshotEntries: 10_000,
    heartbeatMs: 100,
    electionMs: 1000,
    listenClientUrls: [{ ...peer, text: 'http://localhost:2379', port: 2379 }],
    advertiseClientUrls: ['http://localhost:2379'],
    listenPeerUrls: [peer],
    advertisePeerUrls: ['http://localhost:2380'],
    initialCluster: [{ name: 'default', peerUrls: ['http://localhost:2380'] }],
    initialClusterState: 'new',
    clusterToken: 'etcd-cluster',
    forceNewCluster: false,
    fastForward: true,
    strictReconfigCheck: true,
    learnersMax: 1,
    catchUpEntries: 5000,
    quotaBytes: 0,
    txnOperationsMax: 128,
    usesCertificates: false,
    requestBytesMax: 1_572_864,
    streamsMax: 4_294_967_295,
    wire: 'native',
    keepalive: { clientMinMs: 5000, intervalMs: 7_200_000, timeoutMs: 20_000 },
    autoCompaction: undefined,
    compactionBatchRevisionsMax: 1000,
    compactionPauseMs: 0,
    watchProgressMs: 600_000,
    applyWarningMs: 100,
    requestWarningMs: 300,
    metricsExtensive: false,
    listenMetricsUrls: [],
    tls: {
      client: portTls('client', false),
      peer: portTls('peer', true),
      protocol: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ciphers: [] },
      selfSignedYears: 1,
    },
    auth: { jwt: undefined, tokenTtlMs: 300_000, bcryptCost: 10 },
    log: { level: 'info', format: 'json', outputs: ['default'] },
  });
  expect(notes).toEqual([]);
  expect(bootstrapProblem(config)).toBeUndefined();
});

test('a flag may be written in every way of Go; the last of two counts', () => {
  for (const argv of [
    ['--name=n1'],
    ['--name', 'n1'],
    ['-name=n1'],
    ['-name', 'n1'],
    ['--name=x', '--name=n1', '--'],
  ]) {
    expect(serve(argv).config.name, argv.join(' ')).toBe('n1');
  }
  expect(serve(['--name=a=b']).config.name).toBe('a=b');
  expect(serve(['--unsafe-no-fsync', '--name', 'n1']).config).toMatchObject({ noFsync: true, name: 'n1' });
  expect(serve(['--unsafe-no-fsync=false']).config.noFsync).toBe(false);
  expect(serve(['--initial-cluster-token', '-x']).config.clusterToken).toBe('-x');
});

test('flags that take effect reach the configuration', () => {
  const { config, notes } = serve(
    (
      '--data-dir d --wal-dir w --snapshot-count 5 --listen-client-urls http://127.0.0.1:1,http://[::1]:2 ' +
      '--advertise-client-urls http://a:1 --quota-backend-bytes=-1 --max-txn-ops 7 --max-request-bytes 99 ' +
      '--max-concurrent-streams 3 --grpc-keepalive-min-time 1s --grpc-keepalive-interval 2s --grpc-keepalive-timeout 3s ' +
      '--compaction-batch-limit 10 --compaction-sleep-interval 4ms --watch-progress-notify-interval 5s ' +
      '--warning-apply-duration 6ms --warning-unary-request-duration 7ms --metrics extensive ' +
      '--listen-metrics-urls http://127.0.0.1:3 --log-level debug --log-format console --log-outputs stderr,/tmp/l'
    ).split(' '),
  );
  expect(config).toMatchObject({
    dataDirectory: 'd',
    walDirectory: 'w',
    snapshotEntries: 5,
    listenClientUrls: [
      { host: '127.0.0.1', port: 1 },
      { host: '::1', port: 2 },
    ],
    advertiseClientUrls: ['http://a:1'],
    quotaBytes: -1,
    txnOperationsMax: 7,
    requestBytesMax: 99,
    streamsMax: 3,
    keepalive: { clientMinMs: 1000, intervalMs: 2000, timeoutMs: 3000 },
    compactionBatchRevisionsMax: 10,
    compactionPauseMs: 4,
    watchProgressMs: 5000,
    applyWarningMs: 6,
    requestWarningMs: 7,
    metricsExtensive: true,
    listenMetricsUrls: [{ port: 3 }],
    log: { level: 'debug', format: 'console', outputs: ['stderr', '/tmp/l'] },
  });
  expect(notes).toEqual([]);
});

test('every flag parses on the line, in the environment and in a file; one line names those without effect', () => {
  const later = [...FLAGS.values()].filter(({ use }) => use !== 'used').map(({ name }) => name);
  expect(later.length).toBeGreaterThan(20);
  // Text that each type takes and that no check refuses.
  const flags = [...FLAGS.values()].filter(({ name }) => name !== 'version' && name !== 'config-file');
  const texts = flags.map((flag) => [flag, flag.use === 'gone' ? 'x' : flag.initial] as const);
  const line = serve(texts.map(([{ name }, text]) => `--${name}=${text}`));
  expect(line.notes).toEqual([
    `warn: flags that are accepted but have no effect yet ${JSON.stringify({ flags: later })}`,
  ]);

  const set = texts.filter(([, text]) => text !== '');
  const environment = Object.fromEntries(set.map(([{ name }, text]) => [variableOf(name), text]));
  const fromEnvironment = serve([], { environment });
  expect(fromEnvironment.config).toEqual(line.config);
  expect(fromEnvironment.notes.filter((note) => note.startsWith('info: recognized and used'))).toHaveLength(set.length);
  expect(fromEnvironment.notes.filter((note) => note.startsWith('warn'))).toHaveLength(1);

  const yaml = set.map(([{ name, type }, text]) => {
    const isBare = type === 'boolean' || type === 'integer' || type.startsWith('unsigned');
    return `${name}: ${type === 'duration' ? 0 : isBare ? text : JSON.stringify(text)}`;
  });
  const file = yaml.filter((one) => !one.startsWith('watch-progress-notify-interval')).join('\n');
  const loaded = serve(['--config-file=c.yml'], fromFile(file));
  expect(loaded.config).toMatchObject({
    txnOperationsMax: 128,
    log: line.config.log,
    listenClientUrls: line.config.listenClientUrls,
  });
  expect(loaded.notes.filter((note) => note.includes('no effect yet'))).toHaveLength(1);
});

test.each([
  ['--nope', 'flag provided but not defined: -nope'],
  ['--nope=3', 'flag provided but not defined: -nope'],
  ['--experimental-corrupt-check-time=1s', 'flag provided but not defined: -experimental-corrupt-check-time'],
  ['---x', 'bad flag syntax: ---x'],
  ['--=x', 'bad flag syntax: --=x'],
  ['--name', 'flag needs an argument: -name'],
  ['--max-txn-ops=x', 'invalid value "x" for flag -max-txn-ops: parse error'],
  ['--max-txn-ops=-1', 'invalid value "-1" for flag -max-txn-ops: parse error'],
  ['--pre-vote=maybe', 'invalid boolean value "maybe" for -pre-vote: parse error'],
  ['--grpc-keepalive-min-time=5', 'invalid value "5" for flag -grpc-keepalive-min-time: parse error'],
  ['--initial-cluster-state=foo', 'invalid value "foo" for flag -initial-cluster-state: invalid value'],
  [
    '--listen-client-urls=foo',
    'invalid value "foo" for flag -listen-client-urls: URL scheme must be http, https, unix, or unixs: foo',
  ],
])('a line that cannot be read ends with 2 and the usage: %s', (word, problem) => {
  const parsed = run([word]);
  expect(parsed).toMatchObject({ kind: 'exit', code: 2, stdout: '', notes: [] });
  if (parsed.kind === 'exit') expect(parsed.stderr.split('\n').slice(0, 2)).toEqual([problem, 'Usage:']);
});

test.each([
  ['extra', "'extra' is not a valid flag."],
  ['-', "'-' is not a valid flag."],
  ['-- --name=x', "'--name=x' is not a valid flag."],
  [
    '--listen-client-urls=http://127.0.0.1:1',
    '--advertise-client-urls is required when --listen-client-urls is set explicitly.',
  ],
  ['--listen-peer-urls=http://example.com:1', 'expected IP in URL for binding (http://example.com:1).'],
  [
    '--listen-metrics-urls=https://127.0.0.1:1',
    'TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme (--listen-metrics-urls).',
  ],
  [
    '--listen-peer-urls=https://127.0.0.1:1 --cert-file=c --key-file=k',
    'cannot listen on TLS for 127.0.0.1:1: KeyFile and CertFile are not presented (--peer-cert-file, --peer-key-file).',
  ],
  [
    '--listen-peer-urls=unix://x:1',
    '--listen-peer-urls: only http:// and https:// are served by this version, not unix://x:1.',
  ],
  ['--cipher-suites=FOO', 'unexpected TLS cipher suite "FOO".'],
  ['--cipher-suites=TLS_RSA_WITH_RC4_128_SHA', 'unexpected TLS cipher suite "TLS_RSA_WITH_RC4_128_SHA".'],
  [
    '--tls-min-version=TLS1.3 --cipher-suites=TLS_AES_128_GCM_SHA256',
    'cipher suites cannot be configured when only TLS1.3 is enabled.',
  ],
  ['--tls-min-version=TLS1.1', 'unexpected TLS version "TLS1.1" (--tls-min-version).'],
  ['--tls-min-version=TLS1.3 --tls-max-version=TLS1.2', 'min version (TLSv1.3) is greater than max version (TLSv1.2).'],
  [
    '--peer-cert-allowed-cn=a --peer-cert-allowed-hostname=b',
    'AllowedCN and AllowedHostname are mutually exclusive (cn="a", hostname="b").',
  ],
  ['--advertise-client-urls=http://:1', 'unexpected empty host (http://:1).'],
  ['--election-timeout=200', '--election-timeout[200ms] should be at least as 5 times as --heartbeat-interval[100ms].'],
  ['--election-timeout=60000', '--election-timeout[60000ms] is too long, and should be set less than 50000ms.'],
  ['--heartbeat-interval=0', '--heartbeat-interval must be >0 (set to 0ms).'],
  ['--election-timeout=0', '--election-timeout must be >0 (set to 0ms).'],
  ['--auto-compaction-mode=foo', 'unknown auto-compaction-mode "foo".'],
  ['--auto-compaction-retention=abc', 'error parsing CompactionRetention: time: invalid duration "abc".'],
  [
    '--auto-compaction-mode=revision --auto-compaction-retention=1h',
    'error parsing CompactionRetention: invalid revision "1h".',
  ],
  ['--log-level=loud', 'unknown level "loud".'],
  ['--log-format=xml', 'unknown log format: xml.'],
  ['--logger=foo', 'unknown logger option "foo".'],
  ['--log-outputs=stdout,default', 'multi logoutput for "default" is not supported yet.'],
  ['--initial-cluster=foo', 'error setting up initial cluster: URL scheme must be http, https, unix, or unixs: .'],
  ['--compaction-batch-limit=0', '--compaction-batch-limit must be at least 1 (set to 0).'],
  [
    '--initial-cluster=default=http://a:1 --discovery-endpoints=http://b:1',
    'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or "discovery-srv".',
  ],
])('what cannot be done ends with 1 and an error in the log: %s', (line, problem) => {
  expect(refusal(line.split(' '))).toBe(problem);
});

test('an election waits for five heartbeats, and not for ever', () => {
  expect(serve(['--heartbeat-interval=100', '--election-timeout=500']).config.electionMs).toBe(500);
  expect(refusal(['--heartbeat-interval=100', '--election-timeout=499'])).toMatch(
    /^--election-timeout\[499ms\] should/,
  );
  expect(serve(['--election-timeout=50000']).config.electionMs).toBe(50_000);
  expect(refusal(['--election-timeout=50001'])).toMatch(/^--election-timeout\[50001ms\] is too long/);
});

test('a flag stands over its variable; what is unknown is warned of; values are not logged', () => {
  const environment = {
    ETCD_NAME: 'env',
    ETCD_DATA_DIR: 'env-dir',
    ETCD_LOG_LEVEL: '',
    ETCD_FOO: '1',
    ETCD_UNSUPPORTED_ARCH: 'arm',
    ETCDCTL_API: '3',
    PATH: '/bin',
    ETCD_DISCOVERY_PASSWORD: 'secret',
  };
  const { config, notes } = serve(['--name=flag'], { environment });
  expect(config).toMatchObject({ name: 'flag', dataDirectory: 'env-dir' });
  expect(notes).toEqual([
    'warn: recognized environment variable, but unused: shadowed by corresponding flag {"variable-name":"ETCD_NAME"}',
    'info: recognized and used environment variable {"variable-name":"ETCD_DATA_DIR"}',
    'info: recognized and used environment variable {"variable-name":"ETCD_DISCOVERY_PASSWORD"}',
    'warn: unrecognized environment variable {"variable-name":"ETCD_FOO"}',
    'warn: flags that are accepted but have no effect yet {"flags":["discovery-password"]}',
  ]);
  expect(notes.join()).not.toContain('secret');
});

test('a bad variable ends with 1', () => {
  expect(refusal([], { environment: { ETCD_MAX_TXN_OPS: 'x' } })).toBe(
    'invalid value "x" for ETCD_MAX_TXN_OPS: parse error.',
  );
});

test('a config file stands alone: flags and variables count for nothing', () => {
  const file = `
name: n1
data-dir: /d
listen-client-urls: http://127.0.0.1:1
advertise-client-urls: http://127.0.0.1:1,http://127.0.0.1:2
max-txn-ops: 9
unsafe-no-fsync: true
watch-progress-notify-interval: 1500000000
auto-compaction-retention: 2
log-outputs: [stderr, /tmp/l]
wal-dir:
client-transport-security:
  cert-file: a
  client-cert-auth: true
peer-transport-security: { cert-file: b, allowed-cn: c }
nonsense: 3
constructor: 4
`;
  const environment = { ETCD_NAME: 'env', ETCD_MAX_TXN_OPS: 'x', ETCD_FOO: '1' };
  const { config, notes } = serve(['--name=flag', '--config-file', 'c.yml'], { environment, ...fromFile(file) });
  expect(config).toMatchObject({
    name: 'n1',
    dataDirectory: '/d',
    walDirectory: undefined,
    txnOperationsMax: 9,
    noFsync: true,
    watchProgressMs: 1500,
    autoCompaction: { mode: 'periodic', retentionMs: 7_200_000 },
    advertiseClientUrls: ['http://127.0.0.1:1', 'http://127.0.0.1:2'],
    log: { outputs: ['stderr', '/tmp/l'] },
    initialCluster: [{ name: 'n1', peerUrls: ['http://localhost:2380'] }],
    tls: {
      client: { files: { cert: { flag: 'cert-file', path: 'a' }, key: undefined }, certAuth: true },
      peer: { files: { cert: { flag: 'peer-cert-file', path: 'b' } }, allowed: { commonNames: ['c'], hostnames: [] } },
    },
  });
  expect(notes).toEqual([
    'warn: loading server configuration from a file: all other flags and environment variables are ignored if provided {"path":"c.yml"}',
    'warn: the config file has keys that are no flags {"path":"c.yml","keys":["nonsense","constructor"]}',
    'warn: scheme is HTTP while key and cert files are present; ignoring key and cert files {"client-url":"http://127.0.0.1:1"}',
    'warn: scheme is HTTP while --client-cert-auth is enabled; ignoring client cert auth for this URL {"client-url":"http://127.0.0.1:1"}',
    'warn: scheme is HTTP while key and cert files are present; ignoring key and cert files {"peer-url":"http://localhost:2380"}',
  ]);
  expect(serve([], { environment: { ETCD_CONFIG_FILE: 'c.yml' }, ...fromFile('{"name": "json"}') }).config.name).toBe(
    'json',
  );
  expect(serve(['--config-file=c.yml'], fromFile('')).config.name).toBe('default');
});

test.each([
  ['max-txn-ops: "abc"', 'c.yml: invalid value for max-txn-ops: must be a whole number, not "abc".'],
  ['max-txn-ops: -1', 'c.yml: invalid value for max-txn-ops: parse error.'],
  ['pre-vote: 1', 'c.yml: invalid value for pre-vote: must be true or false, not 1.'],
  [
    'watch-progress-notify-interval: 10m',
    'c.yml: invalid value for watch-progress-notify-interval: must be a whole number of nanoseconds, not "10m".',
  ],
  ['name: [a]', 'c.yml: invalid value for name: must be text, not ["a"].'],
  ['- a', 'c.yml: must be a mapping of flags.'],
  ['client-transport-security: x', 'c.yml: client-transport-security must be a mapping.'],
  [
    'listen-client-urls: http://127.0.0.1:1',
    '--advertise-client-urls is required when --listen-client-urls is set explicitly.',
  ],
])('a bad config file ends with 1: %s', (text, problem) => {
  expect(refusal(['--config-file=c.yml'], fromFile(text))).toBe(problem);
});

test('a config file that is not there, or no YAML, is named', () => {
  expect(refusal(['--config-file=none.yml'])).toMatch(/^cannot read the config file: ENOENT.*none\.yml/);
  expect(refusal(['--config-file=c.yml'], fromFile('name: [1'))).toMatch(/^c\.yml: .*line 1/);
});

const compaction = (line: string): unknown => serve(line.split(' ')).config.autoCompaction;

test('a retention is hours, a duration or revisions', () => {
  expect(compaction('--auto-compaction-retention=3')).toEqual({ mode: 'periodic', retentionMs: 10_800_000 });
  expect(compaction('--auto-compaction-retention=5m')).toEqual({ mode: 'periodic', retentionMs: 300_000 });
  expect(compaction('--auto-compaction-mode=revision --auto-compaction-retention=100')).toEqual({
    mode: 'revision',
    keepRevisions: 100,
  });
  expect(compaction('--auto-compaction-mode=revision')).toBeUndefined();
});

test('a cluster of several is read; a member must find itself in it at its first start', () => {
  const problem = (line: string): string | undefined => bootstrapProblem(serve(line.split(' ')).config);
  const { config } = serve(['--initial-cluster=b=http://h:2,default=http://localhost:2380, b=http://h:1']);
  expect(config.initialCluster).toEqual([
    { name: 'b', peerUrls: ['http://h:1', 'http://h:2'] },
    { name: 'default', peerUrls: ['http://localhost:2380'] },
  ]);
  expect(bootstrapProblem(config)).toBeUndefined();
  expect(problem('--initial-cluster=default=http://127.0.0.1:2380')).toBeUndefined();
  expect(problem('--initial-cluster=bar=http://localhost:2380')).toBe(
    'couldn\'t find local name "default" in the initial cluster configuration',
  );
  expect(problem('--initial-cluster=default=http://127.0.0.1:1')).toBe(
    '--initial-cluster has default=http://127.0.0.1:1 but missing from --initial-advertise-peer-urls=http://localhost:2380',
  );
  expect(problem('--initial-cluster=default=http://localhost:2380,b=http://localhost:2380')).toBe(
    'initial cluster default=http://localhost:2380,b=http://localhost:2380 has duplicate url',
  );
});

test('--version and --help', () => {
  expect(run(['--version'])).toEqual({
    kind: 'exit',
    code: 0,
    stderr: '',
    notes: [],
    stdout:
      'etcd Version: 3.7.1\nGit SHA: Not provided\nGo Version: node v20.20.2\nGo OS/Arch: linux/amd64\nwatchraft Version: 0.1.0\n',
  });
  expect(run(['--version', '--nope'])).toMatchObject({ code: 2 });
  for (const word of ['-h', '-help', '--help']) {
    const help = run([word]);
    expect(help).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Usage:/) });
    if (help.kind !== 'exit') continue;
    for (const { name, use } of FLAGS.values()) {
      const isListed = use !== 'gone' && name !== 'version' && name !== 'config-file';
      expect(help.stdout.includes(`\n  --${name} '`), name).toBe(isListed);
    }
  }
});
