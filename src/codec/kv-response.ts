/**
 * The answers of the KV service, from results to bytes. KeyValues are bytes already and are put where they belong.
 *
 * Answers within a transaction have a header with nothing but the revision, as etcd's do.
 */

import { assert, type Bytes, unreachable } from '../base/index.ts';
import type { DeleteRangeResult, OperationResult, PutResult, RangeResult, TxnResult } from '../mvcc/index.ts';
import { type EncodedMessage, PIECE_BYTES_MIN, ProtoWriter } from './proto-writer.ts';
import { encodeHeader, type ResponseHeader, writeHeader } from './response-header.ts';

/** A header, and what proto adds to each KeyValue. */
const HEADER_BYTES = 64;
const KEY_VALUE_PREFIX_BYTES = 4;
const EXPECTED_KEY_VALUES_MAX = 256;

export function encodeRangeResponse(header: ResponseHeader, result: RangeResult): EncodedMessage {
  const encoder = new RangeResponseEncoder(header, result);
  while (!encoder.step(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY));
  return encoder.finish();
}

/** Encodes a RangeResponse of any size in steps, so that others may run in between. It is for one client. */
export class RangeResponseEncoder {
  readonly #header: ResponseHeader;
  readonly #kvs: readonly Bytes[];
  readonly #writer: ProtoWriter;
  /** Pairs still to be written, the last first. */
  #left: number;

  constructor(header: ResponseHeader, result: RangeResult) {
    this.#header = header;
    this.#kvs = result.kvs;
    this.#left = result.kvs.length;
    this.#writer = new ProtoWriter(expectedBytes(result.kvs), true);
    this.#writer.numberField(4, result.count);
    this.#writer.boolField(3, result.more);
  }

  /** Writes at most so many pairs, and no more once so many bytes are written. True if all are. */
  step(pairsMax: number, bytesMax: number): boolean {
    const until = Math.max(this.#left - pairsMax, 0);
    const bytesUntil = this.#writer.length + bytesMax;
    while (this.#left > until && this.#writer.length < bytesUntil) {
      this.#left--;
      writeKeyValue(this.#writer, 2, this.#kvs[this.#left]);
    }
    return this.#left === 0;
  }

  finish(): EncodedMessage {
    assert(this.#left === 0, `${this.#left} pairs have not been written`);
    writeHeader(this.#writer, this.#header);
    return this.#writer.finish();
  }
}

/**
 * One message of a RangeStream: RangeStreamResponse { range_response }. Only the last one has a header, `more` and `count`;
 * without a header it holds nothing but pairs.
 */
export function encodeRangeStreamResponse(header: ResponseHeader | undefined, result: RangeResult): EncodedMessage {
  const writer = new ProtoWriter(expectedBytes(result.kvs));
  const end = writer.length;
  if (header === undefined) writeKeyValues(writer, 2, result.kvs);
  else {
    writeRange(writer, result);
    writeHeader(writer, header);
  }
  writer.messageField(1, end);
  return writer.finish();
}

export function encodePutResponse(header: ResponseHeader, result: PutResult): EncodedMessage {
  if (result.prevKv === undefined) return encodeHeader(header);
  const writer = new ProtoWriter();
  writePut(writer, result);
  writeHeader(writer, header);
  return writer.finish();
}

export function encodeDeleteRangeResponse(header: ResponseHeader, result: DeleteRangeResult): EncodedMessage {
  const writer = new ProtoWriter(expectedBytes(result.prevKvs));
  writeDeleteRange(writer, result);
  writeHeader(writer, header);
  return writer.finish();
}

export function encodeTxnResponse(header: ResponseHeader, result: TxnResult): EncodedMessage {
  const writer = new ProtoWriter();
  writeTxn(writer, result);
  writeHeader(writer, header);
  return writer.finish();
}

/** An answer that is nothing but its header: CompactionResponse, and others of the kind. */
export function encodeHeaderOnly(header: ResponseHeader): EncodedMessage {
  return encodeHeader(header);
}

// ---- Everything but the header, the last field first. ----

function writeRange(writer: ProtoWriter, result: RangeResult): void {
  writer.numberField(4, result.count);
  writer.boolField(3, result.more);
  writeKeyValues(writer, 2, result.kvs);
}

function writePut(writer: ProtoWriter, result: PutResult): void {
  if (result.prevKv !== undefined) writer.bytesField(2, result.prevKv);
}

function writeDeleteRange(writer: ProtoWriter, result: DeleteRangeResult): void {
  writeKeyValues(writer, 3, result.prevKvs);
  writer.numberField(2, result.deleted);
}

function writeTxn(writer: ProtoWriter, result: TxnResult): void {
  for (let i = result.results.length - 1; i >= 0; i--) {
    const inner = result.results[i];
    assert(inner !== undefined, 'a hole among the results of a transaction');
    const endOfOp = writer.length;
    writeResponseOp(writer, inner);
    writer.messageField(3, endOfOp);
  }
  writer.boolField(2, result.succeeded);
}

function writeResponseOp(writer: ProtoWriter, result: OperationResult): void {
  const end = writer.length;
  switch (result.kind) {
    case 'range':
      writeRange(writer, result);
      writeInnerHeader(writer, result.revision);
      return writer.messageField(1, end);
    case 'put':
      writePut(writer, result);
      writeInnerHeader(writer, result.revision);
      return writer.messageField(2, end);
    case 'deleteRange':
      writeDeleteRange(writer, result);
      writeInnerHeader(writer, result.revision);
      return writer.messageField(3, end);
    case 'txn':
      writeTxn(writer, result);
      // etcd leaves the header of an inner transaction empty.
      writer.lengthPrefix(1, 0);
      return writer.messageField(4, end);
    default:
      return unreachable(result);
  }
}

function writeInnerHeader(writer: ProtoWriter, revision: number): void {
  const end = writer.length;
  writer.numberField(3, revision);
  writer.messageField(1, end);
}

function writeKeyValues(writer: ProtoWriter, field: number, kvs: readonly Bytes[]): void {
  for (let i = kvs.length - 1; i >= 0; i--) writeKeyValue(writer, field, kvs[i]);
}

function writeKeyValue(writer: ProtoWriter, field: number, kv: Bytes | undefined): void {
  assert(kv !== undefined, 'a hole among the pairs');
  writer.bytesField(field, kv);
}

function expectedBytes(kvs: readonly Bytes[]): number {
  let bytes = HEADER_BYTES;
  // Beyond a chunk's size the guess does not matter.
  for (let i = 0; i < kvs.length && i < EXPECTED_KEY_VALUES_MAX; i++) {
    const { length } = kvs[i] as Bytes;
    bytes += KEY_VALUE_PREFIX_BYTES + (length < PIECE_BYTES_MIN ? length : 0);
  }
  return bytes;
}
