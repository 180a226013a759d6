/** Gives this member's whole state to one that has lost its own, as fast as that takes it: chunks, then the checksum over all of them. */

import { type Bytes, crc32c, Status } from '../base/index.ts';
import { decodePeerFrame, encodeSnapshotChunk } from '../codec/index.ts';
import type { MemberId } from '../raft/index.ts';
import type { CallContext, SendStream } from '../wire/index.ts';
import { helloProblem } from './hello.ts';
import type { OutgoingSnapshot } from './transport.ts';

export interface StateUploadOptions {
  readonly clusterId: bigint;
  /** This member. */
  readonly memberId: MemberId;
  readonly state: () => Promise<OutgoingSnapshot>;
}

export async function sendState(
  { clusterId, memberId, state }: StateUploadOptions,
  request: Bytes,
  stream: SendStream,
  call: CallContext,
): Promise<void> {
  const { hello } = decodePeerFrame(request);
  const problem = hello === undefined ? 'no hello' : helloProblem(hello, { clusterId, memberId });
  if (problem !== undefined) {
    stream.end({ code: Status.failedPrecondition, message: problem });
    return;
  }
  let go = (): void => undefined;
  stream.onWritable(() => go());
  call.onCancelled(() => go());
  const write = (bytes: Bytes): Promise<void> | undefined =>
    stream.write(bytes) ? undefined : new Promise((resolve) => (go = resolve));
  const snapshot = await state();
  let crc = 0;
  try {
    for await (const data of snapshot.chunks) {
      crc = crc32c(data, crc);
      await write(encodeSnapshotChunk({ data }));
      if (call.cancelled) return;
    }
    await write(encodeSnapshotChunk({ crc, last: true }));
    stream.end();
  } finally {
    snapshot.close();
  }
}
