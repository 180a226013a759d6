/**
 * The composition root: puts the parts of a server together, runs it, and takes it apart again.
 *
 *     boot the node -> serve clients -> a signal, or an error that the member cannot survive -> stop serving -> stop the node
 */

import { randomInt } from 'node:crypto';
import { type Clock, type Failpoints, type Logger, SeededPrng } from '../base/index.ts';
import {
  type BootedNode,
  type BootOptions,
  boot,
  type DiskTrouble,
  type NodeIdentity,
  type NodeSettings,
  RealClock,
} from '../node/index.ts';
import { boundYoungGeneration, openGofail } from '../ops/index.ts';
import {
  type DataDirectoryOptions,
  errorCode,
  hasWal,
  LevelTables,
  NodeDisk,
  openDataDirectory,
} from '../storage/index.ts';
import { serveClients } from './client-services.ts';
import { type MemberMetrics, memberMetrics } from './member-metrics.ts';
import { type MemberTls, memberTls } from './member-tls.ts';
import { describedCluster, type NewCluster, newCluster } from './new-cluster.ts';
import { openPeerPort } from './peer-port.ts';
import { startRebuilding } from './rebuild-store.ts';
import type { ServerConfig } from './server-config.ts';

/** etcd's default for --quota-backend-bytes=0. */
const QUOTA_BYTES_DEFAULT = 2 * 1024 * 1024 * 1024;

/** How long calls under way may take to finish when the member is told to stop. */
const GRACE_MS = 1000;

/** Ids of proposals begin anywhere below this: entries of an earlier run must not be taken for those of this one. */
const FIRST_PROPOSAL_ID_MAX = 2 ** 47;

/** Resolves when the server has stopped. Rejects if it cannot start or go on. Of the environment it looks only for failpoints. */
export async function startServer(
  config: ServerConfig,
  logger: Logger,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  boundYoungGeneration();
  const { failpoints, ...gofail } = await openGofail(env, logger);
  const clock = new RealClock();
  const tls = await memberTls({ config, clock, logger });
  const { identity, firstMembers, peers } = await clusterOf(config, tls);
  const metrics = memberMetrics({
    clock,
    logger,
    identity,
    extensive: config.metricsExtensive,
    warningMs: config.requestWarningMs,
  });
  const ending = new Ending(logger);
  let booted: BootedNode | undefined;
  try {
    const data = (hears: DiskTrouble): DataDirectoryOptions =>
      dataOptions({ config, clock, identity, metrics, hears, failpoints });
    const options: BootOptions = {
      identity,
      settings: nodeSettings(config),
      clock,
      logger,
      observer: metrics.nodeObserver,
      open: (hears) => openDataDirectory(data(hears)),
      firstProposalId: randomInt(1, FIRST_PROPOSAL_ID_MAX),
      firstMembers,
      peers,
      network: (end) => openPeerPort({ config, clock, logger, tls, observer: metrics.metrics.peers, end }),
      fastForward: config.fastForward,
      forceNewCluster: config.forceNewCluster,
      tickMs: config.heartbeatMs,
      electionTicks: Math.floor(config.electionMs / config.heartbeatMs),
      catchUpEntries: config.catchUpEntries,
      prng: new SeededPrng(randomInt(2 ** 47)),
      fatal: (error) => ending.fail(error),
      failpoints,
    };
    const { openChannel } = tls;
    booted = await startRebuilding(() => boot(options), { config, logger, openChannel, data: data(DEAF) });
    const { node } = booted;
    metrics.watch(booted);
    await Promise.race([booted.ready, ending.begun]);
    const clients = await serveClients({ config, clock, logger, tls, node, metrics, failpoints });
    metrics.metrics.watchLoop();
    logger.info('ready to serve client requests', {
      'member-id': node.memberId,
      'cluster-id': node.clusterId,
      'listen-client-urls': config.listenClientUrls.map(({ text }) => text),
    });
    const failure = await ending.begun;
    await clients.close(GRACE_MS);
    if (failure !== undefined) throw failure;
  } finally {
    ending.close();
    metrics.close();
    await booted?.stop();
    gofail.close();
  }
  logger.info('the member has stopped');
}

