/**
 * Puts of a 256-byte value by h2load, durable before they are answered. All to one key, because h2load has one request to send.
 *
 * The store's revision tells whether the answers stand for puts that were made: it rises by one for each, so by as many as were
 * answered, or by some more, because h2load does not count what is answered while it starts and after it has stopped.
 */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { grpcMessage } from './http2-frame.ts';
import { type Door, type H2Load, h2load, warmUp } from './load-h2load.ts';
import { PUT_PATH, statusOf } from './raw-call.ts';
import { less, type Measured, more } from './sample.ts';
import type { Stage } from './work.ts';

const VALUE_BYTES = 256;
export const PUT_KEY = 'bench';

export interface Clients {
  readonly name: string;
  readonly connections: number;
  readonly inFlightPerConnection: number;
  /** Their times are worth knowing only where nobody waits for others. */
  readonly isTimed: boolean;
  /** Of the rate: how many times etcd's. */
  readonly goal?: number;
}

/** Whom to put to. */
export interface PutTarget {
  /** Of the member, without TLS. */
  readonly port: number;
  /** Where the puts go, if not there or not so. */
  readonly door?: Door;
  /** Of the one server, or of all of a cluster. */
  readonly server: { readonly processorMs: number };
}

export interface PutsMade {
  readonly perSecond: number;
  readonly p50Ms: number;
  /** Processor time of the server. */
  readonly usPerPut: number;
}

/** The rows of these clients' puts. */
export async function putRows(stage: Stage, target: PutTarget, clients: Clients, seconds: number): Promise<Measured[]> {
  const { name, isTimed, goal } = clients;
  const { perSecond, p50Ms, usPerPut } = await runPuts(stage, target, clients, seconds);
  return [
    more(name, '1/s', perSecond, goal),
    ...(isTimed ? [less(`${name}, p50`, 'ms', p50Ms)] : []),
    less(`${name}, server's processor time for each`, 'us', usPerPut),
  ];
}

/** Warms up, and then measures for so long. Throws if there are more answers than puts were made. */
export async function runPuts(stage: Stage, target: PutTarget, clients: Clients, seconds: number): Promise<PutsMade> {
  const { connections, inFlightPerConnection } = clients;
  await putOnce(stage, target, clients, stage.isQuick ? { requests: 100 } : warmUp(connections, inFlightPerConnection));
  return putOnce(stage, target, clients, stage.isQuick ? { requests: 200 } : { seconds });
}

async function putOnce(
  stage: Stage,
  { port, door = { port }, server }: PutTarget,
  { name, connections, inFlightPerConnection, isTimed }: Clients,
  amount: H2Load['amount'],
): Promise<PutsMade> {
  const request = etcdserverpb.PutRequest.encode({ key: Buffer.from(PUT_KEY), value: Buffer.alloc(VALUE_BYTES, 'v') });
  const bodyFile = await stage.file('put', grpcMessage(request.finish()));
  const load = { door, path: PUT_PATH, bodyFile, connections, inFlightPerConnection, amount };
  const { revision } = await statusOf(port);
  const processorMsBefore = server.processorMs;
  const result = await h2load(isTimed ? { ...load, logFile: await stage.file('times', Buffer.alloc(0)) } : load);
  const processorMs = server.processorMs - processorMsBefore;
  const made = (await statusOf(port)).revision - revision;
  if (made < result.done) throw new Error(`${name}: ${result.done} answers, but ${made} puts were made`);
  return { perSecond: result.perSecond, p50Ms: result.p50Ms, usPerPut: (processorMs * 1000) / made };
}
