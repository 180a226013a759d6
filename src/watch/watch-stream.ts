/**
 * A WatchStream: the watchers of one client's stream, and the channel through which they are told.
 *
 *     client --create, cancel, progress--> WatchStream --watch, cancel, progress--> Watchable
 *     client <-------- send loop <--take-- Channel <--------------offer------------ Watchable
 *
 * Ids are the client's names for its watchers. One that the client leaves open gets the least number that has not been
 * given out by counting and is not in use. A cancelled watcher takes what is queued for it along, so that its id begins anew.
 */

import type { KeyRange } from '../base/index.ts';
import { Channel, type Waiting } from './channel.ts';
import { CHANNEL_BYTES_MAX, CHANNEL_RESPONSES_LOW } from './limits.ts';
import type { SharedEvent } from './shared-event.ts';
import type { WatchResponse } from './watch-response.ts';
import type { Watchable } from './watchable.ts';
import { Watcher, type WatcherOptions } from './watcher.ts';
import { WatcherList } from './watcher-list.ts';
import { WatchersById } from './watchers-by-id.ts';

/** Who takes from the stream. */
export interface WatchReader {
  /** Who it is, for those who look for the cause of a lag. */
  readonly peer: string;
  readonly user: string;
  /** Called (from within whatever was called of the store) when the channel has been empty and is not any more. */
  readable(): void;
}

export interface WatchRequest {
  /** AUTO_WATCH_ID to have one chosen. */
  readonly id: number;
  readonly range: KeyRange;
  /** 0 for what comes next. */
  readonly startRev: number;
  readonly options: WatcherOptions;
}

export const AUTO_WATCH_ID = 0;

export type WatchRefusal = 'emptyRange' | 'duplicateId' | 'illegalId' | 'closed';

export type WatchResult =
  | { readonly ok: true; readonly id: number }
  | { readonly ok: false; readonly refusal: WatchRefusal };

const NO_EVENTS: readonly SharedEvent[] = [];

export class WatchStream {
  readonly reader: WatchReader;
  readonly #watchable: Watchable;
  readonly #watchers = new WatchersById();
  readonly #channel = new Channel();
  #nextId = 0;
  #closed = false;
  /** Revision of the bookmark for all that is in the channel, 0 if none is; and how often one was asked for since. */
  #bookmarkRev = 0;
  #progressMore = 0;
  #refusedBytes = 0;

  // Kept by the store (placement.ts, progress.ts).
  #victims: WatcherList | undefined = undefined;
  /** Bytes that victims hold in hand. */
  heldBytes = 0;
  /** How many of the watchers are behind: unsynced or victims. */
  behind = 0;
  /** The greatest start that lies, or lay, in the future. */
  futureRev = 0;
  /** A progress request waits until all watchers are synced. */
  progressAwaited = false;

  constructor(watchable: Watchable, reader: WatchReader) {
    this.#watchable = watchable;
    this.reader = reader;
  }

