/** Who is in the cluster, as one member tells another: PeerMembers of proto/peer.proto. */

import type { Bytes } from '../base/index.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';

export interface PeerMember {
  readonly id: bigint;
  /** Empty until the member has started once. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface PeerMembers {
  readonly clusterId: bigint;
  readonly members: readonly PeerMember[];
}

export function encodePeerMembers({ clusterId, members }: PeerMembers): Bytes {
  const writer = new ProtoWriter();
  const text = (field: number, value: string): void => writer.bytesField(field, Buffer.from(value, 'utf8'));
  for (const { id, name, peerUrls, clientUrls, isLearner } of members.toReversed()) {
    const end = writer.length;
    writer.boolField(5, isLearner);
    for (const url of clientUrls.toReversed()) text(4, url);
    for (const url of peerUrls.toReversed()) text(3, url);
    if (name !== '') text(2, name);
    writer.bigintField(1, id);
    writer.messageField(2, end);
  }
  writer.bigintField(1, clusterId);
  return joined(writer.finish());
}

/** Throws ProtocolError. */
export function decodePeerMembers(bytes: Bytes): PeerMembers {
  let clusterId = 0n;
  const members: PeerMember[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) clusterId = reader.uint64();
    else if (reader.field === 2) members.push(readMember(reader.bytes()));
    else reader.skip();
  }
  return { clusterId, members };
}

function readMember(bytes: Bytes): PeerMember {
  let id = 0n;
  let name = '';
  const peerUrls: string[] = [];
  const clientUrls: string[] = [];
  let isLearner = false;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) id = reader.uint64();
    else if (reader.field === 2) name = reader.text();
    else if (reader.field === 3) peerUrls.push(reader.text());
    else if (reader.field === 4) clientUrls.push(reader.text());
    else if (reader.field === 5) isLearner = reader.bool();
    else reader.skip();
  }
  return { id, name, peerUrls, clientUrls, isLearner };
}
