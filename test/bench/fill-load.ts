/** Many keys quickly: transactions of as many puts as a server takes by default, several in flight on one raw connection. */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { grpcMessage, requestHeaders } from './http2-frame.ts';
import type { FillJob } from './load-job.ts';
import { TXN_PATH } from './raw-call.ts';
import { RawConnection, type Sink } from './raw-client.ts';

const PUTS_PER_TXN = 128;
const TXNS_IN_FLIGHT = 8;

/** The key of this number. Keys sort as their numbers do, up to ten thousand million. */
export function fillKey(number: number): string {
  return `fill/${String(number).padStart(10, '0')}`;
}

/** Resolves when every key is there. Rejects if a transaction fails. */
export async function fill(job: FillJob): Promise<void> {
  const headers = requestHeaders(TXN_PATH, `127.0.0.1:${job.port}`);
  const value = Buffer.alloc(job.valueBytes, 'v');
  const { putsPerTxn = PUTS_PER_TXN, txnsInFlight = TXNS_IN_FLIGHT } = job;
  const connection = await RawConnection.open(job.port);
  let next = 0;
  let inFlight = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      const send = (): void => {
        for (; inFlight < txnsInFlight && next < job.keys; inFlight++) {
          const end = Math.min(next + putsPerTxn, job.keys);
          connection.send(connection.openStream(headers, 'initial', sink), grpcMessage(txnOf(next, end, value)), true);
          next = end;
        }
        connection.flush();
        if (inFlight === 0) resolve();
      };
      const sink: Sink = {
        message: () => {},
        ended: (messages, connectionError) => {
          inFlight -= 1;
          if (messages > 0) send();
          else reject(connectionError ?? new Error('a transaction of the load failed'));
        },
      };
      send();
    });
  } finally {
    connection.close();
  }
}

function txnOf(from: number, to: number, value: Buffer): Uint8Array {
  const success = Array.from({ length: to - from }, (_, i) => ({
    request_put: { key: Buffer.from(fillKey(from + i)), value },
  }));
  return etcdserverpb.TxnRequest.encode({ success }).finish();
}
