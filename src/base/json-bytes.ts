/** JSON as bytes, for the small state that is kept whole: readable, and rarely read. Integers of 64 bits become decimal text. */

import { type Bytes, bytesOf, keyOf } from './key.ts';

/** ASCII only: what is beyond is escaped, so that a character is a byte. */
export function encodeJson(value: object): Bytes {
  const json = JSON.stringify(value, (_name, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
  return bytesOf(json.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`));
}

/** What encodeJson was given. Bytes that it has not made throw SyntaxError. */
export function decodeJson(bytes: Bytes): unknown {
  return JSON.parse(keyOf(bytes));
}
