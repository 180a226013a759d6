/**
 * Ranges of one key and of a thousand keys with 256-byte values, serializable (the member answers from its own store) and
 * linearizable (it makes sure of its leader first).
 *
 * All answers of a run are equal, so their bytes tell that none was an error: there are as many as of one answer times the
 * answers, or some more, because h2load does not count what is answered while it starts and after it has stopped.
 */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { eventLoopHold } from './event-loop-hold.ts';
import { fillKey } from './fill-load.ts';
import { grpcMessage, MESSAGE_HEADER_BYTES } from './http2-frame.ts';
import { runLoad } from './load-child.ts';
import { h2load, warmUp } from './load-h2load.ts';
import { call, RANGE_PATH } from './raw-call.ts';
import { less, type Measured, more } from './sample.ts';
import type { BenchServer } from './server-process.ts';
import type { Stage, Work } from './work.ts';

const KEYS = 1000;
const VALUE_BYTES = 256;
const CONNECTIONS = 10;

interface Range {
  readonly keys: number;
  readonly serializable: boolean;
  readonly inFlightPerConnection: number;
}

const RANGES: readonly Range[] = [
  { keys: 1, serializable: true, inFlightPerConnection: 100 },
  { keys: 1, serializable: false, inFlightPerConnection: 100 },
  { keys: KEYS, serializable: true, inFlightPerConnection: 1 },
  { keys: KEYS, serializable: false, inFlightPerConnection: 1 },
];

export const ranges: Work = {
  name: 'ranges',
  run(stage) {
    return stage.withServer(async (server) => {
      await runLoad({ kind: 'fill', port: server.port, keys: KEYS, valueBytes: VALUE_BYTES });
      const measured: Measured[] = [];
      for (const range of RANGES) measured.push(...(await measure(stage, server, range)));
      return [...measured, ...(await eventLoopHold(server, 'ranges'))];
    });
  },
};

async function measure(stage: Stage, server: BenchServer, range: Range): Promise<Measured[]> {
  const request = etcdserverpb.RangeRequest.encode({
    key: Buffer.from(fillKey(0)),
    range_end: range.keys === 1 ? Buffer.alloc(0) : Buffer.from(fillKey(range.keys)),
    serializable: range.serializable,
  }).finish();
  const answer = await call(server.port, RANGE_PATH, request);
  const keys = etcdserverpb.RangeResponse.decode(answer).kvs.length;
  if (keys !== range.keys) throw new Error(`a range of ${range.keys} keys brought ${keys}`);

  const { inFlightPerConnection } = range;
  const bodyFile = await stage.file('range', grpcMessage(request));
  const load = { port: server.port, path: RANGE_PATH, bodyFile, connections: CONNECTIONS, inFlightPerConnection };
  await h2load({ ...load, amount: stage.isQuick ? { requests: 50 } : warmUp(CONNECTIONS, inFlightPerConnection) });
  const processorMsBefore = server.processorMs;
  const result = await h2load({ ...load, amount: stage.isQuick ? { requests: 200 } : { seconds: 4 } });
  const processorMs = server.processorMs - processorMsBefore;
  const answers = result.dataBytes / (MESSAGE_HEADER_BYTES + answer.length);
  const name = `${range.serializable ? 'serializable' : 'linearizable'} ranges of ${range.keys} ${range.keys === 1 ? 'key' : 'keys'}`;
  if (answers < result.done) throw new Error(`${name}: ${result.done} answers with the bytes of ${answers}`);
  return [
    more(`${name}, ${CONNECTIONS} x ${inFlightPerConnection} in flight`, '1/s', result.perSecond),
    less(`${name}, server's processor time for each`, 'us', (processorMs * 1000) / answers),
  ];
}
