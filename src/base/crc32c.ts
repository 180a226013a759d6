/**
 * CRC-32C (Castagnoli), the checksum of the log, of the stored records and of HashKV.
 *
 * A CRC is the remainder of a division over GF(2), here by the polynomial 0x1edc6f41, bits taken from the lowest up (so the
 * constant below is that one mirrored). Byte by byte it takes one look-up each, and each look-up waits for the one before.
 * Slicing by eight (Kounavis and Berry, 2005) takes eight bytes a turn, with eight look-ups that do not wait for each other:
 *
 *     TABLES[0][b]   the CRC of byte b
 *     TABLES[n][b]   the CRC of byte b followed by n zero bytes
 *
 * The CRC of eight bytes is the XOR of TABLES[7][first] ... TABLES[0][last], the running CRC being mixed into the first four.
 */

import type { Bytes } from './key.ts';

const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

/** Eight tables of 256, end to end. */
const TABLES: Uint32Array = (() => {
  const tables = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const crc = tables[at - 256] as number;
    tables[at] = (crc >>> 8) ^ (tables[crc & 0xff] as number);
  }
  return tables;
})();

/**
 * The CRC-32C of `bytes`, from 0 to 2^32 - 1. With `seed`, the CRC of what came before, the CRC of both end to end:
 * crc32c(b, crc32c(a)) is the CRC of a followed by b.
 */
export function crc32c(bytes: Bytes, seed = 0): number {
  const t = TABLES;
  const length = bytes.length;
  let crc = ~seed;
  let at = 0;
  for (const last = length - SLICES; at <= last; at += SLICES) {
    crc =
      (t[0x700 | ((crc ^ (bytes[at] as number)) & 0xff)] as number) ^
      (t[0x600 | (((crc >>> 8) ^ (bytes[at + 1] as number)) & 0xff)] as number) ^
      (t[0x500 | (((crc >>> 16) ^ (bytes[at + 2] as number)) & 0xff)] as number) ^
      (t[0x400 | ((crc >>> 24) ^ (bytes[at + 3] as number))] as number) ^
      (t[0x300 | (bytes[at + 4] as number)] as number) ^
      (t[0x200 | (bytes[at + 5] as number)] as number) ^
      (t[0x100 | (bytes[at + 6] as number)] as number) ^
      (t[bytes[at + 7] as number] as number);
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
