/**
 * etcdserverpb.InternalRaftRequest: what an entry of the log asks of the machine. It is a thin wrapping around the request
 * as the client sent it; the request itself is neither decoded nor encoded again on its way into the log.
 *
 *     a2 06 04 | 08 e8 07 | 22 03 | 0a 01 6b      header { ID 1000 }, put { key "k" }
 *     header     ID        put      request
 *
 * Exactly one of the many request fields is set; its number says of what kind the request is.
 */

import { assert, type Bytes } from '../base/index.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';
import { varintBytes } from './strict.ts';

/** Field numbers of the kinds that we make and understand: proto/internal.proto. */
const FIELDS = {
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  alarm: 10,
  memberAttributes: 1301,
  // Ours.
  memberUpdate: 10_001,
} as const;

export type InternalKind = keyof typeof FIELDS;

const HEADER = 100;
const HEADER_ID = 1;

export interface InternalRequest {
  /** Names the proposal: a whole number of at most 53 bits. 0 for one that has more: it is none of ours, and answers nobody. */
  readonly id: number;
  readonly kind: InternalKind;
  /** The encoded request message. */
  readonly request: Bytes;
}

/** A request of a kind that we do not know, by its field's number: an entry of a newer version. 0 if there is none at all. */
export interface UnknownInternalRequest {
  readonly id: number;
  readonly kind: 'unknown';
  readonly field: number;
  readonly request: Bytes;
}

/** The header with an id of ten bytes (2 + 1 for the field, 1 for the id's tag), and the request's tag. */
const WRAPPING_BYTES = 3 + 1 + 10 + 1;

/** Bytes of an InternalRaftRequest around a request of `requestBytes`, if its id takes ten bytes, as etcd's do. Ours are shorter. */
export function internalRequestBytes(requestBytes: number): number {
  return WRAPPING_BYTES + varintBytes(requestBytes) + requestBytes;
}

/** The bytes of an entry. The request is copied. */
export function encodeInternalRequest(internal: InternalRequest): Bytes {
  const { id, kind, request } = internal;
  assert(Number.isSafeInteger(id) && id >= 0, `a request id of more than 53 bits: ${id}`);
  const writer = new ProtoWriter(internalRequestBytes(request.length));
  writer.bytesField(FIELDS[kind], request);
  const end = writer.length;
  writer.numberField(HEADER_ID, id);
  writer.messageField(HEADER, end);
  return joined(writer.finish());
}

/** Reads an entry. `request` is a view of `bytes`. Throws ProtocolError if it is not an InternalRaftRequest at all. */
export function decodeInternalRequest(bytes: Bytes): InternalRequest | UnknownInternalRequest {
  let id = 0;
  let field = 0;
  let request = bytes.subarray(0, 0);
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === HEADER) {
      id = decodeHeaderId(reader.bytes());
    } else if (reader.field === 1) {
      // The id of etcd's days before the header.
      reader.skip();
    } else {
      field = reader.field;
      request = reader.bytes();
    }
  }
  const kind = kindOf(field);
  return kind === undefined ? { id, kind: 'unknown', field, request } : { id, kind, request };
}

function decodeHeaderId(bytes: Bytes): number {
  let id = 0;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === HEADER_ID) id = Number(reader.uint64());
    else reader.skip();
  }
  return Number.isSafeInteger(id) ? id : 0;
}

const KINDS: ReadonlyMap<number, InternalKind> = new Map(
  Object.entries(FIELDS).map(([kind, field]) => [field, kind as InternalKind]),
);

function kindOf(field: number): InternalKind | undefined {
  return KINDS.get(field);
}
