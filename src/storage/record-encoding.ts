/**
 * How the backend's state lies in its table.
 *
 *     key                              value
 *     r 0000000000002a 00000000        flag, CRC, mvccpb.KeyValue      record (42, 0): main and sub in hexadecimal
 *     state/alarms                     CRC, bytes                      what putState got
 *     state/lease/0000000000000007     CRC, bytes                      what putItem got
 *     summary                          CRC, format and numbers         as of the last batch: see Summary
 *
 * LevelDB checks nothing of what it returns, and may lose a piece of a damaged file without a word. So each value carries a
 * CRC-32C, which begins with a hash of its key and thereby covers that as well; and the summary, written with every batch,
 * holds how many records there are and the sum of their keys' hashes. A record that is lost, or that comes back, changes both.
 */

import { assert, type Bytes, crc32c, EMPTY_BYTES } from '../base/index.ts';
import type { StoreMark } from '../mvcc/index.ts';
import type { Applied } from './backend.ts';

/** Raised whenever what is here changes in a way that an older reader would misunderstand. */
export const BACKEND_FORMAT = 1;

export const RECORD_KEYS_FROM = 'r';
export const RECORD_KEYS_TO = 's';
export const SUMMARY_KEY = 'summary';
export const STATE_KEYS_FROM = 'state/';
export const STATE_KEYS_TO = 'state0';

/** A state's name is ASCII: then texts are in the order of their bytes. */
export function stateKey(name: string): string {
  assert(/^[!-~]+$/.test(name), 'the name of a state is of visible ASCII characters');
  return `${STATE_KEYS_FROM}${name}`;
}

export function itemKey(kind: string, name: string): string {
  return stateKey(`${kind}/${name}`);
}

/** The keys of all items of a kind: from, to. */
export function itemKeys(kind: string): readonly [from: string, to: string] {
  // '0' comes behind '/'.
  return [`${STATE_KEYS_FROM}${kind}/`, `${STATE_KEYS_FROM}${kind}0`];
}

const MAIN_DIGITS = 14;
const SUB_DIGITS = 8;

const FIRST_SUB: string = '0'.repeat(SUB_DIGITS);
const LAST_DIGITS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** All but the last two digits of a main: the same for 256 revisions. */
let headLast = { main: -1, text: '' };

/** In hexadecimal, so that the order of texts is that of revisions. LevelDB takes a text three times as fast as bytes. */
export function recordKey(main: number, sub: number): string {
  const last = main % 256;
  const head = (main - last) / 256;
  if (headLast.main !== head) headLast = { main: head, text: `r${head.toString(16).padStart(MAIN_DIGITS - 2, '0')}` };
  return headLast.text + LAST_DIGITS[last] + (sub === 0 ? FIRST_SUB : sub.toString(16).padStart(SUB_DIGITS, '0'));
}

export function mainOfKey(key: string): number {
  return Number.parseInt(key.slice(1, 1 + MAIN_DIGITS), 16);
}

export function subOfKey(key: string): number {
  return Number.parseInt(key.slice(1 + MAIN_DIGITS), 16);
}

/** 32 well-mixed bits of a record's key (the finisher of MurmurHash3, once for each word). */
export function recordHash(main: number, sub: number): number {
  let hash = mix((main >>> 0) ^ 0x9e3779b9);
  hash = mix(hash ^ Math.floor(main / 0x1_0000_0000));
  return mix(hash ^ sub) >>> 0;
}

