/**
 * Puts of a 256-byte value, durable before they are answered: one client alone, and a hundred connections with ten calls in
 * flight each. All to one key, because h2load has one request to send.
 *
 * The store's revision tells whether the answers stand for puts that were made: it rises by one for each, so by as many as were
 * answered, or by some more, because h2load does not count what is answered while it starts and after it has stopped.
 */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { eventLoopHold } from './event-loop-hold.ts';
import { grpcMessage } from './http2-frame.ts';
import { type H2Load, h2load, warmUp } from './load-h2load.ts';
import { PUT_PATH, revisionOf } from './raw-call.ts';
import { less, type Measured, more } from './sample.ts';
import type { BenchServer } from './server-process.ts';
import type { Stage, Work } from './work.ts';

const VALUE_BYTES = 256;

interface Clients {
  readonly name: string;
  readonly connections: number;
  readonly inFlightPerConnection: number;
  /** Their times are worth knowing only where nobody waits for others. */
  readonly isTimed: boolean;
}

/** The many come first: they warm the server up for the one, who alone would take minutes to. */
const CLIENTS: readonly Clients[] = [
  { name: 'puts, 100 connections x 10 in flight', connections: 100, inFlightPerConnection: 10, isTimed: false },
  { name: 'puts, 1 client', connections: 1, inFlightPerConnection: 1, isTimed: true },
];

export const puts: Work = {
  name: 'puts',
  async run(stage) {
    const request = etcdserverpb.PutRequest.encode({
      key: Buffer.from('bench'),
      value: Buffer.alloc(VALUE_BYTES, 'v'),
    });
    const bodyFile = await stage.file('put', grpcMessage(request.finish()));
    return stage.withServer(async (server) => {
      const measured: Measured[] = [];
      for (const clients of CLIENTS) {
        await put(
          stage,
          server,
          clients,
          bodyFile,
          stage.isQuick ? { requests: 100 } : warmUp(clients.connections, clients.inFlightPerConnection),
        );
        const amount = stage.isQuick ? { requests: 200 } : { seconds: 5 };
        measured.push(...(await put(stage, server, clients, bodyFile, amount)));
      }
      return [...measured, ...(await eventLoopHold(server, 'puts'))];
    });
  },
};

async function put(
  stage: Stage,
  server: BenchServer,
  clients: Clients,
  bodyFile: string,
  amount: H2Load['amount'],
): Promise<Measured[]> {
  const { name, connections, inFlightPerConnection, isTimed } = clients;
  const load = { port: server.port, path: PUT_PATH, bodyFile, connections, inFlightPerConnection, amount };
  const revisionBefore = await revisionOf(server.port);
  const processorMsBefore = server.processorMs;
  const result = await h2load(isTimed ? { ...load, logFile: await stage.file('times', Buffer.alloc(0)) } : load);
  const processorMs = server.processorMs - processorMsBefore;
  const made = (await revisionOf(server.port)) - revisionBefore;
  if (made < result.done) throw new Error(`${name}: ${result.done} answers, but ${made} puts were made`);
  return [
    more(name, '1/s', result.perSecond),
    ...(isTimed ? [less(`${name}, p50`, 'ms', result.p50Ms)] : []),
    less(`${name}, server's processor time for each`, 'us', (processorMs * 1000) / made),
  ];
}
