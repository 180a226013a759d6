/** Asks another member for its whole state: for one that has lost its own and still has its log. */

import type { Client } from '@grpc/grpc-js';
import { type Bytes, crc32c } from '../base/index.ts';
import { decodeSnapshotChunk, encodePeerFrame, type PeerHello } from '../codec/index.ts';
import { asBuffer, asBytes } from './channel.ts';
import { STATE_METHOD } from './hello.ts';

/** Chunks of the state of the member at the other end of the channel, which is closed at the end. Throws if it is cut short, damaged or refused. */
export async function* askState(client: Client, hello: PeerHello): AsyncGenerator<Bytes, void, undefined> {
  const request = encodePeerFrame({ hello, number: 0, messages: [] });
  const call = client.makeServerStreamRequest(STATE_METHOD, asBuffer, asBytes, request);
  let crc = 0;
  try {
    for await (const bytes of call) {
      const chunk = decodeSnapshotChunk(bytes as Bytes);
      if (chunk.last) {
        if (chunk.crc !== crc) throw new Error('the state is not as it was sent');
        return;
      }
      crc = crc32c(chunk.data, crc);
      yield chunk.data;
    }
    throw new Error('the state was cut short');
  } finally {
    call.cancel();
    client.close();
  }
}
