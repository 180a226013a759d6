/** etcdserverpb.ResponseHeader, field 1 of nearly every answer: who answered, and how far its store had come. */

import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import { joined, ProtoWriter } from './proto-writer.ts';
import { varintBytes, writeVarint } from './strict.ts';

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly term: number;
}

const HEADER = 1;
const REVISION = 3;
const TERM = 4;

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

/** A message that is nothing but its header: in one piece, with nothing made on the way. It is the answer to every write. */
export function encodeHeader(header: ResponseHeader): Bytes {
  const { revision, term } = header;
  const ids = encodedIds(header);
  const length = ids.length + fieldBytes(revision) + fieldBytes(term);
  const bytes = Buffer.allocUnsafe(1 + varintBytes(length) + length);
  bytes[0] = HEADER * 8 + 2;
  let at = writeVarint(bytes, 1, length);
  bytes.set(ids, at);
  at = writeField(bytes, at + ids.length, REVISION, revision);
  writeField(bytes, at, TERM, term);
  return bytes;
}

function fieldBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

function writeField(to: Bytes, at: number, field: number, value: number): number {
  if (value === 0) return at;
  to[at] = field * 8;
  return writeVarint(to, at + 1, value);
}

/** Writes the header as field 1. Being the first field, it is the last to be written. */
export function writeHeader(writer: ProtoWriter, header: ResponseHeader): void {
  const end = writer.length;
  writer.numberField(TERM, header.term);
  writer.numberField(REVISION, header.revision);
  writer.raw(encodedIds(header));
  writer.messageField(HEADER, end);
}
