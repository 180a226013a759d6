/**
 * etcdserverpb.InternalRaftRequest: what an entry of the log asks of the machine. It is a thin wrapping around the request
 * as the client sent it; the request itself is neither decoded nor encoded again on its way into the log.
 *
 *     a2 06 04 | 08 e8 07 | 22 03 | 0a 01 6b      header { ID 1000 }, put { key "k" }
 *     header     ID        put      request
 *
 * Exactly one of the many request fields is set; its number says of what kind the request is.
 */

import { type Author, NOBODY } from '../auth/index.ts';
import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';
import { varintBytes, writeVarint } from './strict.ts';

/** The wire type of messages and bytes. */
const LENGTH = 2;

/** Field numbers of the kinds that we make and understand: proto/internal.proto. */
const FIELDS = {
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  leaseGrant: 8,
  leaseRevoke: 9,
  alarm: 10,
  leaseCheckpoint: 11,
  authEnable: 1000,
  authDisable: 1011,
  authenticate: 1012,
  authUserAdd: 1100,
  authUserDelete: 1101,
  authUserChangePassword: 1103,
  authUserGrantRole: 1104,
  authUserRevokeRole: 1105,
  authRoleAdd: 1200,
  authRoleDelete: 1201,
  authRoleGrantPermission: 1203,
  authRoleRevokePermission: 1204,
  memberAttributes: 1301,
  // Ours.
  memberUpdate: 10_001,
} as const;

export type InternalKind = keyof typeof FIELDS;

const HEADER = 100;
const HEADER_TAG: Bytes = Uint8Array.of(0xa2, 0x06);
const HEADER_TAG_BYTES: number = HEADER_TAG.length;
const HEADER_ID = 1;
/** Of 53 bits. */
const ID_BYTES_MAX = 8;
const HEADER_USERNAME = 2;
const HEADER_AUTH_REVISION = 3;
/** Ours: a member asks for itself. */
const HEADER_BY_MEMBER = 10_001;

export interface InternalRequest {
  /** Names the proposal: a whole number of at most 53 bits. 0 for one that has more: it is none of ours, and answers nobody. */
  readonly id: number;
  readonly kind: InternalKind;
  /** The encoded request message. */
  readonly request: Bytes;
  /** On whose behalf. */
  readonly by: Author;
}

/** A request of a kind that we do not know, by its field's number: an entry of a newer version. 0 if there is none at all. */
export interface UnknownInternalRequest {
  readonly id: number;
  readonly kind: 'unknown';
  readonly field: number;
  readonly request: Bytes;
  readonly by: Author;
}

/** The header with an id of ten bytes (2 + 1 for the field, 1 for the id's tag), and the request's tag. */
const WRAPPING_BYTES = 3 + 1 + 10 + 1;

/** Bytes of an InternalRaftRequest around a request of `requestBytes`, if its id takes ten bytes, as etcd's do. Ours are shorter. */
export function internalRequestBytes(requestBytes: number): number {
  return WRAPPING_BYTES + varintBytes(requestBytes) + requestBytes;
}

/** The bytes of an entry. The request is copied, once: there is one of these a write, so the lengths are counted and then all is written in one go. */
export function encodeInternalRequest({ id, kind, request, by }: InternalRequest): Bytes {
  const author = encodedAuthor(by);
  const headerBytes = (id === 0 ? 0 : 1 + varintBytes(id)) + author.length;
  const tag = FIELDS[kind] * 8 + LENGTH;
  const bytes = Buffer.allocUnsafe(
    HEADER_TAG_BYTES +
      varintBytes(headerBytes) +
      headerBytes +
      varintBytes(tag) +
      varintBytes(request.length) +
      request.length,
  );
  let at = writeVarint(bytes, 0, HEADER * 8 + LENGTH);
  at = writeVarint(bytes, at, headerBytes);
  if (id !== 0) {
    bytes[at++] = HEADER_ID * 8;
    at = writeVarint(bytes, at, id);
  }
  if (author.length > 0) bytes.set(author, at);
  at = writeVarint(bytes, at + author.length, tag);
  at = writeVarint(bytes, at, request.length);
  bytes.set(request, at);
  return bytes;
}

/** The fields of the header that say on whose behalf it is. */
function encodedAuthor(by: Author): Bytes {
  if (by !== 'member' && by.username === '') return EMPTY_BYTES;
  const writer = new ProtoWriter();
  if (by === 'member') {
    writer.boolField(HEADER_BY_MEMBER, true);
  } else {
    writer.numberField(HEADER_AUTH_REVISION, by.authRevision);
    writer.bytesField(HEADER_USERNAME, Buffer.from(by.username));
  }
  return joined(writer.finish());
}

/** The id of an entry that begins as encodeInternalRequest has it begin, without reading the rest; else 0. */
export function internalRequestId(bytes: Bytes): number {
  if (bytes[0] !== HEADER_TAG[0] || bytes[1] !== HEADER_TAG[1] || bytes[3] !== HEADER_ID * 8) return 0;
  let id = 0;
  let scale = 1;
  for (let at = 4; at < 4 + ID_BYTES_MAX; at++) {
    const byte = bytes[at] ?? 0;
    id += (byte & 0x7f) * scale;
    if (byte < 0x80) return id;
    scale *= 0x80;
  }
  return 0;
}

/** Reads an entry. `request` is a view of `bytes`. Throws ProtocolError if it is not an InternalRaftRequest at all. */
export function decodeInternalRequest(bytes: Bytes): InternalRequest | UnknownInternalRequest {
  let header = NO_HEADER;
  let field = 0;
  let request = EMPTY_BYTES;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === HEADER) {
      header = decodeHeader(reader.message());
    } else if (reader.field === 1) {
      // The id of etcd's days before the header.
      reader.skip();
    } else {
      field = reader.field;
      request = reader.bytes();
    }
  }
  const { id, by } = header;
  const kind = KINDS.get(field);
  return kind === undefined ? { id, by, kind: 'unknown', field, request } : { id, by, kind, request };
}

interface Header {
  readonly id: number;
  readonly by: Author;
}

const NO_HEADER: Header = { id: 0, by: NOBODY };

function decodeHeader(reader: ProtoReader): Header {
  let id = 0;
  let username = '';
  let authRevision = 0;
  let byMember = false;
  while (reader.next()) {
    if (reader.field === HEADER_ID) id = reader.number();
    else if (reader.field === HEADER_USERNAME) username = reader.text();
    else if (reader.field === HEADER_AUTH_REVISION) authRevision = reader.number();
    else if (reader.field === HEADER_BY_MEMBER) byMember = reader.number() !== 0;
    else reader.skip();
  }
  const by = username === '' ? NOBODY : { username, authRevision };
  return { id: Number.isSafeInteger(id) && id > 0 ? id : 0, by: byMember ? 'member' : by };
}

const KINDS: ReadonlyMap<number, InternalKind> = new Map(
  Object.entries(FIELDS).map(([kind, field]) => [field, kind as InternalKind]),
);
