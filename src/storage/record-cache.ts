/**
 * Encoded records in memory: all that are not written yet, and as many more as fit into a budget.
 *
 * A million small Buffers are a million things for the garbage collector to walk. So values are copied end to end into slabs
 * of 1 MiB, each of which is one thing, and found through a table of numbers:
 *
 *     slots (open addressing)      slab 7
 *     [ 0, 7:0, 0, 0, 7:5, ... ]   | main sub length value.. | main sub length value.. | main sub length value.. | free
 *            |____________________/                           \
 *                  |_______________________________________ /
 *
 * A slot holds a slab's place in the ring and an offset, 0 for none; the key is in the slab. When the budget is spent the
 * oldest slab that may go does so as a whole: its records leave the table and the reference is dropped. A value that was handed out is a view
 * of its slab and keeps that alive for as long as somebody holds it; the slab is never written over.
 *
 * A slab with records that are in no written batch yet is not dropped, whatever the budget says: the disk does not have them.
 * How much of that there can be is bounded by the backend's pressure().
 */

import { assert, type Bytes, present } from '../base/index.ts';
import { RECORD_HEAD_BYTES, recordHash, writeRecordValue } from './record-encoding.ts';

/** Of slabs. */
export const CACHE_BYTES: number = 64 * 1024 * 1024;
const SLAB_BYTES = 1024 * 1024;
/** A larger one gets a slab of its own, so that not much is left over at the end of one. */
const SHARED_ENTRY_BYTES_MAX = SLAB_BYTES / 8;
/** To begin with; more only if so many records are waiting to be written. A quarter of them is kept free. */
const SLOTS = 1 << 20;

/** Before each value: main (8 bytes), sub (4), length (4). All begins at multiples of 8. */
const ENTRY_HEAD_BYTES = 16;
/** In place of a length: the record was deleted. */
const DELETED = 0xffff_ffff;

/** A slot: offset in units of 8 bytes (17 bits), and the slab's place in the ring plus one (15 bits). */
const OFFSET_BITS = 17;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;
const RING_SLABS = (1 << 15) - 1;

class Slab {
  readonly bytes: Bytes;
  readonly doubles: Float64Array;
  readonly words: Uint32Array;
  used = 0;
  /** The newest batch that has to be written before the slab may be dropped. */
  batch = 0;

  constructor(bytes: number) {
    // Not zeroed: nothing beyond `used` is ever read.
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.doubles = new Float64Array(this.bytes.buffer);
    this.words = new Uint32Array(this.bytes.buffer);
  }
}

export class RecordCache {
  readonly #budgetBytes: number;
  #slots = new Uint32Array(SLOTS);
  #count = 0;
  /** Slabs by their place in the ring; those alive lie from #oldest up to but without #next. */
  readonly #ring: (Slab | undefined)[] = [];
  #oldest = 0;
  #next = 0;
  /** The slab that takes more, if there is one. */
  #shared: number | undefined;
  #bytes = 0;
  /** Batches up to this one are written. */
  #writtenBatch = 0;

  constructor(budgetBytes: number = CACHE_BYTES) {
    this.#budgetBytes = budgetBytes;
  }

  /** Bytes of all slabs. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Records, and marks of deleted ones. */
  get count(): number {
    return this.#count;
  }

  /** Keeps a record that goes into `batch`; returns its value as it is stored, a view. */
  put(main: number, sub: number, tombstone: boolean, keyValue: Bytes, batch: number): Bytes {
    const hash = recordHash(main, sub);
    const length = RECORD_HEAD_BYTES + keyValue.length;
    const at = this.#add(hash, main, sub, length, batch);
    const { bytes } = this.#slab(at);
    const begin = offsetOf(at) + ENTRY_HEAD_BYTES;
    writeRecordValue(bytes, begin, hash, tombstone, keyValue);
    return new Uint8Array(bytes.buffer, begin, length);
  }

  /** Keeps a value that was read from the disk; returns its KeyValue, a view. */
  putRead(main: number, sub: number, value: Bytes): Bytes {
    const at = this.#add(recordHash(main, sub), main, sub, value.length, 0);
    const { bytes } = this.#slab(at);
    const begin = offsetOf(at) + ENTRY_HEAD_BYTES;
    bytes.set(value, begin);
    return new Uint8Array(bytes.buffer, begin + RECORD_HEAD_BYTES, value.length - RECORD_HEAD_BYTES);
  }

  /** Remembers that the record is deleted in `batch`. */
  putDeleted(main: number, sub: number, batch: number): void {
    this.#add(recordHash(main, sub), main, sub, DELETED, batch);
  }

  /** The record's KeyValue (a view), 'deleted', or undefined if the cache does not know. */
  get(main: number, sub: number): Bytes | 'deleted' | undefined {
    const at = this.#slots[this.#find(recordHash(main, sub), main, sub)] as number;
    if (at === 0) return undefined;
    const slab = this.#slab(at);
    const offset = offsetOf(at);
    const length = slab.words[offset / 4 + 3] as number;
    if (length === DELETED) return 'deleted';
    const begin = offset + ENTRY_HEAD_BYTES + RECORD_HEAD_BYTES;
    return new Uint8Array(slab.bytes.buffer, begin, length - RECORD_HEAD_BYTES);
  }

  /** Says that all batches up to `batch` can be read from the disk. */
  written(batch: number): void {
    this.#writtenBatch = batch;
  }

