/**
 * Ranges by h2load, from one member or from several at once, which share the connections.
 *
 * All answers of a run are equal, so their bytes tell that none was an error: there are as many as of one answer times the
 * answers, or some more, because h2load does not count what is answered while it starts and after it has stopped.
 */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { fillKey } from './fill-load.ts';
import { grpcMessage, MESSAGE_HEADER_BYTES } from './http2-frame.ts';
import { type H2Load, h2load, warmUp } from './load-h2load.ts';
import { call, RANGE_PATH } from './raw-call.ts';
import { less, type Measured, more } from './sample.ts';
import type { Stage } from './work.ts';

const CONNECTIONS = 10;

export interface RangeKind {
  /** Before the name of the rows. */
  readonly where?: string;
  readonly keys: number;
  readonly serializable: boolean;
  readonly inFlightPerConnection: number;
  /** Of the rate: how many times etcd's. */
  readonly goal?: number;
}

/** Whom to ask. The keys are those of fill-load.ts. */
export interface RangeTarget {
  /** Of the members that are asked. */
  readonly ports: readonly number[];
  /** Of the one server, or of all of a cluster. */
  readonly server: { readonly processorMs: number };
}

interface Asked {
  readonly done: number;
  readonly perSecond: number;
  readonly answers: number;
}

/** The rows of ranges of this kind. Throws if an answer was an error or had other keys. */
export async function rangeRows(
  stage: Stage,
  { ports, server }: RangeTarget,
  kind: RangeKind,
  seconds: number,
): Promise<Measured[]> {
  const { where = '', keys, serializable, inFlightPerConnection, goal } = kind;
  const request = etcdserverpb.RangeRequest.encode({
    key: Buffer.from(fillKey(0)),
    range_end: keys === 1 ? Buffer.alloc(0) : Buffer.from(fillKey(keys)),
    serializable,
  }).finish();
  const bodyFile = await stage.file('range', grpcMessage(request));
  const ask = async (amount: H2Load['amount']): Promise<Asked> => {
    const perPort = await Promise.all(
      ports.map(async (port, i): Promise<Asked> => {
        const answer = await call(port, RANGE_PATH, request);
        const found = etcdserverpb.RangeResponse.decode(answer).kvs.length;
        if (found !== keys) throw new Error(`a range of ${keys} keys brought ${found}`);
        const connections = Math.floor((CONNECTIONS + i) / ports.length);
        const door = { port };
        const result = await h2load({ door, path: RANGE_PATH, bodyFile, connections, inFlightPerConnection, amount });
        return { ...result, answers: result.dataBytes / (MESSAGE_HEADER_BYTES + answer.length) };
      }),
    );
    return {
      done: sum(perPort.map(({ done }) => done)),
      perSecond: sum(perPort.map(({ perSecond }) => perSecond)),
      answers: sum(perPort.map(({ answers }) => answers)),
    };
  };
  const warm = warmUp(CONNECTIONS, inFlightPerConnection).requests / ports.length;
  await ask({ requests: stage.isQuick ? 50 : Math.ceil(warm) });
  const processorMsBefore = server.processorMs;
  const asked = await ask(stage.isQuick ? { requests: 200 } : { seconds });
  const processorMs = server.processorMs - processorMsBefore;
  const { done, perSecond, answers } = asked;
  const name = `${where}${serializable ? 'serializable' : 'linearizable'} ranges of ${keys} ${keys === 1 ? 'key' : 'keys'}`;
  if (answers < done) throw new Error(`${name}: ${done} answers with the bytes of ${answers}`);
  return [
    more(`${name}, ${CONNECTIONS} x ${inFlightPerConnection} in flight`, '1/s', perSecond, goal),
    less(`${name}, server's processor time for each`, 'us', (processorMs * 1000) / answers),
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
