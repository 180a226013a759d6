/**
 * Time without a leader: from the SIGKILL of the leader until a put is acknowledged through a survivor. A put that comes while
 * the dead one still counts as the leader may be lost with it and never answered, so each survivor is sent one every few
 * milliseconds, on a connection that is there already, and the first answer counts.
 *
 *     kill                                            elected
 *     put  put  put  put  put  put  put  put  put  put  put -> answered
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { etcdserverpb } from '../../src/gen/etcd.js';
import type { BenchCluster } from './bench-cluster.ts';
import { grpcMessage, requestHeaders } from './http2-frame.ts';
import { PUT_PATH, revisionOf, statusOf } from './raw-call.ts';
import { RawConnection, type Sink } from './raw-client.ts';

const PUT_EVERY_MS = 5;
const ANSWERED_WITHIN_MS = 30_000;

/** Kills the leader, and starts it again when another leads; resolves, with milliseconds, once it has caught up. */
export async function timeWithoutLeader(cluster: BenchCluster): Promise<number> {
  const leader = await cluster.leader();
  const { term } = await statusOf(leader.port);
  const survivors = cluster.others(leader);
  const connections = await Promise.all(survivors.map(({ port }) => RawConnection.open(port)));
  try {
    await leader.kill();
    const killedAt = performance.now();
    const { answeredAt, revision } = await firstAnswer(connections, killedAt);

    for (const { port } of survivors) {
      const now = await revisionOf(port);
      if (now < revision)
        throw new Error(`a put was acknowledged at revision ${revision}, and a survivor is at ${now}`);
      const after = await statusOf(port);
      if (after.term <= term) throw new Error(`a put was acknowledged in term ${after.term}, that of the dead leader`);
    }
    await cluster.restart(leader, (status) => status.revision >= revision && status.leader !== 0n);
    return answeredAt - killedAt;
  } finally {
    for (const connection of connections) connection.close();
  }
}

interface Answered {
  readonly answeredAt: number;
  /** Of the put. */
  readonly revision: number;
}

async function firstAnswer(connections: readonly RawConnection[], killedAt: number): Promise<Answered> {
  const headers = requestHeaders(PUT_PATH, '127.0.0.1');
  let answered: Answered | undefined;
  let broken: Error | undefined;
  const sink: Sink = {
    message: (bytes, start, end, readAt) => {
      const answer = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
      const { header } = etcdserverpb.PutResponse.decode(answer);
      answered ??= { answeredAt: readAt, revision: Number(header?.revision ?? 0) };
    },
    // A call may fail meanwhile, a connection to one who lives may not.
    ended: (_messages, connectionError) => (broken ??= connectionError),
  };
  for (let number = 0; performance.now() - killedAt < ANSWERED_WITHIN_MS; number++) {
    for (const connection of connections) {
      const put = { key: Buffer.from('failover'), value: Buffer.from(String(number)) };
      const stream = connection.openStream(headers, 'initial', sink);
      connection.send(stream, grpcMessage(etcdserverpb.PutRequest.encode(put).finish()), true);
      connection.flush();
    }
    await sleep(PUT_EVERY_MS);
    if (broken !== undefined) throw broken;
    if (answered !== undefined) return answered;
  }
  throw new Error(`no put was acknowledged within ${ANSWERED_WITHIN_MS} ms of the leader's end`);
}
