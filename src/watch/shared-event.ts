/**
 * An event on its way to watchers: one object for all of them, with what they share.
 *
 * The previous pair is fetched once, at the moment the event is matched: later, a compaction may have taken it.
 * The encoded form is made once, when the first response with the event is written, and lent to every other. It is the
 * whole entry of WatchResponse.events, so that a response is a small header and such entries put end to end:
 *
 *     5a LEN  [08 01]  12 LEN kv  [1a LEN prev_kv]
 *     events  DELETE   Event.kv   Event.prev_kv
 */

import type { Bytes } from '../base/index.ts';
import type { Event, History } from '../mvcc/index.ts';

/** Counted for each event beside its pairs, for what surrounds them in memory and on the wire. */
const OVERHEAD_BYTES = 16;

// Field numbers of WatchResponse and mvccpb.Event, shifted by the wire type: proto/rpc.proto, proto/kv.proto.
const EVENTS = (11 << 3) | 2;
const TYPE = 1 << 3;
const TYPE_DELETE = 1;
const KV = (2 << 3) | 2;
const PREV_KV = (3 << 3) | 2;

function lengthSize(length: number): number {
  let size = 1;
  for (let rest = length; rest >= 0x80; rest >>>= 7) size++;
  return size;
}

function writeLength(to: Bytes, at: number, length: number): number {
  let rest = length;
  let position = at;
  while (rest >= 0x80) {
    to[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  to[position++] = rest;
  return position;
}

function encodeEntry(event: Event, previous: Bytes | undefined): Bytes {
  const { kv } = event;
  let size = 1 + lengthSize(kv.length) + kv.length;
  if (event.type === 'delete') size += 2;
  if (previous !== undefined) size += 1 + lengthSize(previous.length) + previous.length;

  const bytes = new Uint8Array(1 + lengthSize(size) + size);
  bytes[0] = EVENTS;
  let at = writeLength(bytes, 1, size);
  if (event.type === 'delete') {
    bytes[at++] = TYPE;
    bytes[at++] = TYPE_DELETE;
  }
  bytes[at++] = KV;
  at = writeLength(bytes, at, kv.length);
  bytes.set(kv, at);
  at += kv.length;
  if (previous !== undefined) {
    bytes[at++] = PREV_KV;
    at = writeLength(bytes, at, previous.length);
    bytes.set(previous, at);
  }
  return bytes;
}

export class SharedEvent {
  readonly event: Event;
  readonly #history: History;
  #fetched = false;
  #previous: Bytes | undefined = undefined;
  #plain: Bytes | undefined = undefined;
  #withPrevious: Bytes | undefined = undefined;

  constructor(event: Event, history: History) {
    this.event = event;
    this.#history = history;
  }

  /** Makes sure of the previous pair while history still has it. */
  fetchPrevious(): void {
    if (this.#fetched) return;
    this.#fetched = true;
    if (!this.event.isCreate) this.#previous = this.#history.previousOf(this.event);
  }

  /** The encoded pair that the event replaced or deleted, if it was fetched and there was one. */
  get previous(): Bytes | undefined {
    return this.#previous;
  }

  /** What the event counts against budgets of bytes, about its size on the wire. */
  sizeBytes(prevKv: boolean): number {
    const previousBytes = prevKv && this.#previous !== undefined ? this.#previous.length : 0;
    return this.event.kv.length + previousBytes + OVERHEAD_BYTES;
  }

  /** The entry of WatchResponse.events, with the previous pair or without. Shared: not to be changed. */
  encoded(prevKv: boolean): Bytes {
    if (!prevKv || this.#previous === undefined) return (this.#plain ??= encodeEntry(this.event, undefined));
    return (this.#withPrevious ??= encodeEntry(this.event, this.#previous));
  }
}
