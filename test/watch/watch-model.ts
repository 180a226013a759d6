/**
 * What every watcher must have been told, kept beside a WatchableStore that is driven at random. It knows the whole
 * history and looks at each response as a client would that checks the guarantees of the API: ordered, unique, reliable,
 * atomic, bookmarkable (etcd's "KV API guarantees").
 */

import { expect } from 'vitest';
import { assert, inRange, type KeyRange } from '../../src/base/index.ts';
import type { Event, History } from '../../src/mvcc/index.ts';
import {
  ALL_WATCHERS,
  WatchableStore,
  type WatcherOptions,
  type WatchResponse,
  type WatchStream,
} from '../../src/watch/index.ts';
import type { Change } from './fake-history.ts';
import { FiniteClock } from './finite-clock.ts';

/** A history that can be written to: the fake one, or a real store. */
export interface World {
  readonly history: History;
  /** One revision, or none if nothing changes. */
  apply(changes: readonly Change[]): readonly Event[];
  compact(revision: number): void;
}

/** Time goes by in such steps, and a turn of the event loop takes as long. */
const STEP_MS = 5;

interface Told {
  readonly range: KeyRange;
  readonly startRev: number;
  readonly options: WatcherOptions;
  /** How far in the model's list of events it has been told, and the revision of the last that it was told. */
  cursor: number;
  last: number;
  bookmark: number;
  compacted: boolean;
}

class Reader {
  readonly stream: WatchStream;
  readonly told = new Map<number, Told>();
  reading = true;
  closed = false;
  /** The revision that a bookmark for all must reach because it was asked for at it; 0 for none. */
  awaited = 0;

  constructor(stream: WatchStream) {
    this.stream = stream;
  }
}

export class WatchModel {
  readonly clock = new FiniteClock(STEP_MS);
  readonly #world: World;
  readonly #store: WatchableStore;
  readonly #events: Event[] = [];
  readonly #readers: Reader[] = [];

  constructor(world: World, streams: number, watchersPerTellMax?: number) {
    this.#world = world;
    this.#store = new WatchableStore(world.history, this.clock, { watchersPerTellMax });
    for (let i = 0; i < streams; i++) this.#open();
    this.#store.start();
  }

  get rev(): number {
    return this.#world.history.currentRevision;
  }

  get compactRev(): number {
    return this.#world.history.compactRevision;
  }

  apply(changes: readonly Change[]): void {
    const events = this.#world.apply(changes);
    if (events.length === 0) return;
    this.#events.push(...events);
    this.#store.notify(this.rev, events);
    this.#read();
  }

  /** Revisions come by snapshot; `compactTo` is where the snapshot's history begins, if further on than ours. */
  restore(changes: readonly (readonly Change[])[], compactTo: number): void {
    for (const each of changes) this.#events.push(...this.#world.apply(each));
    this.compact(compactTo);
    this.#store.restore();
    this.#read();
  }

  compact(revision: number): void {
    if (revision > this.compactRev && revision > 1 && revision <= this.rev) this.#world.compact(revision);
  }

  advance(ms: number): void {
    for (let i = 0; i < ms; i += STEP_MS) {
      this.clock.advance(STEP_MS);
      this.#read();
    }
  }

  watch(index: number, id: number, range: KeyRange, startRev: number, options: WatcherOptions): void {
    const reader = this.#reader(index);
    const result = reader.stream.watch({ id, range, startRev, options });
    if (!result.ok) {
      const inUse = reader.told.get(id)?.compacted === false || reader.stream.queued > 0;
      const empty = range.end !== undefined && range.key >= range.end;
      assert(empty || inUse, `refused without reason: ${result.refusal}`);
      return;
    }
    const before = reader.told.get(result.id);
    assert(before === undefined || before.compacted, `id ${result.id} was given twice`);
    const start = startRev === 0 ? this.rev + 1 : startRev;
    reader.told.set(result.id, { range, startRev: start, options, cursor: 0, last: 0, bookmark: 0, compacted: false });
    this.#read();
  }

  cancel(index: number, id: number): void {
    const reader = this.#reader(index);
    const live = reader.told.get(id);
    const found = reader.stream.cancel(id);
    // One that is compacted may be cancelled until its client has heard of it.
    assert(found === (live !== undefined && !live.compacted), `cancel of ${id} found ${String(found)}`);
    reader.told.delete(id);
    this.#read();
  }

  progress(index: number, id: number | undefined): void {
    const reader = this.#reader(index);
    if (id === undefined) {
      reader.stream.requestProgressAll();
      reader.awaited = this.rev;
    } else reader.stream.requestProgress(id);
    this.#read();
  }

  setReading(index: number, reading: boolean): void {
    this.#reader(index).reading = reading;
    this.#read();
  }

  take(index: number, count: number): void {
    this.#drain(this.#reader(index), count);
  }

  /** Its client goes, another comes. */
  reopen(index: number): void {
    const reader = this.#reader(index);
    reader.stream.close();
    this.#readers.splice(this.#readers.indexOf(reader), 1);
    this.#open();
  }

