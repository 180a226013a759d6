/**
 * A snapshot of the applied state, as the bytes that go from one member to another:
 *
 *     head    "watchraft snapshot 1\n"
 *             4 length, summary           as in the table (record-encoding.ts), with its CRC: the applied index and term, the store's
 *                                         mark, how many records there are, the sum of their keys' hashes
 *     row     2 length of the key, 4 length of the value, key, value
 *     ...                                 records, then states: all keys ascending, each value with its own CRC, as in the table
 *     tail    2 zero, 8 number of rows, 4 CRC-32C of everything before it; zeros may follow
 *
 * Numbers are little-endian, the number of rows is a floating point one. The bytes are cut into chunks wherever a chunk is full.
 *
 * What a disk did to a row is found by the row's own CRC, which was computed when it was written first; what happened on the way,
 * by the one at the end. A row that is missing, doubled or has come back is found by the order of the keys and the two counts.
 */

import { assert, type Bytes, crc32c } from '../base/index.ts';
import { DataDirectoryError, SnapshotDamagedError } from './backend.ts';
import type { Row, TableView } from './ordered-table.ts';
import {
  BACKEND_FORMAT,
  decodeChecked,
  decodeSummary,
  isRecordValue,
  mainOfKey,
  RECORD_KEYS_FROM,
  RECORD_KEYS_TO,
  recordHash,
  recordKey,
  STATE_KEYS_FROM,
  STATE_KEYS_TO,
  type Summary,
  subOfKey,
} from './record-encoding.ts';

/** As much as the transport takes at once. */
export const STATE_CHUNK_BYTES_MAX: number = 256 * 1024;

const MAGIC = new TextEncoder().encode('watchraft snapshot 1\n');
const ROW_HEAD_BYTES = 6;
const TAIL_BYTES = 14;
/** What a length may say at most: nobody waits for more because a byte has changed. */
const SUMMARY_BYTES_MAX = 1024 * 1024;
const VALUE_BYTES_MAX = 512 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder('latin1');

/** Bytes of a snapshot with so many rows, whose values have so many bytes; records' keys are of one length. */
export function snapshotBytesEstimate({ count, bytes }: Summary): number {
  return MAGIC.length + Math.round(bytes) + count * (ROW_HEAD_BYTES + recordKey(0, 0).length) + TAIL_BYTES;
}

/** The chunks of a snapshot: `summaryValue` is the one in the view. */
export async function* encodeSnapshot(view: TableView, summaryValue: Bytes): AsyncIterable<Bytes> {
  const chunks = new ChunkWriter();
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, summaryValue.length, true);
  chunks.write(MAGIC);
  chunks.write(head);
  chunks.write(summaryValue);
  let rowCount = 0;
  for (const [from, to] of [
    [RECORD_KEYS_FROM, RECORD_KEYS_TO],
    [STATE_KEYS_FROM, STATE_KEYS_TO],
  ] as const) {
    for await (const rows of view.scan(from, to)) {
      for (const [key, value] of rows) {
        chunks.write(rowHead(key, value));
        chunks.write(value);
      }
      rowCount += rows.length;
      yield* chunks.takeFull();
    }
  }
  chunks.write(tail(rowCount, chunks.crc));
  yield* chunks.takeAll();
}

function rowHead(key: string, value: Bytes): Bytes {
  const head = new Uint8Array(ROW_HEAD_BYTES + key.length);
  const view = new DataView(head.buffer);
  view.setUint16(0, key.length, true);
  view.setUint32(2, value.length, true);
  const { written } = encoder.encodeInto(key, head.subarray(ROW_HEAD_BYTES));
  assert(written === key.length, 'a key is ASCII');
  return head;
}