  /** Creates a watcher. A refusal changes nothing. */
  watch(request: WatchRequest): WatchResult {
    const { range, startRev, options } = request;
    if (range.end !== undefined && range.key >= range.end) return { ok: false, refusal: 'emptyRange' };
    if (this.#closed) return { ok: false, refusal: 'closed' };
    if (request.id < 0 || !Number.isSafeInteger(request.id)) return { ok: false, refusal: 'illegalId' };
    if (request.id !== AUTO_WATCH_ID && this.#watchers.get(request.id) !== undefined)
      return { ok: false, refusal: 'duplicateId' };
    const id = request.id === AUTO_WATCH_ID ? this.#freeId() : request.id;
    const watcher = new Watcher(this, id, range, startRev, options);
    this.#watchers.add(watcher);
    this.#watchable.watch(watcher, startRev);
    if (watcher.state !== 'synced' || watcher.minRev > this.#bookmarkRev + 1) this.#recallBookmark();
    return { ok: true, id };
  }

  /** Ends a watcher and drops what is queued for it. False: there is none of that id. */
  cancel(id: number): boolean {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return false;
    this.#watchers.delete(watcher);
    this.#dropped(this.#channel.drop(watcher));
    this.#watchable.cancel(watcher);
    this.#offerRoom();
    return true;
  }

  /** Ends all watchers. What is queued can still be taken: the client has asked for it before it said that it will ask no more. */
  finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    // First: else the last of them that lags, by going, would make the store say that all have caught up.
    this.#watchable.streamClosed(this);
    for (const watcher of this.#watchers) this.#watchable.cancel(watcher);
    this.#watchers.clear();
  }

  /** Ends all watchers and drops all that is queued. */
  close(): void {
    this.finish();
    this.#dropped(this.#channel.clear());
  }

  /** The newest revision that watchers have been told of. */
  rev(): number {
    return this.#watchable.rev();
  }

  /** A bookmark for one watcher, once it is synced. Nothing if there is no such watcher. */
  requestProgress(id: number): void {
    const watcher = this.#watchers.get(id);
    if (watcher !== undefined) this.#watchable.progress(watcher);
  }

  /** A bookmark for all watchers once all are synced, and until then one for each that is. Requests that wait until all are synced share the answer. */
  requestProgressAll(): void {
    if (this.#closed) return;
    if (this.#bookmarkRev === 0) this.#watchable.progressAll(this);
    else this.#progressMore++;
  }

  /** The next response to be sent. */
  take(): WatchResponse | undefined {
    const response = this.#channel.take(this.#watchable.gathering);
    if (response === undefined) return undefined;
    const { kind, watchers } = response;
    const [watcher] = watchers;
    if (kind === 'events') this.#watchable.dequeued(response.events.length * watchers.length, true);
    else if (kind === 'compacted') this.#forget(watcher);
    else if (watcher !== undefined) watcher.bookmarkQueued = false;
    else this.#bookmarkTaken();
    this.#offerRoom();
    return response;
  }

  /** How many responses wait, of every kind. */
  get queued(): number {
    return this.#channel.length;
  }

  get size(): number {
    return this.#watchers.size;
  }

  watchers(): Iterable<Watcher> {
    return this.#watchers;
  }

  /** Bytes of events that wait in the channel for one watcher. */
  queuedBytesOf(watcher: Watcher): number {
    return this.#channel.bytesOf(watcher);
  }

  // ---- What the store puts in ----

  /** Those that wait for room, longest first. */
  get victims(): WatcherList {
    return (this.#victims ??= new WatcherList());
  }

  /** How many more small responses with events the channel would take. */
  get room(): number {
    return this.#channel.room;
  }

  /** Whether what was refused last would be taken now. Before that, who has nothing in hand would read its events in vain, again and again. */
  get takesRefused(): boolean {
    return this.#channel.accepts(this.#refusedBytes);
  }

  /** A response with events, if there is room for it. */
  offer(watcher: Watcher, events: readonly SharedEvent[], revision: number, prevKv: boolean): boolean {
    if (!this.#channel.join(watcher, events, revision)) {
      let bytes = 0;
      for (const event of events) bytes += event.sizeBytes(prevKv);
      if (!this.#channel.accepts(bytes)) {
        this.#refusedBytes = bytes;
        return false;
      }
      this.#push({ kind: 'events', watchers: [watcher], events, revision, compactRevision: 0, bytes, next: undefined });
    }
    this.#watchable.queued(events.length);
    return true;
  }

  /** A bookmark for one watcher. One that is queued already will do: it was asked for by a clock, or is followed by one for all. */
  bookmark(watcher: Watcher, revision: number): void {
    watcher.progressWanted = false;
    if (watcher.bookmarkQueued) return;
    watcher.bookmarkQueued = true;
    this.#push(wordOf('bookmark', [watcher], revision, 0));
  }

  /** A bookmark for all watchers. */
  bookmarkAll(revision: number): void {
    this.#bookmarkRev = revision;
    this.#push(wordOf('bookmark', [], revision, 0));
  }

  /** The last word about a watcher whose history is gone. Its id is free once this has been taken. */
  announceCompaction(watcher: Watcher, compactRevision: number): void {
    this.#push(wordOf('compacted', [watcher], 0, compactRevision));
  }

  #push(response: Waiting): void {
    const wasEmpty = this.#channel.length === 0;
    this.#channel.push(response);
    if (wasEmpty) this.reader.readable();
  }

  /**
   * A bookmark for all may be queued, and here comes a watcher of which it is not true, or which begins behind it. Its client
   * would hear of the creation first and take the bookmark for the new one as well: so the answer is given anew.
   */
  #recallBookmark(): void {
    if (this.#bookmarkRev === 0) return;
    this.#channel.dropBookmark();
    this.#bookmarkRev = 0;
    this.#watchable.progressAll(this);
  }

  /** A request that came while the answer to an earlier one was queued has an answer of its own, as new as itself. */
  #bookmarkTaken(): void {
    const rev = this.#bookmarkRev;
    this.#bookmarkRev = 0;
    if (this.#progressMore === 0) return;
    this.#progressMore--;
    if (this.#closed) this.bookmarkAll(rev);
    else this.#watchable.progressAll(this);
  }

  #forget(watcher: Watcher | undefined): void {
    if (watcher === undefined || this.#watchers.get(watcher.id) !== watcher) return;
    this.#watchers.delete(watcher);
    this.#watchable.cancel(watcher);
  }

  #dropped(events: number): void {
    if (events > 0) this.#watchable.dequeued(events, false);
  }

  #offerRoom(): void {
    if (this.#victims === undefined || this.#victims.size === 0) return;
    if (this.#channel.responses <= CHANNEL_RESPONSES_LOW && this.#channel.bytes <= CHANNEL_BYTES_MAX / 2) {
      this.#watchable.roomIn(this);
    }
  }

  #freeId(): number {
    while (this.#watchers.get(this.#nextId) !== undefined) this.#nextId++;
    return this.#nextId++;
  }
}

function wordOf(
  kind: 'bookmark' | 'compacted',
  watchers: Watcher[],
  revision: number,
  compactRevision: number,
): Waiting {
  return { kind, watchers, events: NO_EVENTS, revision, compactRevision, bytes: 0, next: undefined };
}
