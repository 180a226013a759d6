/**
 * A watcher: one range of keys, and how far it has been told.
 *
 * `minRev` is its cursor, the first revision that it may still have to be told of. Where it stands decides how it gets on
 * (placement.ts moves it from place to place, and nobody else does):
 *
 *     synced     has been told of everything up to the store's revision; hears of each apply at once. A cursor beyond that is a
 *                start in the future: nothing below it is told
 *     unsynced   behind; fed from history in batches
 *     victim     its stream had no room; waits for it, perhaps with the batch in hand that did not fit (`held`)
 *     compacted  its cursor lies in history that is gone; its cancellation is in the channel, or sent
 *     gone       cancelled, or not placed yet
 *
 * There may be a million of these: no closures, no collections of their own, links instead of entries in sets.
 */

import type { Key } from '../base/index.ts';
import type { SharedEvent } from './shared-event.ts';
import type { WatchStream } from './watch-stream.ts';
import type { WatcherGroup } from './watcher-group.ts';

export type WatcherState = 'synced' | 'unsynced' | 'victim' | 'compacted' | 'gone';

/** What a client asks of a watcher beside its range and start. */
export interface WatcherOptions {
  /** Filters: leave out puts, leave out deletes. */
  readonly noPut: boolean;
  readonly noDelete: boolean;
  /** Events come with the pair as it was before. */
  readonly prevKv: boolean;
  /** Large responses may be sent in pieces. Of no concern to the store. */
  readonly fragment: boolean;
}

export const PLAIN: WatcherOptions = { noPut: false, noDelete: false, prevKv: false, fragment: false };

// All that is yes or no about a watcher, in one number.
const NO_PUT = 1;
const NO_DELETE = 2;
const PREV_KV = 4;
const FRAGMENT = 8;
const RESTORE = 16;
const PROGRESS_WANTED = 32;
const BOOKMARK_QUEUED = 64;

const NOTHING: readonly SharedEvent[] = [];

export class Watcher {
  readonly stream: WatchStream;
  readonly id: number;
  readonly key: Key;
  /** undefined for the one key. */
  readonly end: Key | undefined;
  minRev: number;
  state: WatcherState = 'gone';
  /** When it fell behind (Clock.now, whole milliseconds); 0 while it is not behind. */
  behindSince = 0;
  /** The batch that a victim could not hand over: all that it has not been told below minRev. */
  held: readonly SharedEvent[] | undefined = undefined;

  // The group that it is in, its place in the bucket of its range there, and its neighbours in the list that it is in.
  group: WatcherGroup | undefined = undefined;
  slot = 0;
  next: Watcher | undefined = undefined;
  previous: Watcher | undefined = undefined;

  #flags: number;

  constructor(
    stream: WatchStream,
    id: number,
    range: { readonly key: Key; readonly end: Key | undefined },
    minRev: number,
    options: WatcherOptions,
  ) {
    this.stream = stream;
    this.id = id;
    this.key = range.key;
    this.end = range.end;
    this.minRev = minRev;
    this.#flags =
      (options.noPut ? NO_PUT : 0) |
      (options.noDelete ? NO_DELETE : 0) |
      (options.prevKv ? PREV_KV : 0) |
      (options.fragment ? FRAGMENT : 0);
  }

  get prevKv(): boolean {
    return (this.#flags & PREV_KV) !== 0;
  }

  get fragment(): boolean {
    return (this.#flags & FRAGMENT) !== 0;
  }

  /** Whether the same response does for both. */
  isLike(other: Watcher): boolean {
    return ((this.#flags ^ other.#flags) & (PREV_KV | FRAGMENT)) === 0;
  }

  get victim(): boolean {
    return this.state === 'victim';
  }

  get compacted(): boolean {
    return this.state === 'compacted';
  }

  /** Moved back from synced because the store was replaced by a snapshot: the one case of an unsynced watcher with a cursor in the future. */
  get restore(): boolean {
    return (this.#flags & RESTORE) !== 0;
  }

  set restore(on: boolean) {
    this.#set(RESTORE, on);
  }

  /** Someone waits for its bookmark, which it gets when it is synced. */
  get progressWanted(): boolean {
    return (this.#flags & PROGRESS_WANTED) !== 0;
  }

  set progressWanted(on: boolean) {
    this.#set(PROGRESS_WANTED, on);
  }

  /** A bookmark of its own is in the channel; there is never a second one. */
  get bookmarkQueued(): boolean {
    return (this.#flags & BOOKMARK_QUEUED) !== 0;
  }

  set bookmarkQueued(on: boolean) {
    this.#set(BOOKMARK_QUEUED, on);
  }

  /** Whether its filters let the event through. */
  wants(event: SharedEvent): boolean {
    return (this.#flags & (event.event.type === 'put' ? NO_PUT : NO_DELETE)) === 0;
  }

  /**
   * Hands events of its range to the channel, without waiting; header.revision of the response will be `revision`. False:
   * there is no room, and nothing has happened. Events that the filters leave nothing of are delivered by sending nothing.
   */
  send(events: readonly SharedEvent[], revision: number): boolean {
    const wanted = this.wanted(events);
    if (wanted.length === 0) return true;
    const prevKv = (this.#flags & PREV_KV) !== 0;
    // Now, even if there is no room: the pairs may be compacted away before there is.
    if (prevKv) for (const event of wanted) event.fetchPrevious();
    return this.stream.offer(this, wanted, revision, prevKv);
  }

  /** What its filters leave of the events: the array itself where nothing falls out, so that it stays shared. */
  wanted(events: readonly SharedEvent[]): readonly SharedEvent[] {
    if ((this.#flags & (NO_PUT | NO_DELETE)) === 0) return events;
    let kept = 0;
    for (const event of events) if (this.wants(event)) kept++;
    if (kept === events.length) return events;
    return kept === 0 ? NOTHING : events.filter((event) => this.wants(event));
  }

  #set(flag: number, on: boolean): void {
    this.#flags = on ? this.#flags | flag : this.#flags & ~flag;
  }
}