/** Without its CRC, which covers these ten bytes as well. */
function tail(rowCount: number, crc: number): Bytes {
  const bytes = new Uint8Array(TAIL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat64(2, rowCount, true);
  view.setUint32(10, crc32c(bytes.subarray(0, 10), crc), true);
  return bytes;
}

/** Puts bytes end to end and cuts them into chunks. */
class ChunkWriter {
  #chunk = new Uint8Array(STATE_CHUNK_BYTES_MAX);
  #used = 0;
  #full: Bytes[] = [];
  /** Of all that was written. */
  crc = 0;

  write(bytes: Bytes): void {
    this.crc = crc32c(bytes, this.crc);
    for (let at = 0; at < bytes.length; ) {
      const part = Math.min(bytes.length - at, this.#chunk.length - this.#used);
      this.#chunk.set(bytes.subarray(at, at + part), this.#used);
      this.#used += part;
      at += part;
      if (this.#used === this.#chunk.length) this.#end();
    }
  }

  takeFull(): readonly Bytes[] {
    return this.#full.splice(0);
  }

  takeAll(): readonly Bytes[] {
    if (this.#used > 0) this.#end();
    return this.takeFull();
  }

  #end(): void {
    this.#full.push(this.#chunk.subarray(0, this.#used));
    this.#chunk = new Uint8Array(STATE_CHUNK_BYTES_MAX);
    this.#used = 0;
  }
}

/** Takes chunks and gives the rows in them, each as it was written, in order. Everything throws SnapshotDamagedError. */
export class SnapshotReader {
  readonly #input = new Input();
  #summary: { readonly value: Bytes; readonly content: Summary } | undefined;
  #crc = 0;
  #lastKey = '';
  #rowCount = 0;
  #recordCount = 0;
  #hashSum = 0;
  #ended = false;

  /** The rows that are whole now. Their bytes are valid until the next call. DataDirectoryError: the snapshot is of another format. */
  push(chunk: Bytes): readonly Row[] {
    if (chunk.length === 0) return [];
    if (this.#ended) {
      checkPadding(chunk);
      return [];
    }
    this.#input.add(chunk);
    const rows: Row[] = [];
    if (this.#summary === undefined && !this.#readHead()) return rows;
    for (;;) {
      const row = this.#readRow();
      if (row === undefined) return rows;
      rows.push(row);
    }
  }

  /** Nothing follows. Returns the summary's value, which goes into the table last: it says that all is there. */
  finish(): Bytes {
    if (!this.#ended || this.#summary === undefined) throw new SnapshotDamagedError('it ends too soon');
    return this.#summary.value;
  }

  #readHead(): boolean {
    const input = this.#input;
    if (input.length < MAGIC.length + 4) return false;
    if (input.peek(MAGIC.length).some((byte, at) => byte !== MAGIC[at])) {
      throw new SnapshotDamagedError('it does not begin as one does');
    }
    const length = input.view.getUint32(MAGIC.length, true);
    if (length > SUMMARY_BYTES_MAX) throw new SnapshotDamagedError('the summary is too long');
    if (input.length < MAGIC.length + 4 + length) return false;
    this.#take(MAGIC.length + 4);
    // Not slice(): of a Buffer that is no copy.
    const value = new Uint8Array(this.#take(length));
    const content = decodeSummary(value);
    if (content === undefined) throw new SnapshotDamagedError('the summary is not as it was written');
    if ('otherFormat' in content) {
      const reason = `it is of format ${content.otherFormat}; this version reads ${BACKEND_FORMAT}`;
      throw new DataDirectoryError('snapshot', reason);
    }
    this.#summary = { value, content };
    return true;
  }

  /** The next row; undefined if it is not whole yet, or if there is none. */
  #readRow(): Row | undefined {
    const input = this.#input;
    if (input.length < ROW_HEAD_BYTES) return undefined;
    const keyLength = input.view.getUint16(0, true);
    if (keyLength === 0) {
      this.#readTail();
      return undefined;
    }
    const valueLength = input.view.getUint32(2, true);
    if (valueLength > VALUE_BYTES_MAX) throw new SnapshotDamagedError(`a value is too long, after "${this.#lastKey}"`);
    if (input.length < ROW_HEAD_BYTES + keyLength + valueLength) return undefined;
    const key = decoder.decode(this.#take(ROW_HEAD_BYTES + keyLength).subarray(ROW_HEAD_BYTES));
    const value = this.#take(valueLength);
    if (key <= this.#lastKey) throw new SnapshotDamagedError(`"${key}" follows "${this.#lastKey}"`);
    this.#lastKey = key;
    this.#rowCount++;
    this.#check(key, value);
    return [key, value];
  }

  #check(key: string, value: Bytes): void {
    if (key >= STATE_KEYS_FROM && key < STATE_KEYS_TO) {
      if (decodeChecked(key, value) !== undefined) return;
    } else if (key >= RECORD_KEYS_FROM && key < RECORD_KEYS_TO) {
      const main = mainOfKey(key);
      const sub = subOfKey(key);
      const hash = recordHash(main, sub);
      this.#recordCount++;
      this.#hashSum = (this.#hashSum + hash) >>> 0;
      if (recordKey(main, sub) === key && isRecordValue(hash, value)) return;
    }
    throw new SnapshotDamagedError(`"${key}" is not as it was written`);
  }

  #readTail(): void {
    const input = this.#input;
    if (input.length < TAIL_BYTES) return;
    checkPadding(input.peek(input.length).subarray(TAIL_BYTES));
    const rowCount = input.view.getFloat64(2, true);
    const crc = input.view.getUint32(10, true);
    this.#take(TAIL_BYTES - 4);
    const content = this.#summary?.content;
    if (this.#crc !== crc || this.#rowCount !== rowCount) throw new SnapshotDamagedError('it is not as it was sent');
    if (this.#recordCount !== content?.count || this.#hashSum !== content.hashSum) {
      throw new SnapshotDamagedError('records are missing, or there are too many');
    }
    this.#ended = true;
  }

  #take(length: number): Bytes {
    const bytes = this.#input.take(length);
    this.#crc = crc32c(bytes, this.#crc);
    return bytes;
  }
}

/** A file of whole pages ends with zeros. */
function checkPadding(bytes: Bytes): void {
  if (bytes.some((byte) => byte !== 0)) throw new SnapshotDamagedError('it goes on behind its end');
}

/** Bytes that have come and were not taken. Only what a chunk's end has cut in two is copied. */
class Input {
  #bytes: Bytes = new Uint8Array(0);
  #at = 0;
  #end = 0;
  #isOwn = false;
  view: DataView = new DataView(this.#bytes.buffer);

  get length(): number {
    return this.#end - this.#at;
  }

  add(chunk: Bytes): void {
    const rest = this.length;
    if (rest === 0) this.#use(chunk, chunk.length, false);
    else {
      if (!this.#isOwn || this.#end + chunk.length > this.#bytes.length) {
        // Twice what is needed: a long value takes many chunks, and must not be copied for each.
        const own = new Uint8Array(2 * (rest + chunk.length));
        own.set(this.peek(rest));
        this.#use(own, rest, true);
      }
      this.#bytes.set(chunk, this.#end);
      this.#end += chunk.length;
    }
  }

  peek(length: number): Bytes {
    return this.#bytes.subarray(this.#at, this.#at + length);
  }

  take(length: number): Bytes {
    const bytes = this.peek(length);
    this.#at += length;
    this.#look();
    return bytes;
  }

  #use(bytes: Bytes, end: number, isOwn: boolean): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = end;
    this.#isOwn = isOwn;
    this.#look();
  }

  #look(): void {
    this.view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at);
  }
}
