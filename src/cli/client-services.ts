/** The services of one member on its client port, and on the addresses for metrics. */

import { randomInt } from 'node:crypto';
import { type Clock, InvariantError, type Logger } from '../base/index.ts';
import type { Node } from '../node/index.ts';
import { httpRoutes, receiveBytesMax, ServingState, services, watchMethod } from '../rpc/index.ts';
import { ClientPort, HttpServer, PortMux } from '../wire/index.ts';
import type { MemberMetrics } from './member-metrics.ts';
import type { ServerConfig } from './server-config.ts';
import type { MemberUrl } from './url.ts';

/** Watchers that /debug/watchers shows, those that lag the most first. */
const WATCHERS_SHOWN_MAX = 1000;

export interface ClientServicesOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly node: Node;
  readonly metrics: MemberMetrics;
}

export interface ClientServices {
  /** Takes no more connections and lets what is under way finish for at most `graceMs`. */
  close(graceMs: number): Promise<void>;
}

export async function serveClients(options: ClientServicesOptions): Promise<ClientServices> {
  const { config, clock, logger, node, metrics } = options;
  const serving = new ServingState(true);
  const watch = watchMethod({
    watchable: node.watchable,
    clock,
    header: (revision) => ({ clusterId: node.clusterId, memberId: node.memberId, revision, term: node.term }),
    requestBytesMax: config.requestBytesMax,
    progressIntervalMs: config.watchProgressMs,
    prng: { next: () => randomInt(2 ** 32) },
    observe: metrics.watchResponseSent,
    permit: () => undefined,
  });
  const routes = httpRoutes({
    member: node,
    observer: {
      health: (isHealthy) => {
        if (isHealthy) metrics.metrics.counts.healthSuccesses++;
        else metrics.metrics.counts.healthFailures++;
      },
      check: (type, name, isHealthy) => metrics.metrics.healthChecked(type, name, isHealthy),
    },
    metrics: async () => ({ contentType: metrics.metrics.contentType, text: await metrics.metrics.render() }),
    watchers: () => node.watchable.describe(WATCHERS_SHOWN_MAX),
  });
  const http = {
    routes,
    onError: (path: string, error: unknown) => logger.error('answering an HTTP request failed', { path, error }),
  };
  const port = new ClientPort({
    grpc: {
      methods: services({
        member: node,
        requestBytesMax: config.requestBytesMax,
        txnOpsMax: config.txnOperationsMax,
        serving,
        watch,
      }),
      requestBytesMax: receiveBytesMax(config.requestBytesMax),
      streamsMax: config.streamsMax,
      keepaliveIntervalMs: config.keepalive.intervalMs,
      keepaliveTimeoutMs: config.keepalive.timeoutMs,
      observer: metrics.callObserver,
      onError: (method, error) => {
        logger.error('answering a call failed', { method, error });
        // The member has lost its footing: whoever asks next must not be answered by it.
        if (error instanceof InvariantError) node.failed(error);
      },
    },
    http,
  });
  for (const url of config.listenClientUrls) await listen(url, (host, number) => port.listen(host, number));
  const metricsServer = new HttpServer(http);
  const metricsPorts: PortMux[] = [];
  for (const url of config.listenMetricsUrls) {
    const mux = new PortMux({ grpc: (socket) => socket.destroy(), http: (socket) => metricsServer.accept(socket) });
    await listen(url, (host, number) => mux.listen(host, number));
    metricsPorts.push(mux);
  }
  return {
    close: async (graceMs) => {
      serving.set(false);
      await Promise.all([port.close(graceMs), ...metricsPorts.map((mux) => mux.close()), metricsServer.close(graceMs)]);
    },
  };
}

/** Says which address could not be had. */
export async function listen(url: MemberUrl, begin: (host: string, port: number) => Promise<unknown>): Promise<void> {
  try {
    // The name is bound as IPv4 only, as etcd's default is used by every client.
    await begin(url.host === 'localhost' ? '127.0.0.1' : url.host, url.port);
  } catch (error) {
    throw new Error(`cannot listen on ${url.text}`, { cause: error });
  }
}
