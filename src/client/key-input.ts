/** How a caller names a key or a range of keys, and what that is on the wire. */

import { type Bytes, bytesOf, EMPTY_BYTES, KEY_INFINITY, keyOf, prefixEnd } from '../base/index.ts';

/** Bytes, or text for the bytes of its UTF-8. */
export type BytesInput = Bytes | string;

/** Which keys, beside the one that is named. At most one of the three. */
export interface Extent {
  /** All keys that begin with the one named. */
  readonly prefix?: boolean | undefined;
  /** All keys from the one named on. */
  readonly fromKey?: boolean | undefined;
  /** All keys from the one named to this one, which is left out. */
  readonly end?: BytesInput | undefined;
}

/** The two fields that name keys in every request. */
export interface WireRange {
  readonly key: Bytes;
  readonly range_end: Bytes;
}

/** From this key on: what range_end is when there is no end. */
const NO_END: Bytes = Uint8Array.of(0);

export function bytesOfInput(input: BytesInput): Bytes {
  return typeof input === 'string' ? Buffer.from(input) : input;
}

/** The fields for these keys. An empty prefix, or an empty key to start from, means every key there is. */
export function wireRange(key: BytesInput, extent: Extent): WireRange {
  const bytes = bytesOfInput(key);
  if (extent.prefix === true) {
    if (bytes.length === 0) return { key: NO_END, range_end: NO_END };
    const end = prefixEnd(keyOf(bytes));
    return { key: bytes, range_end: end === KEY_INFINITY ? NO_END : bytesOf(end) };
  }
  if (extent.fromKey === true) return { key: bytes.length === 0 ? NO_END : bytes, range_end: NO_END };
  return { key: bytes, range_end: extent.end === undefined ? EMPTY_BYTES : bytesOfInput(extent.end) };
}
