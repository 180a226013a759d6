/** etcdserverpb.ResponseHeader, field 1 of nearly every answer: who answered, and how far its store had come. */

import type { ProtoWriter } from './proto-writer.ts';

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly term: number;
}

const HEADER = 1;

/** Writes the header as field 1. Being the first field, it is the last to be written. */
export function writeHeader(writer: ProtoWriter, header: ResponseHeader): void {
  const end = writer.length;
  writer.numberField(4, header.term);
  writer.numberField(3, header.revision);
  writer.bigintField(2, header.memberId);
  writer.bigintField(1, header.clusterId);
  writer.messageField(HEADER, end);
}
