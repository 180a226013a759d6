/**
 * The records of the write-ahead log, byte for byte as etcd frames them: FORMAT.md.
 *
 *     length word   8 bytes, little-endian: the record's bytes in the low 56 bits; if it is padded, 0x80 | padding on top
 *     record        08 type | 10 crc | 1a length data
 *     padding       zeros up to a multiple of 8, so that every length word lies at a multiple of 8
 *
 * `crc` is the CRC-32C of the data of all records so far, this one included: a chain, in which no link can be taken out,
 * exchanged or brought back from an older life of the file without breaking all that follow. A record of type `crc` adds
 * nothing to the chain and only says where it stands. There are two sorts of it. Without data it opens a file, with the
 * chain of the file before. With data it is a *seal*, which ends each group of records that went to the disk in one write:
 *
 *     record record record seal | record seal | record record seal | 0 0 0 ...
 *     one write, one sync         one more      one more             not yet written
 *
 * The data of a seal is its own offset in the file (8 bytes, little-endian), so that one can be told from look-alikes in
 * the users' data when searching behind a damaged record. The last seal of a file that has been left for the next one also
 * holds the sequence number of that (8 bytes more).
 */

import { assert, type Bytes, crc32c, EMPTY_BYTES } from '../base/index.ts';
import { ENTRY_HEAD_BYTES_MAX, type Entry, writeEntryHead } from './raft-entry.ts';
import { StrictReader, varintBytes, writeVarint } from './strict.ts';

export type WalRecordType = 'metadata' | 'entry' | 'hardState' | 'crc' | 'snapshotMark';

const TYPES: readonly (WalRecordType | undefined)[] = [
  undefined,
  'metadata',
  'entry',
  'hardState',
  'crc',
  'snapshotMark',
];
const TYPE_NUMBERS: Readonly<Record<WalRecordType, number>> = {
  metadata: 1,
  entry: 2,
  hardState: 3,
  crc: 4,
  snapshotMark: 5,
};

const FIELD_TYPE = 1 << 3;
const FIELD_CRC = 2 << 3;
const FIELD_DATA = (3 << 3) | 2;

/** Records, and so length words, lie at multiples of it. */
export const WAL_ALIGNMENT_BYTES = 8;
const LENGTH_WORD_BYTES = 8;

/** Upper bound of what framing adds to a record's data: length word, type, CRC, data's tag and length, padding. */
const FRAME_BYTES_MAX = LENGTH_WORD_BYTES + 2 + (1 + 5) + (1 + 5) + (WAL_ALIGNMENT_BYTES - 1);

const SEAL_DATA_BYTES = 8;
const LAST_SEAL_DATA_BYTES = 16;

/** Upper bounds of what a record of so many bytes of data, an entry, and a seal take in the file. */
export const walRecordBytesMax = (dataBytes: number): number => FRAME_BYTES_MAX + dataBytes;
export const walEntryBytesMax = (entry: Entry): number => FRAME_BYTES_MAX + ENTRY_HEAD_BYTES_MAX + entry.data.length;
export const WAL_SEAL_BYTES_MAX: number = FRAME_BYTES_MAX + LAST_SEAL_DATA_BYTES;

const TWO_32 = 0x1_0000_0000;
/** Where a group's buffer begins to grow from. */
const BUFFER_BYTES_MIN = 64 * 1024;
/** A buffer that one great group has blown up beyond this is given back. */
const BUFFER_BYTES_KEPT_MAX = 16 * 1024 * 1024;

/** Encodes one group of records after another into the same buffer. */
export class WalRecordWriter {
  #bytes: Bytes = new Uint8Array(BUFFER_BYTES_MIN);
  #length = 0;
  #crc = 0;
  readonly #entryHead: Bytes = new Uint8Array(ENTRY_HEAD_BYTES_MAX);

