/** What members log of themselves: their names and client URLs when they start, new peer URLs when an operator moves one. */

import type { Bytes } from '../base/index.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';

export interface MemberAttributesOperation {
  readonly kind: 'memberAttributes';
  readonly id: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

export interface MemberUpdateOperation {
  readonly kind: 'memberUpdate';
  readonly id: bigint;
  readonly peerUrls: readonly string[];
}

/** etcdserverpb.ClusterMemberAttrSetRequest { member_ID = 1, member_attributes = 2 { name = 1, client_urls = 2 } } */
export function encodeMemberAttributes({ id, name, clientUrls }: MemberAttributesOperation): Bytes {
  const writer = new ProtoWriter();
  const end = writer.length;
  for (const url of clientUrls.toReversed()) writeText(writer, 2, url);
  if (name !== '') writeText(writer, 1, name);
  writer.messageField(2, end);
  writer.bigintField(1, id);
  return joined(writer.finish());
}

/** Throws ProtocolError. */
export function decodeMemberAttributes(bytes: Bytes): MemberAttributesOperation {
  let id = 0n;
  let name = '';
  const clientUrls: string[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) {
      id = reader.uint64();
    } else if (reader.field === 2) {
      const attributes = new ProtoReader(reader.bytes());
      while (attributes.next()) {
        if (attributes.field === 1) name = attributes.text();
        else if (attributes.field === 2) clientUrls.push(attributes.text());
        else attributes.skip();
      }
    } else {
      reader.skip();
    }
  }
  return { kind: 'memberAttributes', id, name, clientUrls };
}

/** etcdserverpb.MemberUpdateRequest { ID = 1, peerURLs = 2 } */
export function encodeMemberUpdate({ id, peerUrls }: MemberUpdateOperation): Bytes {
  const writer = new ProtoWriter();
  for (const url of peerUrls.toReversed()) writeText(writer, 2, url);
  writer.bigintField(1, id);
  return joined(writer.finish());
}

/** Throws ProtocolError. */
export function decodeMemberUpdate(bytes: Bytes): MemberUpdateOperation {
  let id = 0n;
  const peerUrls: string[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) id = reader.uint64();
    else if (reader.field === 2) peerUrls.push(reader.text());
    else reader.skip();
  }
  return { kind: 'memberUpdate', id, peerUrls };
}

function writeText(writer: ProtoWriter, field: number, text: string): void {
  writer.bytesField(field, Buffer.from(text, 'utf8'));
}
