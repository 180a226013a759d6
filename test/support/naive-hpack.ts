/**
 * An encoder of HPACK (RFC 7541) that is as plain as can be: the table is an array that is searched, Huffman codes are texts of 0 and 1.
 * It writes a field in whatever way it is told, if that is possible.
 */

import { STATIC_TABLE } from '../../src/wire/native/header-table.ts';
import { HUFFMAN_CODES } from './huffman-codes.ts';

export interface Field {
  readonly name: string;
  readonly value: string;
}

export type Way = 'indexed' | 'remembered' | 'plain' | 'never';

export class NaiveHpack {
  /** The newest first. */
  #entries: Field[] = [];
  #bytesMax = 4096;

  resize(bytes: number): Buffer {
    this.#bytesMax = bytes;
    this.#evict();
    return integer(0x20, 5, bytes);
  }

  field(field: Field, way: Way, isHuffman: boolean): Buffer {
    const all = [...STATIC_TABLE, ...this.#entries];
    const whole = all.findIndex(({ name, value }) => name === field.name && value === field.value);
    if (way === 'indexed' && whole >= 0) return integer(0x80, 7, whole + 1);
    const index = all.findIndex(({ name }) => name === field.name) + 1;
    const isRemembered = way === 'remembered' || way === 'indexed';
    const head = isRemembered ? integer(0x40, 6, index) : integer(way === 'never' ? 0x10 : 0, 4, index);
    if (isRemembered) {
      this.#entries.unshift(field);
      this.#evict();
    }
    return Buffer.concat([head, ...(index === 0 ? [text(field.name, isHuffman)] : []), text(field.value, isHuffman)]);
  }

  #evict(): void {
    const bytes = (): number =>
      this.#entries.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0);
    while (bytes() > this.#bytesMax) this.#entries.pop();
  }
}

function text(value: string, isHuffman: boolean): Buffer {
  const plain = Buffer.from(value, 'latin1');
  if (!isHuffman) return Buffer.concat([integer(0, 7, plain.length), plain]);
  let bits = Array.from(plain, (byte) => HUFFMAN_CODES[byte] ?? '').join('');
  bits += '1'.repeat((8 - (bits.length % 8)) % 8);
  const coded = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  return Buffer.concat([integer(0x80, 7, coded.length), coded]);
}

function integer(above: number, bits: number, value: number): Buffer {
  const limit = 2 ** bits - 1;
  if (value < limit) return Buffer.of(above + value);
  const bytes = [above + limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