/**
 * A member that has a log goes by that: the flags only name it. If it joined and has not heard of anybody yet, the log does not tell whom to
 * listen to; so it asks again, and does without the answer if there is none.
 */
async function clusterOf(config: ServerConfig, { openChannel }: MemberTls): Promise<NewCluster> {
  const walDirectory = config.walDirectory ?? `${config.dataDirectory}/member/wal`;
  if (!(await hasLog(walDirectory))) return await newCluster(config, openChannel);
  const described = describedCluster(config);
  if (config.initialClusterState === 'new') return described;
  // It is none of the first, whatever the flags name.
  return await newCluster(config, openChannel).catch(() => ({ ...described, firstMembers: [] }));
}

async function hasLog(walDirectory: string): Promise<boolean> {
  try {
    return await hasWal(new NodeDisk(), walDirectory);
  } catch (error) {
    // What is wrong with the place is said when it is opened.
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

function nodeSettings(config: ServerConfig): NodeSettings {
  return {
    quotaBytes: quotaBytesOf(config),
    // As long as etcd's clients expect it at most: five seconds and two elections.
    proposalTimeoutMs: 5000 + 2 * config.electionMs,
    checkpointEntries: config.snapshotEntries,
    compactionBatchKeysMax: config.compactionBatchRevisionsMax,
    compactionPauseMs: config.compactionPauseMs,
    applyWarningMs: config.applyWarningMs,
    autoCompaction: config.autoCompaction,
    learnersMax: config.learnersMax,
    strictReconfigCheck: config.strictReconfigCheck,
    transferMs: config.electionMs,
    authTokenTtlMs: config.auth.tokenTtlMs,
  };
}

interface DataOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly identity: NodeIdentity;
  readonly metrics: MemberMetrics;
  readonly hears: DiskTrouble;
  readonly failpoints: Failpoints | undefined;
}

function dataOptions({ config, clock, identity, metrics, hears, failpoints }: DataOptions): DataDirectoryOptions {
  return {
    disk: new NodeDisk({ syncs: !config.noFsync }),
    path: config.dataDirectory,
    walPath: config.walDirectory,
    metadata: { nodeId: identity.memberId, clusterId: identity.clusterId },
    wal: {
      ...metrics.walObserver,
      clock,
      onSpaceChange: (isShort) => hears.spaceChanged('write-ahead log', isShort),
      failpoints,
    },
    tables: new LevelTables(),
    backend: {
      ...metrics.backendObserver,
      onFailure: (error) => hears.storeFailed(error),
      onSpaceChange: (isFull) => hears.spaceChanged('store', isFull),
      clock,
      failpoints,
    },
  };
}

/** While there is no node yet, whoever works on the disk hears of its trouble by rejections. */
const DEAF: DiskTrouble = { storeFailed: () => undefined, spaceChanged: () => undefined };

/** What ends a running server: a signal (undefined), or an error. */
class Ending {
  readonly begun: Promise<Error | undefined>;
  #end: (failure: Error | undefined) => void = () => undefined;
  readonly #onSignal: (signal: NodeJS.Signals) => void;

  constructor(logger: Logger) {
    this.begun = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#onSignal = (signal) => {
      logger.info('received signal; shutting down', { signal });
      this.#end(undefined);
    };
    process.on('SIGTERM', this.#onSignal);
    process.on('SIGINT', this.#onSignal);
  }

  fail(error: Error): void {
    this.#end(error);
  }

  close(): void {
    process.off('SIGTERM', this.#onSignal);
    process.off('SIGINT', this.#onSignal);
  }
}

function quotaBytesOf({ quotaBytes }: ServerConfig): number {
  if (quotaBytes < 0) return 0;
  return quotaBytes === 0 ? QUOTA_BYTES_DEFAULT : quotaBytes;
}
