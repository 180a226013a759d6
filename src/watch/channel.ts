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

import type { Gathering } from './gathering.ts';
import {
  CHANNEL_BYTES_MAX,
  CHANNEL_RESPONSES_MAX,
  GATHERED_BYTES_MAX,
  GATHERED_EVENTS_MAX,
  RESPONSE_WATCHERS_MAX,
} from './limits.ts';
import type { SharedEvent } from './shared-event.ts';
import type { WatchResponse } from './watch-response.ts';
import type { Watcher } from './watcher.ts';

/** While it waits, a response may gain and lose watchers. */
export interface Waiting extends WatchResponse {
  readonly watchers: Watcher[];
  /** What waits behind it. */
  next: Waiting | undefined;
}

export class Channel {
  // A list and no array: most channels are empty, and there may be a million.
  #first: Waiting | undefined = undefined;
  #last: Waiting | undefined = undefined;
  #length = 0;
  #responses = 0;
  #bytes = 0;

  /** All that waits, of every kind. */
  get length(): number {
    return this.#length;
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
    if (this.#last === undefined) this.#first = response;
    else this.#last.next = response;
    this.#last = response;
    this.#length++;
    if (response.kind !== 'events') return;
    this.#responses++;
    this.#bytes += response.bytes;
  }

  /** Lets a watcher join the response at the end. False: that tells something else, or to others than the like of it. */
  join(watcher: Watcher, events: readonly SharedEvent[], revision: number): boolean {
    const last = this.#last;
    if (last === undefined || last.events !== events || last.revision !== revision) return false;
    const [first] = last.watchers;
    if (first === undefined || !first.isLike(watcher) || last.watchers.length === RESPONSE_WATCHERS_MAX) return false;
    last.watchers.push(watcher);
    return true;
  }

  /** The next response. What waits right behind it for the same watchers comes along: whoever has fallen behind is told in fewer messages. */
  take(gathering: Gathering): WatchResponse | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    let last = first;
    let count = 1;
    let events = first.events.length;
    let { bytes } = first;
    for (let { next } = first; next !== undefined; next = next.next) {
      events += next.events.length;
      bytes += next.bytes;
      if (events > GATHERED_EVENTS_MAX || bytes > GATHERED_BYTES_MAX || !isToldTheSame(first, next)) break;
      last = next;
      count++;
    }
    const gathered = count === 1 ? first.events : gathering.of(first, count);
    for (let i = 0; i < count; i++) this.#takeOne();
    return count === 1 ? first : { ...first, events: gathered, revision: last.revision };
  }

  #takeOne(): void {
    const response = this.#first;
    if (response === undefined) return;
    this.#first = response.next;
    if (this.#first === undefined) this.#last = undefined;
    // What has been taken must not keep alive what comes after it.
    response.next = undefined;
    this.#length--;
    if (response.kind !== 'events') return;
    this.#responses--;
    this.#bytes -= response.bytes;
  }

  /** Takes a watcher out of everything that waits. Returns how many events it will not be told of. */
  drop(watcher: Watcher): number {
    let events = 0;
    this.#keep((response) => {
      const { watchers } = response;
      const at = watchers.indexOf(watcher);
      if (at < 0) return true;
      events += response.events.length;
      watchers.splice(at, 1);
      return watchers.length > 0;
    });
    return events;
  }

  /** Takes out the bookmark of the whole stream. */
  dropBookmark(): void {
    this.#keep(({ watchers }) => watchers.length > 0);
  }

  /** Takes out everything. Returns how many events nobody will be told of, counted for each watcher. */
  clear(): number {
    let events = 0;
    this.#keep((response) => {
      events += response.events.length * response.watchers.length;
      return false;
    });
    return events;
  }

  /** Bytes of events that wait for one watcher. */
  bytesOf(watcher: Watcher): number {
    let bytes = 0;
    for (let response = this.#first; response !== undefined; response = response.next) {
      if (response.watchers.includes(watcher)) bytes += response.bytes;
    }
    return bytes;
  }

  #keep(isKept: (response: Waiting) => boolean): void {
    let response = this.#first;
    this.#first = undefined;
    this.#last = undefined;
    this.#length = 0;
    this.#responses = 0;
    this.#bytes = 0;
    while (response !== undefined) {
      const { next } = response;
      response.next = undefined;
      if (isKept(response)) this.push(response);
      response = next;
    }
  }
}

function isToldTheSame(one: Waiting, next: Waiting): boolean {
  if (one.kind !== 'events' || next.kind !== 'events') return false;
  if (one.watchers.length !== next.watchers.length) return false;
  for (let i = 0; i < one.watchers.length; i++) if (one.watchers[i] !== next.watchers[i]) return false;
  return true;
}
