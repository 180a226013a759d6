/**
 * What Raft keeps in the log, as plain data and as the messages of proto/raft.proto and proto/wal.proto: the data of the
 * log's records. Encoded in the strict form of strict.ts, every field present.
 *
 * That form is also what tells the kinds apart, should a damaged bit turn one record type into another (the type itself is
 * under no checksum, see FORMAT.md): an entry always has a field 4, a hard state never has; a snapshot mark has two numbers
 * or ends in a message, and those of the metadata are known beforehand.
 */

import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import { StrictReader, VARINT_BYTES_MAX, varintBytes, writeIdVarint, writeVarint } from './strict.ts';

export type EntryType = 'normal' | 'confChange' | 'confChangeV2';

/** One entry of the Raft log. Term and index are numbers of at most 53 bits. */
export interface Entry {
  readonly type: EntryType;
  readonly term: number;
  readonly index: number;
  /** Of a normal entry an InternalRaftRequest, or nothing: the entry with which a new leader begins its term. */
  readonly data: Bytes;
}

/** What a member must have on disk before it answers any message. */
export interface HardState {
  readonly term: number;
  /** Whom it voted for in `term`; 0n for nobody. */
  readonly vote: bigint;
  readonly commit: number;
}

/** Everything up to `index` is safe elsewhere (in the store, in a snapshot): where reading the log begins. */
export interface SnapshotMark {
  readonly index: number;
  readonly term: number;
  /** raftpb.ConfState as of `index`; empty where there is none. */
  readonly confState: Bytes;
}

/** Whose log it is. */
export interface WalMetadata {
  readonly nodeId: bigint;
  readonly clusterId: bigint;
}

const TYPES: readonly EntryType[] = ['normal', 'confChange', 'confChangeV2'];
const TYPE_NUMBERS: Readonly<Record<EntryType, number>> = { normal: 0, confChange: 1, confChangeV2: 2 };

// Field numbers, shifted, with the wire type: 0 a number, 2 a length and bytes.
const FIELD_1 = 1 << 3;
const FIELD_2 = 2 << 3;
const FIELD_3 = 3 << 3;
const FIELD_3_BYTES = (3 << 3) | 2;
const FIELD_4_BYTES = (4 << 3) | 2;

/** Upper bound of an entry's bytes before its data: four tags, the type, two numbers and a length. */
export const ENTRY_HEAD_BYTES_MAX: number = 4 + 1 + 2 * VARINT_BYTES_MAX + 5;

/** Writes all of raftpb.Entry but the bytes of its data, which are to follow; returns the position behind it. */
export function writeEntryHead(to: Bytes, at: number, entry: Entry): number {
  let position = at;
  to[position++] = FIELD_1;
  to[position++] = TYPE_NUMBERS[entry.type];
  to[position++] = FIELD_2;
  position = writeVarint(to, position, entry.term);
  to[position++] = FIELD_3;
  position = writeVarint(to, position, entry.index);
  to[position++] = FIELD_4_BYTES;
  return writeVarint(to, position, entry.data.length);
}

/** The entry that these bytes are, its data a view of them; undefined if they are not exactly what we write. */
export function decodeEntry(bytes: Bytes): Entry | undefined {
  const reader = new StrictReader(bytes);
  const type = TYPES[reader.number(FIELD_1)];
  const term = reader.number(FIELD_2);
  const index = reader.number(FIELD_3);
  const data = reader.bytes(FIELD_4_BYTES);
  return reader.done && type !== undefined ? { type, term, index, data } : undefined;
}

/** The vote of the last state, encoded: mostly that of the next one, and arithmetic with bigints is slow. */
let voteLast: { readonly vote: bigint; readonly bytes: Bytes } = { vote: 0n, bytes: Uint8Array.of(0) };

function encodedVote(vote: bigint): Bytes {
  if (voteLast.vote !== vote) {
    const bytes = new Uint8Array(VARINT_BYTES_MAX);
    voteLast = { vote, bytes: bytes.subarray(0, writeIdVarint(bytes, 0, vote)) };
  }
  return voteLast.bytes;
}

export function encodeHardState(state: HardState): Bytes {
  const bytes = new Uint8Array(3 + 3 * VARINT_BYTES_MAX);
  const vote = encodedVote(state.vote);
  bytes[0] = FIELD_1;
  let at = writeVarint(bytes, 1, state.term);
  bytes[at++] = FIELD_2;
  bytes.set(vote, at);
  at += vote.length;
  bytes[at++] = FIELD_3;
  at = writeVarint(bytes, at, state.commit);
  return bytes.subarray(0, at);
}

export function decodeHardState(bytes: Bytes): HardState | undefined {
  const reader = new StrictReader(bytes);
  const term = reader.number(FIELD_1);
  const vote = reader.id(FIELD_2);
  const commit = reader.number(FIELD_3);
  return reader.done ? { term, vote, commit } : undefined;
}

export function encodeSnapshotMark(mark: SnapshotMark): Bytes {
  const { index, term, confState } = mark;
  const bytes = new Uint8Array(3 + 2 * VARINT_BYTES_MAX + varintBytes(confState.length) + confState.length);
  bytes[0] = FIELD_1;
  let at = writeVarint(bytes, 1, index);
  bytes[at++] = FIELD_2;
  at = writeVarint(bytes, at, term);
  if (confState.length > 0) {
    bytes[at++] = FIELD_3_BYTES;
    at = writeVarint(bytes, at, confState.length);
    bytes.set(confState, at);
    at += confState.length;
  }
  return bytes.subarray(0, at);
}

/** The conf state is a view of `bytes`. */
export function decodeSnapshotMark(bytes: Bytes): SnapshotMark | undefined {
  const reader = new StrictReader(bytes);
  const index = reader.number(FIELD_1);
  const term = reader.number(FIELD_2);
  if (reader.done) return { index, term, confState: EMPTY_BYTES };
  const confState = reader.bytes(FIELD_3_BYTES);
  return reader.done && confState.length > 0 ? { index, term, confState } : undefined;
}

export function encodeWalMetadata(metadata: WalMetadata): Bytes {
  const bytes = new Uint8Array(2 + 2 * VARINT_BYTES_MAX);
  bytes[0] = FIELD_1;
  let at = writeIdVarint(bytes, 1, metadata.nodeId);
  bytes[at++] = FIELD_2;
  at = writeIdVarint(bytes, at, metadata.clusterId);
  return bytes.subarray(0, at);
}

export function decodeWalMetadata(bytes: Bytes): WalMetadata | undefined {
  const reader = new StrictReader(bytes);
  const nodeId = reader.id(FIELD_1);
  const clusterId = reader.id(FIELD_2);
  return reader.done ? { nodeId, clusterId } : undefined;
}