  /** Begins a group of at most `bytesMax` bytes, where the chain stands at `crc`. */
  begin(crc: number, bytesMax: number): void {
    if (this.#bytes.length < bytesMax) this.#bytes = new Uint8Array(Math.max(bytesMax, 2 * this.#bytes.length));
    else if (this.#bytes.length > BUFFER_BYTES_KEPT_MAX) {
      this.#bytes = new Uint8Array(Math.max(bytesMax, BUFFER_BYTES_MIN));
    }
    this.#length = 0;
    this.#crc = crc;
  }

  /** The chain as of the last record. */
  get crc(): number {
    return this.#crc;
  }

  /** The group so far: a view of the buffer, valid until the next one begins. */
  get written(): Bytes {
    return this.#bytes.subarray(0, this.#length);
  }

  /** An entry, its data copied once, from where it is to where it is written from. */
  entry(entry: Entry): void {
    const head = this.#entryHead;
    const headBytes = writeEntryHead(head, 0, entry);
    const headView = head.subarray(0, headBytes);
    this.#crc = crc32c(entry.data, crc32c(headView, this.#crc));
    let at = this.#frame('entry', headBytes + entry.data.length);
    // A loop: set() takes longer for so few.
    for (let i = 0; i < headBytes; i++) this.#bytes[at++] = head[i] as number;
    this.#bytes.set(entry.data, at);
    this.#pad(at + entry.data.length);
  }

  record(type: Exclude<WalRecordType, 'entry' | 'crc'>, data: Bytes): void {
    this.#crc = crc32c(data, this.#crc);
    const at = this.#frame(type, data.length);
    this.#bytes.set(data, at);
    this.#pad(at + data.length);
  }

  /** The record that opens a file. */
  opening(): void {
    this.#pad(this.#frame('crc', 0));
  }

  /** Ends the group. `groupOffset` is where in the file the group will begin; `nextSequence` is given if no other follows in this file. */
  seal(groupOffset: number, nextSequence?: number): void {
    const offset = groupOffset + this.#length;
    const dataBytes = nextSequence === undefined ? SEAL_DATA_BYTES : LAST_SEAL_DATA_BYTES;
    const at = this.#frame('crc', dataBytes);
    writeUint64(this.#bytes, at, offset);
    if (nextSequence !== undefined) writeUint64(this.#bytes, at + SEAL_DATA_BYTES, nextSequence);
    this.#pad(at + dataBytes);
  }

  /** Writes length word, type, CRC and the length of the data; returns where the data go. */
  #frame(type: WalRecordType, dataBytes: number): number {
    const bytes = this.#bytes;
    const dataFieldBytes = dataBytes === 0 ? 0 : 1 + varintBytes(dataBytes) + dataBytes;
    const recordBytes = 2 + 1 + varintBytes(this.#crc) + dataFieldBytes;
    const padding = paddingOf(recordBytes);
    assert(this.#length + LENGTH_WORD_BYTES + recordBytes + padding <= bytes.length, 'a group outgrew its bound');
    let at = this.#length;
    writeUint64(bytes, at, recordBytes);
    if (padding > 0) bytes[at + 7] = 0x80 | padding;
    at += LENGTH_WORD_BYTES;
    bytes[at++] = FIELD_TYPE;
    bytes[at++] = TYPE_NUMBERS[type];
    bytes[at++] = FIELD_CRC;
    at = writeVarint(bytes, at, this.#crc);
    if (dataBytes === 0) return at;
    bytes[at++] = FIELD_DATA;
    return writeVarint(bytes, at, dataBytes);
  }

  #pad(end: number): void {
    this.#length = end + paddingOf(end);
    this.#bytes.fill(0, end, this.#length);
  }
}

/** What lies at a place in a file. */
export type WalRead =
  | {
      readonly kind: 'record';
      readonly type: WalRecordType;
      readonly crc: number;
      /** A view of the file's bytes. */
      readonly data: Bytes;
      /** Where the next record begins. */
      readonly end: number;
    }
  /** A length word of zero: nothing was written here. */
  | { readonly kind: 'unwritten' }
  /** Not a record of ours. `end` is where it would end if its length word is to be believed. */
  | { readonly kind: 'bad'; readonly reason: string; readonly end: number };

/** Reads the record at `at`. Only its form is checked; whether the chain holds is for the caller to see. */
export function readWalRecord(file: Bytes, at: number): WalRead {
  if (at + LENGTH_WORD_BYTES > file.length) return { kind: 'unwritten' };
  const recordBytes = readUint64(file, at, 7);
  const top = file[at + 7] as number;
  if (recordBytes === 0 && top === 0) return { kind: 'unwritten' };

  const begin = at + LENGTH_WORD_BYTES;
  const padding = paddingOf(recordBytes);
  const end = begin + recordBytes + padding;
  if (end > file.length) return bad(`a record of ${recordBytes} bytes, beyond the end of the file`, file.length);
  if (top !== (padding === 0 ? 0 : 0x80 | padding)) return bad('a length word with wrong padding', end);
  for (let i = begin + recordBytes; i < end; i++) if (file[i] !== 0) return bad('padding that is not zero', end);

  const reader = new StrictReader(file.subarray(begin, begin + recordBytes));
  const type = TYPES[reader.number(FIELD_TYPE)];
  const crc = reader.number(FIELD_CRC);
  const bare = reader.done;
  const data = bare ? EMPTY_BYTES : reader.bytes(FIELD_DATA);
  if (!reader.done || type === undefined || crc >= TWO_32 || bare !== (data.length === 0)) {
    return bad('not a record', end);
  }
  return { kind: 'record', type, crc, data, end };
}

function bad(reason: string, end: number): WalRead {
  return { kind: 'bad', reason, end };
}

export interface WalSeal {
  readonly offset: number;
  readonly end: number;
  /** Of the last seal of a file that was left for the next: the sequence number of that. */
  readonly nextSequence: number | undefined;
}

/** The seal that `record`, found at `offset`, is; undefined if it is no seal, or not of this place. */
export function sealAt(offset: number, record: WalRead): WalSeal | undefined {
  if (record.kind !== 'record' || record.type !== 'crc') return undefined;
  const { data, end } = record;
  if (data.length !== SEAL_DATA_BYTES && data.length !== LAST_SEAL_DATA_BYTES) return undefined;
  if (readUint64(data, 0, 8) !== offset) return undefined;
  const nextSequence = data.length === LAST_SEAL_DATA_BYTES ? readUint64(data, SEAL_DATA_BYTES, 8) : undefined;
  return { offset, end, nextSequence };
}

/** The first seal at or behind `from` (a multiple of 8), however damaged what lies between may be. */
export function findSeal(file: Bytes, from: number): WalSeal | undefined {
  const first = LENGTH_WORD_BYTES;
  for (let at = from; at + LENGTH_WORD_BYTES + 4 <= file.length; at += WAL_ALIGNMENT_BYTES) {
    if (file[at + first] !== FIELD_TYPE || file[at + first + 1] !== TYPE_NUMBERS.crc) continue;
    const seal = sealAt(at, readWalRecord(file, at));
    if (seal !== undefined) return seal;
  }
  return undefined;
}

function paddingOf(bytes: number): number {
  return (WAL_ALIGNMENT_BYTES - (bytes % WAL_ALIGNMENT_BYTES)) % WAL_ALIGNMENT_BYTES;
}

function writeUint64(to: Bytes, at: number, value: number): void {
  let rest = value;
  for (let i = 0; i < 8; i++) {
    to[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** The lowest `count` bytes of a little-endian number. Inexact above 53 bits, which no length or offset of ours is. */
function readUint64(from: Bytes, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + (from[at + i] as number);
  return value;
}