  /** Everyone reads until there is nothing left to do; then everyone must have been told everything. */
  finish(): void {
    for (const reader of this.#readers) reader.reading = true;
    this.#read();
    // The last revision may still be told of in slices.
    this.advance(200);
    for (let i = 0; i < 100 && this.#store.gauges.slowWatchers > 0; i++) this.advance(100);
    let live = 0;
    for (const reader of this.#readers) {
      for (const [id, told] of reader.told) {
        if (told.compacted) continue;
        live++;
        expect(place(this.#next(told, this.rev)), `watcher ${id}`).toBe('nothing');
      }
      if (!this.#hasFuture(reader)) expect(reader.awaited, 'a progress request without an answer').toBe(0);
    }
    const { watchers, slowWatchers, pendingEvents, watchStreams } = this.#store.gauges;
    expect({ watchers, slowWatchers, pendingEvents, watchStreams }).toEqual({
      watchers: live,
      slowWatchers: 0,
      pendingEvents: 0,
      watchStreams: this.#readers.length,
    });
  }

  #open(): void {
    this.#readers.push(new Reader(this.#store.newWatchStream({ peer: '', user: '', readable() {} })));
  }

  #reader(index: number): Reader {
    const reader = this.#readers[index % this.#readers.length];
    assert(reader !== undefined, 'no readers');
    return reader;
  }

  #read(): void {
    for (const reader of this.#readers) if (reader.reading) this.#drain(reader, Number.MAX_SAFE_INTEGER);
  }

  #drain(reader: Reader, count: number): void {
    for (let i = 0; i < count; i++) {
      const response = reader.stream.take();
      if (response === undefined) return;
      if (response.watchers.length === 0) this.#look(reader, response, ALL_WATCHERS);
      for (const { id } of response.watchers) this.#look(reader, response, id);
    }
  }

  #look(reader: Reader, response: WatchResponse, watchId: number): void {
    if (watchId === ALL_WATCHERS) {
      for (const told of reader.told.values()) if (!told.compacted) this.#bookmark(told, response.revision);
      if (response.revision >= reader.awaited) reader.awaited = 0;
      return;
    }
    const told = reader.told.get(watchId);
    assert(told !== undefined, `a response for watcher ${watchId}, which there is not`);
    assert(!told.compacted, `watcher ${watchId} is told something after its end`);
    if (response.kind === 'bookmark') this.#bookmark(told, response.revision);
    else if (response.kind === 'compacted') this.#compacted(told, response);
    else this.#tell(told, response);
  }

  #tell(told: Told, response: WatchResponse): void {
    const [first] = response.events;
    assert(first !== undefined, 'a response without events');
    assert(first.event.main > told.last, 'a revision in two responses');
    for (const shared of response.events) {
      const { event } = shared;
      const expected = this.#next(told, this.rev);
      assert(
        expected !== undefined && place(expected) === place(event),
        `told ${place(event)} before ${place(expected)}`,
      );
      assert(event.main > told.bookmark, 'an event below a bookmark');
      assert(event.main <= response.revision, 'a header below its events');
      if (told.options.prevKv && shared.previous === undefined && !event.isCreate) {
        assert(event.main <= this.compactRev, `no previous pair at ${event.main}`);
      }
      told.cursor++;
      told.last = event.main;
    }
  }

  #bookmark(told: Told, revision: number): void {
    assert(revision >= told.bookmark, 'a bookmark that goes back');
    assert(revision >= told.startRev - 1, 'a bookmark below the start');
    const missing = this.#next(told, revision);
    assert(missing === undefined, `a bookmark at ${revision}, though ${place(missing)} has not been told`);
    told.bookmark = revision;
  }

  #compacted(told: Told, response: WatchResponse): void {
    assert(response.compactRevision <= this.compactRev, 'compacted at a revision that is not');
    const last = Math.max(told.bookmark, told.startRev - 1, told.last);
    assert(
      last + 1 < response.compactRevision,
      `cancelled at ${last}, though it needs nothing below ${response.compactRevision}`,
    );
    told.compacted = true;
  }

  #hasFuture(reader: Reader): boolean {
    return [...reader.told.values()].some((told) => told.startRev > this.rev + 1);
  }

  /** The next event, up to revision `until`, that the watcher has to be told of. */
  #next(told: Told, until: number): Event | undefined {
    const { range, startRev, options } = told;
    for (; told.cursor < this.#events.length; told.cursor++) {
      const event = this.#events[told.cursor];
      if (event === undefined || event.main > until) return undefined;
      const isFiltered = event.type === 'put' ? options.noPut : options.noDelete;
      if (event.main >= startRev && inRange(range, event.key) && !isFiltered) return event;
    }
    return undefined;
  }
}

function place(event: Event | undefined): string {
  return event === undefined ? 'nothing' : `${event.main}.${event.sub} ${event.type} ${event.key}`;
}