function mix(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** A record's value: flag and CRC before the KeyValue. */
export const RECORD_HEAD_BYTES = 5;
const FLAG_PUT = 0;
const FLAG_TOMBSTONE = 1;

const recordCrc = (hash: number, flag: number, keyValue: Bytes): number =>
  crc32c(keyValue, flag === FLAG_PUT ? hash : ~hash >>> 0);

/** Writes a record's value at `at`: RECORD_HEAD_BYTES and the KeyValue. */
export function writeRecordValue(to: Bytes, at: number, hash: number, tombstone: boolean, keyValue: Bytes): void {
  const flag = tombstone ? FLAG_TOMBSTONE : FLAG_PUT;
  to[at] = flag;
  writeUint32(to, at + 1, recordCrc(hash, flag, keyValue));
  to.set(keyValue, at + RECORD_HEAD_BYTES);
}

/** Whether `value` is as it was written for the record whose key has `hash`. */
export function isRecordValue(hash: number, value: Bytes): boolean {
  if (value.length < RECORD_HEAD_BYTES) return false;
  const flag = value[0] as number;
  if (flag !== FLAG_PUT && flag !== FLAG_TOMBSTONE) return false;
  return readUint32(value, 1) === recordCrc(hash, flag, value.subarray(RECORD_HEAD_BYTES));
}

export function isTombstoneValue(value: Bytes): boolean {
  return value[0] === FLAG_TOMBSTONE;
}

const CRC_BYTES = 4;

/** Bytes with their CRC before them, which covers `key` as well. */
export function encodeChecked(key: string, bytes: Bytes): Bytes {
  const value = new Uint8Array(CRC_BYTES + bytes.length);
  writeUint32(value, 0, crc32c(bytes, textHash(key)));
  value.set(bytes, CRC_BYTES);
  return value;
}

/** The bytes in a value that encodeChecked made: a view. Undefined if it is not as it was. */
export function decodeChecked(key: string, value: Bytes): Bytes | undefined {
  if (value.length < CRC_BYTES) return undefined;
  const bytes = value.subarray(CRC_BYTES);
  return readUint32(value, 0) === crc32c(bytes, textHash(key)) ? bytes : undefined;
}

/** What every batch says of the whole. */
export interface Summary {
  readonly applied: Applied;
  readonly mark: StoreMark;
  /** How many records there are, the sum of their keys' hashes modulo 2^32, and the bytes of their values. */
  readonly count: number;
  readonly hashSum: number;
  readonly bytes: number;
}

/** Nine numbers of 64 bits (floating point: exact for whole numbers of 53 bits), then the conf state. */
const SUMMARY_NUMBERS = 9;

export function encodeSummary(summary: Summary): Bytes {
  const { applied, mark, count, hashSum, bytes } = summary;
  const confState = applied.confState ?? EMPTY_BYTES;
  const encoded = new Uint8Array(8 * SUMMARY_NUMBERS + confState.length);
  const view = new DataView(encoded.buffer);
  const numbers = [
    BACKEND_FORMAT,
    applied.index,
    applied.term,
    mark.currentRevision,
    mark.compactRevision,
    mark.finishedCompactRevision,
    count,
    hashSum,
    bytes,
  ];
  for (const [at, number] of numbers.entries()) view.setFloat64(8 * at, number, true);
  encoded.set(confState, 8 * SUMMARY_NUMBERS);
  return encodeChecked(SUMMARY_KEY, encoded);
}

/** The summary, or the number of another format; undefined if it is damaged. */
export function decodeSummary(value: Bytes): Summary | { readonly otherFormat: number } | undefined {
  const bytes = decodeChecked(SUMMARY_KEY, value);
  if (bytes === undefined || bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const format = view.getFloat64(0, true);
  if (format !== BACKEND_FORMAT) return { otherFormat: format };
  if (bytes.length < 8 * SUMMARY_NUMBERS) return undefined;
  const number = (at: number): number => view.getFloat64(8 * at, true);
  // A copy, and no Buffer: slice() of one would be neither.
  const confState = new Uint8Array(bytes.subarray(8 * SUMMARY_NUMBERS));
  return {
    applied: { index: number(1), term: number(2), ...(confState.length > 0 ? { confState } : {}) },
    mark: { currentRevision: number(3), compactRevision: number(4), finishedCompactRevision: number(5) },
    count: number(6),
    hashSum: number(7),
    bytes: number(8),
  };
}

function textHash(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) hash = mix(hash ^ text.charCodeAt(i));
  return hash >>> 0;
}

function writeUint32(to: Bytes, at: number, value: number): void {
  to[at] = value;
  to[at + 1] = value >>> 8;
  to[at + 2] = value >>> 16;
  to[at + 3] = value >>> 24;
}

function readUint32(from: Bytes, at: number): number {
  const word =
    (from[at] as number) |
    ((from[at + 1] as number) << 8) |
    ((from[at + 2] as number) << 16) |
    ((from[at + 3] as number) << 24);
  return word >>> 0;
}
