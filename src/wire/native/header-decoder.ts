/**
 * Reads HPACK's header blocks (RFC 7541, section 6). A field is one of
 *
 *     1iiiiiii                    the field with this index
 *     01iiiiii value              name with this index, or given if 0; remember it
 *     000xiiii value              the same, but do not remember it
 *     001sssss                    from now on remember so many bytes; before the first field only
 *
 * Numbers that do not fit into their bits go on in bytes of seven. A text is its length and its bytes, Huffman-coded or plain.
 *
 * A short block can stand for very many bytes (one entry of 4 KB, named a thousand times). So what it comes to is counted, and from
 * `listBytesMax` on nothing more is kept; but it is read to its end, because later blocks depend on what it has us remember.
 */

import { ConnectionError, ErrorCode } from './frame.ts';
import { ENTRY_OVERHEAD_BYTES, type HeaderField, HeaderTable } from './header-table.ts';
import { huffmanDecoded } from './huffman.ts';

export class HeaderDecoder {
  readonly #listBytesMax: number;
  readonly #table = new HeaderTable();
  // The block being read.
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(listBytesMax: number) {
    this.#listBytesMax = listBytesMax;
  }

  /** While it is the same, a block of nothing but indices means the same. */
  get tableVersion(): number {
    return this.#table.version;
  }

  /** The fields of a block, or undefined if they are more than is allowed. Throws ConnectionError: the connection cannot go on. */
  decode(block: Buffer): HeaderField[] | undefined {
    this.#block = block;
    this.#at = 0;
    let fields: HeaderField[] | undefined = [];
    let listBytes = 0;
    let isFirst = true;
    while (this.#at < block.length) {
      const first = block[this.#at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        if (!isFirst) throw new ConnectionError(ErrorCode.compressionError, 'a table size after a field');
        this.#table.resize(this.#integer(0x1f));
        continue;
      }
      isFirst = false;
      const field = this.#field(first);
      listBytes += field.name.length + field.value.length + ENTRY_OVERHEAD_BYTES;
      if (listBytes > this.#listBytesMax) fields = undefined;
      fields?.push(field);
    }
    return fields;
  }

  #field(first: number): HeaderField {
    if (first >= 0x80) return this.#table.get(this.#integer(0x7f));
    const isRemembered = first >= 0x40;
    const index = this.#integer(isRemembered ? 0x3f : 0x0f);
    const name = index === 0 ? this.#text() : this.#table.get(index).name;
    const field = { name, value: this.#text() };
    if (isRemembered) this.#table.add(field);
    return field;
  }

  /** The number in the bits of `mask` of the next byte, and if these are all ones, in the bytes behind. At most 28 bits more. */
  #integer(mask: number): number {
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new ConnectionError(ErrorCode.compressionError, 'a number too large');
  }

  #text(): string {
    const isHuffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(0x7f);
    const from = this.#at;
    const to = from + length;
    if (to > this.#block.length) throw new ConnectionError(ErrorCode.compressionError, 'a text that is cut off');
    this.#at = to;
    return isHuffman ? huffmanDecoded(this.#block, from, to) : this.#block.toString('latin1', from, to);
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw new ConnectionError(ErrorCode.compressionError, 'a header block that is cut off');
    return byte;
  }
}
