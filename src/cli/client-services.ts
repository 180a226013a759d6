/** The services of one member on its client port, and on the addresses for metrics. */

import { randomInt } from 'node:crypto';
import { type Clock, type Failpoints, InvariantError, type Logger } from '../base/index.ts';
import type { Node } from '../node/index.ts';
import { gatewayExchanges, httpRoutes, receiveBytesMax, ServingState, services, watchMethod } from '../rpc/index.ts';
import { ClientPort, type GrpcLimits, HttpServer, type HttpServerOptions, PortMux } from '../wire/index.ts';
import { clientAuth } from './client-auth.ts';
import type { MemberMetrics } from './member-metrics.ts';
import type { MemberTls } from './member-tls.ts';
import type { ServerConfig } from './server-config.ts';
import type { MemberUrl } from './url.ts';

/** Watchers that /debug/watchers shows, those that lag the most first. */
const WATCHERS_SHOWN_MAX = 1000;

export interface ClientServicesOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tls: MemberTls;
  readonly node: Node;
  readonly metrics: MemberMetrics;
  readonly failpoints: Failpoints | undefined;
}

export interface ClientServices {
  /** Takes no more connections and lets what is under way finish for at most `graceMs`. */
  close(graceMs: number): Promise<void>;
}

export async function serveClients(options: ClientServicesOptions): Promise<ClientServices> {
  const { config, clock, logger, tls, node, metrics, failpoints } = options;
  const serving = new ServingState(true);
  const auth = await clientAuth(config, node, clock);
  const watch = watchMethod({
    watchable: node.watchable,
    clock,
    header: node,
    requestBytesMax: config.requestBytesMax,
    progressIntervalMs: config.watchProgressMs,
    prng: { next: () => randomInt(2 ** 32) },
    observe: metrics.watchResponsesSent,
    member: node,
    callers: auth.callers,
    failpoints,
  });
  const http = {
    routes: routesOf(node, metrics),
    onError: (path: string, error: unknown) => logger.error('answering an HTTP request failed', { path, error }),
  };
  const methods = services({
    member: node,
    clock,
    electionMs: config.electionMs,
    requestBytesMax: config.requestBytesMax,
    txnOpsMax: config.txnOperationsMax,
    serving,
    ...auth,
    watch,
    failpoints,
    watchable: node.watchable,
  });
  const calls = {
    methods,
    ...limitsOf(config),
    observer: metrics.callObserver,
    onError: (method: string, error: unknown) => {
      logger.error('answering a call failed', { method, error });
      // The member has lost its footing: whoever asks next must not be answered by it.
      if (error instanceof InvariantError) node.failed(error);
    },
  };
  const port = new ClientPort({
    wire: config.wire,
    grpc: { ...calls, clock },
    http: { ...http, exchanges: gatewayExchanges(calls) },
    onRefused: tls.refused('client'),
  });
  for (const url of config.listenClientUrls) {
    await listen(url, (host, number) => port.listen(host, number, tls.policyOf('client', url)));
  }
  const metricsPorts = await serveMetrics(config.listenMetricsUrls, http, tls);
  return {
    close: async (graceMs) => {
      serving.set(false);
      await auth.passwords.close();
      await Promise.all([port.close(graceMs), metricsPorts.close(graceMs)]);
    },
  };
}

function routesOf(node: Node, { metrics }: MemberMetrics): ReturnType<typeof httpRoutes> {
  return httpRoutes({
    member: node,
    observer: {
      health: (isHealthy) => {
        if (isHealthy) metrics.counts.healthSuccesses++;
        else metrics.counts.healthFailures++;
      },
      check: (type, name, isHealthy) => metrics.healthChecked(type, name, isHealthy),
    },
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.render() }),
    watchers: () => node.watchable.describe(WATCHERS_SHOWN_MAX),
  });
}

/** The addresses that are for HTTP alone. */
async function serveMetrics(
  urls: readonly MemberUrl[],
  http: HttpServerOptions,
  tls: MemberTls,
): Promise<ClientServices> {
  const server = new HttpServer(http);
  const ports: PortMux[] = [];
  for (const url of urls) {
    const port = new PortMux({
      grpc: (socket) => socket.destroy(),
      http: (socket) => server.accept(socket),
      tls: tls.policyOf('client', url),
      onRefused: tls.refused('client'),
    });
    await listen(url, (host, number) => port.listen(host, number));
    ports.push(port);
  }
  return {
    close: async (graceMs) => {
      await Promise.all([...ports.map((port) => port.close()), server.close(graceMs)]);
    },
  };
}

function limitsOf({ requestBytesMax, streamsMax, keepalive }: ServerConfig): GrpcLimits {
  return {
    requestBytesMax: receiveBytesMax(requestBytesMax),
    streamsMax,
    keepaliveIntervalMs: keepalive.intervalMs,
    keepaliveTimeoutMs: keepalive.timeoutMs,
    clientPingMinMs: keepalive.clientMinMs,
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
