/**
 * What goes to a socket next: everything that a turn of the event loop has produced, written with one writev.
 *
 *     slab  | frame header | prefix | small payload | frame header | prefix |           | trailers |
 *     large                                                                  | payload |
 *     pieces ------------------------ 1 ------------------------------------ -- 2 ----- --- 3 ----
 *
 * Small things are put side by side into slabs, because a piece costs more than copying a few hundred bytes does. Large ones are
 * pieces of their own where they lie, however many streams share them. Slabs begin small (most connections have little to say at a
 * time) and grow; they are used again once the socket is done with them.
 */

import type { Duplex } from 'node:stream';
import type { Bytes } from '../../base/index.ts';
import { returnChunks } from '../../codec/index.ts';

/** From this size on, bytes are sent from where they lie. */
export const PIECE_BYTES_MIN = 2048;

const SLAB_BYTES: readonly number[] = [2 * 1024, 16 * 1024, 64 * 1024];

/** Slabs kept for later, of each size. */
const SLABS_KEPT_MAX = 64;

const keptSlabs: readonly Buffer[][] = SLAB_BYTES.map(() => []);

function takeSlab(size: number): Buffer {
  return keptSlabs[size]?.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES[size] ?? 0);
}

function keepSlabs(slabs: readonly Buffer[]): void {
  for (const slab of slabs) {
    const kept = keptSlabs[SLAB_BYTES.indexOf(slab.length)];
    if (kept !== undefined && kept.length < SLABS_KEPT_MAX) kept.push(slab);
  }
}

const NO_SLAB: Buffer = Buffer.alloc(0);

export class Output {
  #slab: Buffer = NO_SLAB;
  #at = 0;
  /** Where the piece begins that ends at #at. */
  #from = 0;
  #slabs: Buffer[] = [];
  #pieces: Bytes[] = [];
  /** Of messages that end here. */
  #chunks: Bytes[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Makes room for `bytes` (at most 2048) in a row; they are to be written to `slab` from the place that this returns. */
  reserve(bytes: number): number {
    if (this.#slab.length - this.#at < bytes) this.#nextSlab();
    const at = this.#at;
    this.#at += bytes;
    this.#bytes += bytes;
    return at;
  }

  get slab(): Buffer {
    return this.#slab;
  }

  /** Adds bytes[from, to). They must not change any more. */
  add(bytes: Bytes, from: number, to: number): void {
    const length = to - from;
    if (length === 0) return;
    if (length >= PIECE_BYTES_MIN) {
      this.#closePiece();
      this.#pieces.push(length === bytes.length ? bytes : bytes.subarray(from, to));
      this.#bytes += length;
      return;
    }
    const at = this.reserve(length);
    this.#slab.set(length === bytes.length ? bytes : bytes.subarray(from, to), at);
  }

  /** The last of a message that lies in these chunks of the pool has been added: they go back there when it is written. */
  returnWhenWritten(chunks: readonly Bytes[]): void {
    this.#chunks.push(...chunks);
  }

  /**
   * Hands everything to the socket. `done` is called when it is gone, or the socket is. Returns the number of bytes.
   * The socket must not have been ended.
   */
  writeTo(socket: Duplex, done: () => void): number {
    this.#closePiece();
    const slabs = this.#slabs;
    const pieces = this.#pieces;
    const chunks = this.#chunks;
    const bytes = this.#bytes;
    this.#slab = NO_SLAB;
    this.#at = 0;
    this.#from = 0;
    this.#slabs = [];
    this.#pieces = [];
    this.#chunks = [];
    this.#bytes = 0;
    const written = (error?: Error | null): void => {
      // After an error nobody knows who still looks at them.
      if (error === undefined || error === null) {
        keepSlabs(slabs);
        returnChunks(chunks);
      }
      done();
    };
    if (pieces.length > 1) socket.cork();
    pieces.forEach((piece, index) => {
      if (index === pieces.length - 1) socket.write(piece, written);
      else socket.write(piece);
    });
    if (pieces.length > 1) socket.uncork();
    return bytes;
  }

  #closePiece(): void {
    if (this.#at > this.#from) this.#pieces.push(this.#slab.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  #nextSlab(): void {
    this.#closePiece();
    this.#slab = takeSlab(Math.min(this.#slabs.length, SLAB_BYTES.length - 1));
    this.#slabs.push(this.#slab);
    this.#at = 0;
    this.#from = 0;
  }
}
