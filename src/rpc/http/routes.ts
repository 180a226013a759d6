/** All that the client port answers over HTTP/1. */

import { CLUSTER_VERSION, SERVER_VERSION, STORAGE_VERSION } from '../../base/index.ts';
import { getOnly, type HttpAnswer, type HttpHandler, type HttpRoutes } from '../../wire/index.ts';
import { type ProbeOptions, probeRoutes } from './probes.ts';

export interface HttpRoutesOptions extends ProbeOptions {
  /** The exposition for Prometheus, and its content type. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** What /debug/watchers shows: anything that JSON can say. */
  readonly watchers: () => unknown;
}

const json = (value: unknown): HttpAnswer => ({
  status: 200,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
});

/** Order of the keys as etcd has it; Patroni and others read the first two. */
const version: HttpHandler = () =>
  json({ etcdserver: SERVER_VERSION, etcdcluster: CLUSTER_VERSION, storage: STORAGE_VERSION });

export function httpRoutes(options: HttpRoutesOptions): HttpRoutes {
  const metrics: HttpHandler = async () => {
    const { contentType, text } = await options.metrics();
    return { status: 200, headers: { 'Content-Type': contentType }, body: text };
  };
  return new Map<string, HttpHandler>([
    ...probeRoutes(options),
    ['/metrics', metrics],
    ['/version', getOnly(version)],
    ['/debug/watchers', getOnly(() => json(options.watchers()))],
  ]);
}
