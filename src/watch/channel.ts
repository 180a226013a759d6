/**
 * The queue between the store and one stream's send loop, bounded in responses and in bytes.
 *
 * Responses with events are offered: a channel without room refuses them, and their watcher becomes a victim. What is said
 * about a watcher as a whole (a bookmark, the cancellation by a compaction) is always taken, in its place in the order: there
 * is at most one of each a watcher, so this too is bounded, and they are never lost and never overtake an event.
 *
 * Whoever is to be told just what the response at the end tells joins that one: a put that a hundred watchers of a stream hear of
 * is one response here, and takes the room of one.
 */

import { present } from '../base/index.ts';
import { CHANNEL_BYTES_MAX, CHANNEL_RESPONSES_MAX, RESPONSE_WATCHERS_MAX } from './limits.ts';
import type { SharedEvent } from './shared-event.ts';
import type { WatchResponse } from './watch-response.ts';
import type { Watcher } from './watcher.ts';

/** Taken entries are cut off the front of the array when there are this many, and as many as are left. */
const TAKEN_KEPT_MAX = 64;

/** Room for the one response that most streams have at a time. An array that begins empty would make room for seventeen. */
function oneRoom(): (Waiting | undefined)[] {
  return [undefined];
}

/** While it waits, a response may gain and lose watchers. */
export interface Waiting extends WatchResponse {
  readonly watchers: Watcher[];
}

export class Channel {
  #queue: (Waiting | undefined)[] = oneRoom();
  /** The queue is from #head to #tail: what is before it has been taken, what is behind it is room that has been used before. */
  #head = 0;
  #tail = 0;
  #responses = 0;
  #bytes = 0;

  /** All that waits, of every kind. */
  get length(): number {
    return this.#tail - this.#head;
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
  push(response: Waiting): void {
    this.#queue[this.#tail++] = response;
    if (response.kind !== 'events') return;
    this.#responses++;
    this.#bytes += response.bytes;
  }

  /** Lets a watcher join the response at the end. False: that tells something else, or to others than the like of it. */
  join(watcher: Watcher, events: readonly SharedEvent[], revision: number): boolean {
    if (this.#tail === this.#head) return false;
    const last = this.#queue[this.#tail - 1];
    if (last === undefined || last.events !== events || last.revision !== revision) return false;
    const [first] = last.watchers;
    if (first === undefined || !first.isLike(watcher) || last.watchers.length === RESPONSE_WATCHERS_MAX) return false;
    last.watchers.push(watcher);
    return true;
  }

  take(): WatchResponse | undefined {
    if (this.#head === this.#tail) return undefined;
    const response = this.#queue[this.#head];
    // Not to keep its events alive from here.
    this.#queue[this.#head++] = undefined;
    if (this.#head === this.#tail) this.#restart();
    else if (this.#head >= TAKEN_KEPT_MAX && this.#head * 2 >= this.#tail) this.#replace(this.#waiting());
    if (response !== undefined) this.#forget(response);
    return response;
  }

  /** Takes a watcher out of everything that waits. Returns how many events it will not be told of. */
  drop(watcher: Watcher): number {
    let events = 0;
    const kept: Waiting[] = [];
    for (const response of this.#waiting()) {
      const { watchers } = response;
      const at = watchers.indexOf(watcher);
      if (at >= 0) {
        events += response.events.length;
        watchers.splice(at, 1);
      }
      if (at >= 0 && watchers.length === 0) this.#forget(response);
      else kept.push(response);
    }
    if (kept.length < this.length) this.#replace(kept);
    return events;
  }

  /** Takes out the bookmark of the whole stream. */
  dropBookmark(): void {
    this.#replace(this.#waiting().filter(({ watchers }) => watchers.length > 0));
  }

  /** Takes out everything. Returns how many events nobody will be told of, counted for each watcher. */
  clear(): number {
    let events = 0;
    for (const response of this.#waiting()) events += response.events.length * response.watchers.length;
    this.#replace([]);
    this.#responses = 0;
    this.#bytes = 0;
    return events;
  }

  /** Bytes of events that wait for one watcher. */
  bytesOf(watcher: Watcher): number {
    let bytes = 0;
    for (const response of this.#waiting()) if (response.watchers.includes(watcher)) bytes += response.bytes;
    return bytes;
  }

  #waiting(): Waiting[] {
    return this.#queue.slice(this.#head, this.#tail).map((response) => present(response, 'a response that waits'));
  }

  #replace(queue: Waiting[]): void {
    this.#queue = queue;
    this.#head = 0;
    this.#tail = queue.length;
  }

  /** Everything has been taken. */
  #restart(): void {
    if (this.#queue.length > 1) this.#queue = oneRoom();
    this.#head = 0;
    this.#tail = 0;
  }

  #forget(response: WatchResponse): void {
    if (response.kind !== 'events') return;
    this.#responses--;
    this.#bytes -= response.bytes;
  }
}
