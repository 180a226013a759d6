/**
 * Reading HPACK's Huffman code (RFC 7541, section 5.2 and appendix B).
 *
 * The code is canonical: codes of one length follow each other in the order of their symbols, and longer ones follow shorter ones.
 * So the lengths say it all, and the tree is grown from them:
 *
 *     '0' 5 bits 00000, '1' 5 bits 00001, ... 'a' 5 bits 00011, ... ' ' 6 bits 010100, ... EOS 30 bits of 1
 *
 * Decoding takes four bits a step: from a node of the tree, and a nibble, to the node reached and the symbol met on the way. No code
 * is shorter than five bits, so there is at most one.
 */

import { ConnectionError, ErrorCode } from './frame.ts';

const SYMBOLS = 257;
const EOS = 256;

/** Bits of the code of each symbol, in runs: [bits, how often]. */
// biome-ignore format: a table
const LENGTHS: readonly (readonly [number, number])[] = [
  [13, 1], [23, 1], [28, 7], [24, 1], [30, 1], [28, 2], [30, 1], [28, 8], [30, 1], [28, 9], // 0 to 31
  [6, 1], [10, 2], [12, 1], [13, 1], [6, 1], [8, 1], [11, 1], [10, 2], [8, 1], [11, 1], [8, 1], [6, 3], // ' ' to '/'
  [5, 3], [6, 7], [7, 1], [8, 1], [15, 1], [6, 1], [12, 1], [10, 1], [13, 1], // '0' to '@'
  [6, 1], [7, 22], [8, 1], [7, 1], [8, 1], [13, 1], [19, 1], [13, 1], [14, 1], [6, 1], [15, 1], // 'A' to '`'
  [5, 1], [6, 1], [5, 1], [6, 1], [5, 1], [6, 3], [5, 1], [7, 2], [6, 3], [5, 1], [6, 1], [7, 1], [6, 1], [5, 2], // 'a' to 't'
  [6, 1], [7, 5], [15, 1], [11, 1], [14, 1], [13, 1], [28, 1], // 'u' to 127
  [20, 1], [22, 1], [20, 2], [22, 3], [23, 1], [22, 1], [23, 5], [24, 1], [23, 1], [24, 2], // 128 to 145
  [22, 1], [23, 1], [24, 1], [23, 4], [21, 1], [22, 1], [23, 1], [22, 1], [23, 2], [24, 1], // 146 to 159
  [22, 1], [21, 1], [20, 1], [22, 2], [23, 2], [21, 1], [23, 1], [22, 2], [24, 1], [21, 1], [22, 1], [23, 2], // 160 to 175
  [21, 2], [22, 1], [21, 1], [23, 1], [22, 1], [23, 2], [20, 1], [22, 3], [23, 1], [22, 2], [23, 1], // 176 to 191
  [26, 2], [20, 1], [19, 1], [22, 1], [23, 1], [22, 1], [25, 1], [26, 3], [27, 2], [26, 1], [24, 1], [25, 1], // 192 to 207
  [19, 1], [21, 1], [26, 1], [27, 2], [26, 1], [27, 1], [24, 1], [21, 2], [26, 2], [28, 1], [27, 3], // 208 to 223
  [20, 1], [24, 1], [20, 1], [21, 1], [22, 1], [21, 2], [23, 1], [22, 2], [25, 2], [24, 2], [26, 1], [23, 1], // 224 to 239
  [26, 1], [27, 1], [26, 2], [27, 5], [28, 1], [27, 5], [26, 1], [30, 1], // 240 to EOS
];

/** A node's two children: another node (0 and up), or a symbol s as ~s. Node 0 is the root. */
function grow(): number[][] {
  const lengths = LENGTHS.flatMap(([bits, times]) => Array.from({ length: times }, () => bits));
  const order = Array.from({ length: SYMBOLS }, (_, symbol) => symbol);
  order.sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  const nodes: number[][] = [[]];
  let code = 0;
  let codeBits = 0;
  for (const symbol of order) {
    const bits = lengths[symbol] ?? 0;
    code *= 2 ** (bits - codeBits);
    codeBits = bits;
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const children = nodes[node] ?? [];
      const side = (code >>> bit) & 1;
      node = children[side] ??= nodes.push([]) - 1;
    }
    (nodes[node] ?? [])[code & 1] = ~symbol;
    code++;
  }
  return nodes;
}

const NODES = grow();
const NO_SYMBOL = -1;
const FAILED = 0xffff;

/** By node * 16 + nibble: the node reached, and the symbol met. */
const NEXT: Uint16Array = new Uint16Array(NODES.length * 16);
const SYMBOL: Int16Array = new Int16Array(NODES.length * 16);
for (let node = 0; node < NODES.length; node++) {
  for (let nibble = 0; nibble < 16; nibble++) {
    let reached = node;
    let symbol = NO_SYMBOL;
    for (let bit = 3; bit >= 0 && reached !== FAILED; bit--) {
      const child = NODES[reached]?.[(nibble >>> bit) & 1] ?? 0;
      if (child >= 0) reached = child;
      else if (~child === EOS) reached = FAILED;
      else {
        symbol = ~child;
        reached = 0;
      }
    }
    NEXT[node * 16 + nibble] = reached;
    SYMBOL[node * 16 + nibble] = symbol;
  }
}

/** Where a text may end: at a symbol's end, or up to seven bits into EOS, which is all ones. */
const ENDS: Set<number> = new Set([0]);
for (let node = NODES[0]?.[1] ?? 0; ENDS.size < 8; node = NODES[node]?.[1] ?? 0) ENDS.add(node);

/** The text of bytes[from, to), one character a byte. Throws ConnectionError. */
export function huffmanDecoded(bytes: Uint8Array, from: number, to: number): string {
  const text = Buffer.allocUnsafe(Math.ceil(((to - from) * 8) / 5));
  let length = 0;
  let node = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = node * 16 + ((byte >>> shift) & 15);
      const symbol = SYMBOL[step] ?? NO_SYMBOL;
      if (symbol !== NO_SYMBOL) text[length++] = symbol;
      node = NEXT[step] ?? FAILED;
      if (node === FAILED) throw new ConnectionError(ErrorCode.compressionError, 'EOS within a text');
    }
  }
  if (!ENDS.has(node)) throw new ConnectionError(ErrorCode.compressionError, 'a text with bad padding');
  return text.toString('latin1', 0, length);
}
