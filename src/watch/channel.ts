/**
 * The queue between the store and one stream's send loop, bounded in responses and in bytes.
 *
 * Responses with events are offered: a channel without room refuses them, and their watcher becomes a victim. What is said
 * about a watcher as a whole (a bookmark, the cancellation by a compaction) is always taken, in its place in the order: there
 * is at most one of each a watcher, so this too is bounded, and they are never lost and never overtake an event.
 */

import { present } from '../base/index.ts';
import { CHANNEL_BYTES_MAX, CHANNEL_RESPONSES_MAX } from './limits.ts';
import type { WatchResponse } from './watch-response.ts';
import type { Watcher } from './watcher.ts';

/** Taken entries are cut off the front of the array when there are this many, and as many as are left. */
const TAKEN_KEPT_MAX = 64;

export class Channel {
  #queue: (WatchResponse | undefined)[] = [];
  /** Where the queue begins: what is before it has been taken. */
  #head = 0;
  #responses = 0;
  #bytes = 0;

  /** All that waits, of every kind. */
  get length(): number {
    return this.#queue.length - this.#head;
  }

  /** Responses with events that wait, and their bytes. */
  get responses(): number {
    return this.#responses;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How many more small responses would be taken. */
  get room(): number {
    if (this.#responses === 0) return CHANNEL_RESPONSES_MAX;
    return this.#bytes >= CHANNEL_BYTES_MAX ? 0 : CHANNEL_RESPONSES_MAX - this.#responses;
  }

  /** Whether a response with this many bytes of events would be taken. */
  accepts(bytes: number): boolean {
    if (this.#responses === 0) return true;
    return this.#responses < CHANNEL_RESPONSES_MAX && this.#bytes + bytes <= CHANNEL_BYTES_MAX;
  }

  /** Puts a response at the end. Those with events only if it accepts them. */
  push(response: WatchResponse): void {
    this.#queue.push(response);
    if (response.kind !== 'events') return;
    this.#responses++;
    this.#bytes += response.bytes;
  }

  take(): WatchResponse | undefined {
    const response = this.#queue[this.#head];
    if (response === undefined) return undefined;
    // Not to keep its events alive from here.
    this.#queue[this.#head++] = undefined;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head >= TAKEN_KEPT_MAX && this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#forget(response);
    return response;
  }

  /** Takes out everything that `isOut` says so of. */
  purge(isOut: (response: WatchResponse) => boolean): WatchResponse[] {
    const purged: WatchResponse[] = [];
    const kept: WatchResponse[] = [];
    for (let i = this.#head; i < this.#queue.length; i++) {
      const response = present(this.#queue[i], 'a response that waits');
      if (isOut(response)) purged.push(response);
      else kept.push(response);
    }
    if (purged.length === 0) return purged;
    for (const response of purged) this.#forget(response);
    this.#queue = kept;
    this.#head = 0;
    return purged;
  }

  /** Bytes of events that wait for one watcher. */
  bytesOf(watcher: Watcher): number {
    let bytes = 0;
    for (let i = this.#head; i < this.#queue.length; i++) {
      const response = this.#queue[i];
      if (response?.watcher === watcher) bytes += response.bytes;
    }
    return bytes;
  }

  #forget(response: WatchResponse): void {
    if (response.kind !== 'events') return;
    this.#responses--;
    this.#bytes -= response.bytes;
  }
}
