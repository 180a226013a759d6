/**
 * A WatchResponse read in place, as far as it takes to see that it is a whole one and which puts it tells of:
 *
 *     WatchResponse { header = 1, watch_id = 2, created = 3, canceled = 4 …, events = 11 { kv = 2 { … value = 5 } } }
 *
 * The value is the last field of a key-value without a lease, and that is the last of an event, so the number of the put
 * (see put-load.ts) stands `valueBytes` before the end of the event, behind the value's tag and length.
 */

const TAG_WATCH_ID = 0x10;
const TAG_CREATED = 0x18;
const TAG_CANCELED = 0x20;
const TAG_EVENT = 0x5a;
const TAG_VALUE = 0x2a;

/** One object, filled anew with each answer. */
export class WatchAnswer {
  watchId = 0;
  isCreated = false;
  isCanceled = false;
  /** How many it holds. */
  events = 0;
  readonly #eventEnds: number[] = [];
  readonly #valueBytes: number;

  /** `valueBytes`: of the values that are put, 128 to 16,383. */
  constructor(valueBytes: number) {
    this.#valueBytes = valueBytes;
  }

  read(bytes: DataView, start: number, end: number): void {
    this.watchId = 0;
    this.isCreated = false;
    this.isCanceled = false;
    this.events = 0;
    let at = start;
    while (at < end) {
      const tag = bytes.getUint8(at);
      if ((tag & 7) === 2) {
        at = lengthEnd(bytes, at + 1) + lengthAt(bytes, at + 1);
        if (tag === TAG_EVENT) this.#eventEnds[this.events++] = at;
        continue;
      }
      if (tag === TAG_WATCH_ID) this.watchId = lengthAt(bytes, at + 1);
      if (tag === TAG_CREATED) this.isCreated = true;
      if (tag === TAG_CANCELED) this.isCanceled = true;
      at = lengthEnd(bytes, at + 1);
    }
  }

  /** The number of the put that the event tells of; undefined if it does not end with what was put. */
  putNumber(event: number, bytes: DataView): number | undefined {
    const value = (this.#eventEnds[event] ?? 0) - this.#valueBytes;
    // The length of a value from 128 to 16383 bytes takes two.
    const isWhole = bytes.getUint8(value - 3) === TAG_VALUE && lengthAt(bytes, value - 2) === this.#valueBytes;
    return isWhole ? bytes.getUint32(value, true) : undefined;
  }
}

/** The varint at a place, for lengths: below 2^28. */
function lengthAt(bytes: DataView, at: number): number {
  const first = bytes.getUint8(at);
  if (first < 128) return first;
  const second = bytes.getUint8(at + 1);
  if (second < 128) return (first & 127) | (second << 7);
  const third = bytes.getUint8(at + 2);
  if (third < 128) return (first & 127) | ((second & 127) << 7) | (third << 14);
  return (first & 127) | ((second & 127) << 7) | ((third & 127) << 14) | (bytes.getUint8(at + 3) << 21);
}

/** Where the varint ends that begins here. */
function lengthEnd(bytes: DataView, at: number): number {
  let end = at;
  while (bytes.getUint8(end) >= 128) end += 1;
  return end + 1;
}
