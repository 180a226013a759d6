/**
 * Keys and ranges of keys.
 *
 * On the wire a key is bytes. Inside it is a latin1 string, one character a byte: JavaScript then compares, hashes and
 * stores it natively, in the same order as etcd compares bytes, and several times faster than it does with Uint8Arrays.
 *
 *     bytes  6b 00 ff        key  'k\x00\xff'
 *
 * A range is half-open. Three shapes come from the wire (`key`, `range_end`):
 *
 *     range_end = ""      the one key               { key, end: undefined }
 *     range_end = "\0"    every key from `key` on   { key, end: KEY_INFINITY }
 *     else                [key, range_end)          { key, end }
 */

export type Bytes = Uint8Array;

/** A key: one character (0 to 255) a byte. */
export type Key = string;

/** Greater than every key: its first character is greater than any byte. Never a key itself, never on the wire. */
export const KEY_INFINITY: Key = '\u0100';

/** Keys k with key <= k < end, or just `key` where end is undefined. */
export interface KeyRange {
  readonly key: Key;
  readonly end: Key | undefined;
}

export const EMPTY_BYTES: Bytes = new Uint8Array(0);

/** Long enough to spare calls, short enough for the arguments of one call. */
const CHARACTERS_PER_CALL = 4096;

/** The key made of these bytes. Copies: nothing of `bytes` is kept. */
export function keyOf(bytes: Bytes): Key {
  if (bytes.length <= CHARACTERS_PER_CALL) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  let key = '';
  for (let at = 0; at < bytes.length; at += CHARACTERS_PER_CALL) {
    key += String.fromCharCode.apply(null, bytes.subarray(at, at + CHARACTERS_PER_CALL) as unknown as number[]);
  }
  return key;
}

/** The bytes of a key, in a new array. */
export function bytesOf(key: Key): Bytes {
  const bytes = new Uint8Array(key.length);
  for (let i = 0; i < key.length; i++) bytes[i] = key.charCodeAt(i);
  return bytes;
}

/** The range that `key` and `range_end` of a request mean. */
export function rangeOf(key: Key, rangeEnd: Key): KeyRange {
  if (rangeEnd === '') return { key, end: undefined };
  if (rangeEnd === '\0') return { key, end: KEY_INFINITY };
  return { key, end: rangeEnd };
}

/** Whether `key` lies in `range`. */
export function inRange(range: KeyRange, key: Key): boolean {
  return range.end === undefined ? key === range.key : key >= range.key && key < range.end;
}

/** The end of the range of all keys that begin with `prefix`: [prefix, prefixEnd(prefix)). All of 0xff (or empty) has none but infinity. */
export function prefixEnd(prefix: Key): Key {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i);
    if (code < 0xff) return prefix.slice(0, i) + String.fromCharCode(code + 1);
  }
  return KEY_INFINITY;
}

/** Whether the two hold the same bytes. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Negative, zero or positive as a is less than, equal to or greater than b, byte by byte. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
