/** etcdserverpb.ResponseHeader, field 1 of nearly every answer: who answered, and how far its store had come. */

import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import { joined, ProtoWriter } from './proto-writer.ts';

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly term: number;
}

const HEADER = 1;

/** Both ids, encoded: they are those of one member and the same in every header, and arithmetic with bigints is slow. */
let idsLast: { readonly clusterId: bigint; readonly memberId: bigint; readonly bytes: Bytes } = {
  clusterId: 0n,
  memberId: 0n,
  bytes: EMPTY_BYTES,
};

function encodedIds({ clusterId, memberId }: ResponseHeader): Bytes {
  if (idsLast.clusterId !== clusterId || idsLast.memberId !== memberId) {
    const writer = new ProtoWriter();
    writer.bigintField(2, memberId);
    writer.bigintField(1, clusterId);
    idsLast = { clusterId, memberId, bytes: joined(writer.finish()) };
  }
  return idsLast.bytes;
}

/** Writes the header as field 1. Being the first field, it is the last to be written. */
export function writeHeader(writer: ProtoWriter, header: ResponseHeader): void {
  const end = writer.length;
  writer.numberField(4, header.term);
  writer.numberField(3, header.revision);
  writer.raw(encodedIds(header));
  writer.messageField(HEADER, end);
}