  #add(hash: number, main: number, sub: number, length: number, batch: number): number {
    const entryBytes = entryBytesOf(length);
    const ringAt = this.#slabFor(entryBytes);
    this.#makeSlots(ringAt);
    const slab = present(this.#ring[ringAt], 'the newest slab');
    const offset = slab.used;
    slab.used += entryBytes;
    if (batch > slab.batch) slab.batch = batch;
    slab.doubles[offset / 8] = main;
    slab.words[offset / 4 + 2] = sub;
    slab.words[offset / 4 + 3] = length;
    const slot = this.#find(hash, main, sub);
    if (this.#slots[slot] === 0) this.#count++;
    const at = slotOf(ringAt, offset);
    this.#slots[slot] = at;
    return at;
  }

  /** The place in the ring of a slab with so many bytes free. */
  #slabFor(entryBytes: number): number {
    const isShared = entryBytes <= SHARED_ENTRY_BYTES_MAX;
    // Left behind by many large ones: it must be let go before they have gone once round the ring.
    if (this.#shared !== undefined && (this.#next - this.#shared + RING_SLABS) % RING_SLABS > RING_SLABS / 2) {
      this.#shared = undefined;
    }
    const shared = this.#shared === undefined ? undefined : this.#ring[this.#shared];
    if (isShared && this.#shared !== undefined && shared !== undefined) {
      if (shared.used + entryBytes <= shared.bytes.length) return this.#shared;
    }
    const slabBytes = isShared ? SLAB_BYTES : entryBytes;
    while (this.#bytes + slabBytes > this.#budgetBytes && this.#dropOldest());
    const at = this.#next;
    this.#next = (this.#next + 1) % RING_SLABS;
    assert(this.#next !== this.#oldest, 'the ring of slabs is full');
    this.#ring[at] = new Slab(slabBytes);
    this.#bytes += slabBytes;
    if (isShared) this.#shared = at;
    return at;
  }

  /** Drops the oldest slab that does not have to stay; whether there was one. The slab at `keep` stays. */
  #dropOldest(keep?: number): boolean {
    for (let ringAt = this.#oldest; ringAt !== this.#next; ringAt = (ringAt + 1) % RING_SLABS) {
      const slab = this.#ring[ringAt];
      if (slab === undefined || slab.batch > this.#writtenBatch || ringAt === keep) continue;
      this.#forget(slab, ringAt);
      this.#ring[ringAt] = undefined;
      this.#bytes -= slab.bytes.length;
      if (this.#shared === ringAt) this.#shared = undefined;
      while (this.#oldest !== this.#next && this.#ring[this.#oldest] === undefined) {
        this.#oldest = (this.#oldest + 1) % RING_SLABS;
      }
      return true;
    }
    return false;
  }

  /** Takes a slab's records out of the table, but for those that have been put anew, into a later one. */
  #forget(slab: Slab, ringAt: number): void {
    for (let offset = 0; offset < slab.used; ) {
      const main = slab.doubles[offset / 8] as number;
      const sub = slab.words[offset / 4 + 2] as number;
      const length = slab.words[offset / 4 + 3] as number;
      const slot = this.#find(recordHash(main, sub), main, sub);
      if (this.#slots[slot] === slotOf(ringAt, offset)) this.#remove(slot);
      offset += entryBytesOf(length);
    }
  }

  /** The slot of the record, or the empty one where it would go. */
  #find(hash: number, main: number, sub: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = this.#slots[slot] as number;
      if (at === 0) return slot;
      const slab = this.#slab(at);
      const unit = at & OFFSET_MASK;
      if (slab.doubles[unit] === main && slab.words[2 * unit + 2] === sub) return slot;
    }
  }

  /** Empties a slot and moves back those behind it that were pushed on by it, so that no search ends too soon. */
  #remove(slot: number): void {
    const mask = this.#slots.length - 1;
    let hole = slot;
    for (let next = (hole + 1) & mask; this.#slots[next] !== 0; next = (next + 1) & mask) {
      const home = this.#homeOf(this.#slots[next] as number) & mask;
      // Whether `home` lies in (hole, next], going round: then the record may stay.
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.#slots[hole] = this.#slots[next] as number;
      hole = next;
    }
    this.#slots[hole] = 0;
    this.#count--;
  }

  /** Room for one more, which goes into the slab at `keep`: by dropping old slabs or, if that cannot be, by doubling the table. */
  #makeSlots(keep: number): void {
    while (this.#count >= this.#slots.length * 0.75) {
      if (!this.#dropOldest(keep)) {
        const old = this.#slots;
        this.#slots = new Uint32Array(old.length * 2);
        const mask = this.#slots.length - 1;
        for (const at of old) {
          if (at === 0) continue;
          let slot = this.#homeOf(at) & mask;
          while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
          this.#slots[slot] = at;
        }
      }
    }
  }

  #homeOf(at: number): number {
    const slab = this.#slab(at);
    const unit = at & OFFSET_MASK;
    return recordHash(slab.doubles[unit] as number, slab.words[2 * unit + 2] as number);
  }

  #slab(at: number): Slab {
    return present(this.#ring[(at >>> OFFSET_BITS) - 1], 'a slab that a slot points to');
  }
}

function entryBytesOf(length: number): number {
  return Math.ceil((ENTRY_HEAD_BYTES + (length === DELETED ? 0 : length)) / 8) * 8;
}

function slotOf(ringAt: number, offset: number): number {
  return (ringAt + 1) * (1 << OFFSET_BITS) + offset / 8;
}

function offsetOf(at: number): number {
  return (at & OFFSET_MASK) * 8;
}
