/** The peer port of one member: what others send it comes in here; what it sends goes to their peer ports. */

import { randomInt } from 'node:crypto';
import { CLUSTER_VERSION, type Clock, type Logger, SERVER_VERSION, SeededPrng } from '../base/index.ts';
import { raftId } from '../codec/index.ts';
import type { PeerEnd, PeerNetwork } from '../node/index.ts';
import { GrpcPeers, PEER_REQUEST_BYTES_MAX, type PeerObserver, peerMethods } from '../peer/index.ts';
import { ClientPort, getOnly, unobserved } from '../wire/index.ts';
import { listen } from './client-services.ts';
import type { MemberTls } from './member-tls.ts';
import type { ServerConfig } from './server-config.ts';

/** Streams that other members may have open on one connection: messages, snapshots, questions. */
const STREAMS_MAX = 100;
const KEEPALIVE_INTERVAL_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5000;
/** Members ask each other more often than clients may. */
const CLIENT_PING_MIN_MS = 500;
const CLOSE_GRACE_MS = 200;

export interface PeerPortOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tls: MemberTls;
  readonly observer: PeerObserver;
  readonly end: PeerEnd;
}

export async function openPeerPort(options: PeerPortOptions): Promise<PeerNetwork> {
  const { config, clock, logger, tls, observer, end } = options;
  const { clusterId } = end;
  const memberId = raftId(end.memberId);
  const port = new ClientPort({
    wire: config.wire,
    grpc: {
      methods: peerMethods({
        clusterId,
        memberId,
        receiver: end,
        members: () => end.members(),
        state: () => end.state(),
        clock,
        logger,
        observer,
      }),
      requestBytesMax: PEER_REQUEST_BYTES_MAX,
      streamsMax: STREAMS_MAX,
      keepaliveIntervalMs: KEEPALIVE_INTERVAL_MS,
      keepaliveTimeoutMs: KEEPALIVE_TIMEOUT_MS,
      clientPingMinMs: CLIENT_PING_MIN_MS,
      clock,
      observer: unobserved,
      onError: (method, error) => logger.error('answering another member failed', { method, error }),
    },
    http: {
      routes: new Map([['/version', getOnly(version)]]),
      onError: (path, error) => logger.error('answering an HTTP request failed', { path, error }),
    },
    onRefused: tls.refused('peer'),
  });
  for (const url of config.listenPeerUrls) {
    await listen(url, (host, number) => port.listen(host, number, tls.policyOf('peer', url)));
  }
  const transport = new GrpcPeers({
    clusterId,
    memberId,
    urls: config.advertisePeerUrls,
    clock,
    prng: new SeededPrng(randomInt(2 ** 47)),
    logger,
    observer,
    openChannel: tls.openChannel,
  });
  return {
    transport,
    close: async () => {
      await transport.close();
      await port.close(CLOSE_GRACE_MS);
    },
  };
}

const version = (): { status: number; headers: Record<string, string>; body: string } => ({
  status: 200,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ etcdserver: SERVER_VERSION, etcdcluster: CLUSTER_VERSION }),
});
