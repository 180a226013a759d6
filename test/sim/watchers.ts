/**
 * Clients that watch: streams on every member, with watchers on keys and ranges, from now, from long ago, from the future; some read at
 * once, some slowly, some not at all for a while. When a member goes, its watchers go on at another, from where they are:
 *
 *     watcher 3 of k1..k5, at m2: told 7.0, 9.0, 9.1, bookmark 11      m2 crashes      at m1 from 12 on: 12.0 ...
 *
 * Each event that comes must be the next one that the history holds for the range: none lost, none twice, none out of order, all of a
 * revision together. A bookmark must not promise what has not been told. A compaction cancels once.
 */

import { below, inRange, type KeyRange, type Prng, pick } from '../../src/base/index.ts';
import type { Node } from '../../src/node/index.ts';
import { AUTO_WATCH_ID, type SharedEvent, type WatchResponse, type WatchStream } from '../../src/watch/index.ts';
import { describePair, pairOf } from './clients.ts';
import type { WorldClock } from './clock.ts';
import type { History, HistoryEvent } from './history.ts';
import type { Life, SimulatedMember } from './member.ts';
import type { Settings } from './settings.ts';
import type { Trace } from './trace.ts';
import { ensure } from './violation.ts';

/** What a client wants to hear of, and how far it has been told. */
interface Watching {
  readonly number: number;
  readonly range: KeyRange;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** The next revision that it may be told of. */
  cursor: number;
  /** Where in the history that is, or before. */
  place: number;
  /** The stream that it is on; undefined while it is looking for a member. */
  stream: Stream | undefined;
  events: number;
  cancels: number;
}

/** One stream of one client. */
interface Stream {
  readonly number: number;
  readonly life: Life;
  readonly stream: WatchStream;
  readonly watching: Map<number, Watching>;
  /** Between two responses that it reads; 0: all at once. */
  paceMs: number;
  isReading: boolean;
  /** Bookmarks for the whole stream that were asked for and not given. */
  progressAwaited: boolean;
}

export interface WatchersOptions {
  readonly settings: Settings;
  readonly prng: Prng;
  readonly clock: WorldClock;
  readonly history: History;
  readonly trace: Trace;
  readonly members: () => readonly SimulatedMember[];
  readonly failed: (error: unknown) => void;
}

const WATCHERS_A_STREAM_MAX = 8;
const WATCHINGS_MAX = 30;
const READ_AT_ONCE = 0;
const READ_DELAY_MS_MAX = 3;

export class Watchers {
  readonly #options: WatchersOptions;
  readonly #watchings: Watching[] = [];
  #streams: Stream[] = [];
  #streamsOpened = 0;
  events = 0;
  cancels = 0;
  slowest = 0;
  pendingMost = 0;
  resumed = 0;

  constructor(options: WatchersOptions) {
    this.#options = options;
  }

  /** Does one thing that a client might do. */
  act(): void {
    const { prng, settings } = this.#options;
    this.#noteGauges();
    const choice = below(prng, 100);
    const stream = this.#streams.length === 0 ? undefined : pick(prng, this.#streams);
    if (stream === undefined || (choice < 10 && this.#streams.length < settings.streams)) this.#open();
    else if (choice < 40) this.#resume(stream);
    else if (choice < 60 && this.#watchings.length < WATCHINGS_MAX) this.#begin(stream);
    else if (choice < 64) this.#cancel(stream);
    else if (choice < 66) this.#close(stream);
    else if (choice < 80) this.#askProgress(stream);
    else if (choice < 90) this.#changePace(stream);
  }

  /** The process is gone, and its streams with it. */
  ended(life: Life): void {
    this.#streams = this.#streams.filter((stream) => {
      if (stream.life !== life) return true;
      for (const watching of stream.watching.values()) watching.stream = undefined;
      return false;
    });
  }

  /** From now on everybody reads at once, and whoever has no stream gets one. */
  hurry(): void {
    for (const stream of this.#streams) {
      stream.paceMs = READ_AT_ONCE;
      this.#readLater(stream);
    }
    if (this.#watchings.every((watching) => watching.stream !== undefined)) return;
    if (this.#streams.length === 0) this.#open();
    for (const stream of this.#streams) this.#resumeAll(stream);
  }

  /** Whether everybody has been told everything, and the gauges have come back to nothing. */
  isQuiet(nodes: readonly Node[]): boolean {
    const { history } = this.#options;
    for (const { watchable } of nodes) {
      if (watchable.gauges.slowWatchers !== 0 || watchable.gauges.pendingEvents !== 0) return false;
    }
    const isDone = (watching: Watching): boolean =>
      watching.stream !== undefined && this.#next(watching, history.revision) === undefined;
    return this.#watchings.every(isDone) && this.#streams.every(({ progressAwaited }) => !progressAwaited);
  }

  describeUnquiet(nodes: readonly Node[]): string {
    const lines = this.#watchings
      .filter((watching) => watching.stream === undefined || this.#next(watching, this.#options.history.revision))
      .map((one) => `watcher ${one.number} on ${one.stream?.life.member.name ?? 'no member'} waits at ${one.cursor}`);
    const awaited = this.#streams.filter(({ progressAwaited }) => progressAwaited);
    const gauges = nodes.map(({ memberId, watchable }) => {
      const { slowWatchers, pendingEvents } = watchable.gauges;
      return `at ${memberId} ${slowWatchers} slow watchers, ${pendingEvents} pending events`;
    });
    return [...lines, ...awaited.map(({ number }) => `stream ${number} waits for a bookmark`), ...gauges].join('\n');
  }

  /** When all is quiet, the gauges must count what is there. */
  checkGauges(nodes: readonly Node[]): void {
    for (const node of nodes) {
      const { watchers, watchStreams } = node.watchable.gauges;
      const here = this.#streams.filter(({ life }) => life.node === node);
      const watching = here.reduce((sum, stream) => sum + stream.watching.size, 0);
      ensure(watchers === watching, () => `${watchers} watchers are counted, of ${watching}`);
      ensure(watchStreams === here.length, () => `${watchStreams} streams are counted, of ${here.length}`);
    }
  }

  // ---- What clients do ----

  #open(): void {
    const { prng, members } = this.#options;
    const serving = members().filter((member) => member.serving !== undefined);
    if (serving.length === 0) return;
    const { life, serving: node, name } = pick(prng, serving);
    if (life === undefined || node === undefined) return;
    const number = ++this.#streamsOpened;
    const stream: Stream = {
      number,
      life,
      stream: node.watchable.newWatchStream({
        peer: `client ${number}`,
        user: '',
        readable: () => this.#readLater(stream),
      }),
      watching: new Map(),
      paceMs: pick(prng, [READ_AT_ONCE, READ_AT_ONCE, 5, 50]),
      isReading: false,
      progressAwaited: false,
    };
    this.#options.trace.note(`stream ${number} opens at ${name}, pace ${stream.paceMs}`);
    this.#streams.push(stream);
  }

  #begin(stream: Stream): void {
    const { prng, history, settings } = this.#options;
    if (stream.watching.size >= WATCHERS_A_STREAM_MAX) return;
    const from = `k${below(prng, settings.keys)}`;
    const start = pick(prng, ['now', 'now', 'past', 'past', 'first', 'future'] as const);
    const past = Math.max(1, history.revision - below(prng, 60));
    const cursor = { now: 0, past, first: Math.max(1, history.compacted), future: history.revision + below(prng, 30) };
    const watching: Watching = {
      number: this.#watchings.length + 1,
      range: { key: from, end: pick(prng, [undefined, `${from}~`, 'l', '\u0100']) },
      noPut: below(prng, 12) === 0,
      noDelete: below(prng, 8) === 0,
      prevKv: below(prng, 2) === 0,
      cursor: cursor[start],
      place: 0,
      stream: undefined,
      events: 0,
      cancels: 0,
    };
    this.#watchings.push(watching);
    this.#watch(stream, watching);
  }

  #resume(stream: Stream): void {
    const { prng } = this.#options;
    const waiting = this.#watchings.filter((watching) => watching.stream === undefined);
    if (waiting.length === 0 || stream.watching.size >= WATCHERS_A_STREAM_MAX) return;
    this.#watch(stream, pick(prng, waiting));
  }

  #resumeAll(stream: Stream): void {
    if (stream.life.isStopping) return;
    for (const watching of this.#watchings) if (watching.stream === undefined) this.#watch(stream, watching);
  }

  #watch(stream: Stream, watching: Watching): void {
    const { history, trace } = this.#options;
    const { range, noPut, noDelete, prevKv, cursor } = watching;
    const id = this.#someId(stream);
    const options = { noPut, noDelete, prevKv, fragment: false };
    const before = stream.stream.rev();
    const result = stream.stream.watch({ id, range, startRev: cursor, options });
    ensure(result.ok, () => `watcher ${watching.number} is refused: ${JSON.stringify(result)}`);
    if (cursor === 0) watching.cursor = before + 1;
    watching.place = history.placeOf(watching.cursor);
    watching.stream = stream;
    if (watching.events > 0) this.resumed++;
    stream.watching.set(result.id, watching);
    trace.note(
      `watcher ${watching.number} is ${result.id} on stream ${stream.number} at ${stream.life.member.name}: ` +
        `${range.key}..${range.end ?? ''} from ${watching.cursor}`,
    );
  }

  /** One that the store chooses, or one of a few: an id that was free again may still have had something waiting for it. */
  #someId({ watching }: Stream): number {
    const id = 1000 + below(this.#options.prng, 3);
    return below(this.#options.prng, 2) === 0 || watching.has(id) ? AUTO_WATCH_ID : id;
  }

  #cancel(stream: Stream): void {
    const { prng, trace } = this.#options;
    if (stream.watching.size === 0) return;
    const [id, watching] = pick(prng, [...stream.watching]);
    trace.note(`watcher ${watching.number} is cancelled on stream ${stream.number}`);
    ensure(stream.stream.cancel(id), () => `watcher ${watching.number} is not there to be cancelled`);
    stream.watching.delete(id);
    watching.stream = undefined;
  }

  #close(stream: Stream): void {
    this.#options.trace.note(`stream ${stream.number} closes`);
    stream.stream.close();
    for (const watching of stream.watching.values()) watching.stream = undefined;
    this.#streams = this.#streams.filter((other) => other !== stream);
  }

  #askProgress(stream: Stream): void {
    const { prng, trace } = this.#options;
    if (below(prng, 2) === 0 && stream.watching.size > 0) {
      const [id] = pick(prng, [...stream.watching]);
      stream.stream.requestProgress(id);
      return;
    }
    trace.note(`stream ${stream.number} asks for progress`);
    stream.progressAwaited = true;
    stream.stream.requestProgressAll();
  }

  #changePace(stream: Stream): void {
    stream.paceMs = pick(this.#options.prng, [READ_AT_ONCE, READ_AT_ONCE, 2, 20, 200, 2000]);
    this.#options.trace.note(`stream ${stream.number} reads every ${stream.paceMs} ms`);
  }

  // ---- What they are told ----

  /** The send loop of the stream: it reads when it is told that there is something, until there is nothing. */
  #readLater(stream: Stream): void {
    if (stream.isReading) return;
    stream.isReading = true;
    const { clock, prng } = this.#options;
    const delay = stream.paceMs === READ_AT_ONCE ? below(prng, READ_DELAY_MS_MAX * 10) / 10 : stream.paceMs;
    clock.after(delay, () => this.#read(stream));
  }

  #read(stream: Stream): void {
    stream.isReading = false;
    if (!this.#streams.includes(stream)) return;
    for (;;) {
      const response = stream.stream.take();
      if (response === undefined) return;
      if (response.watchers.length === 0) this.#heardOfAll(stream, response.revision);
      for (const { id } of response.watchers) this.#heard(stream, response, id);
      if (stream.paceMs === READ_AT_ONCE) continue;
      this.#readLater(stream);
      return;
    }
  }

  #heardOfAll(stream: Stream, revision: number): void {
    this.#options.trace.note(`stream ${stream.number} is told of revision ${revision}`);
    stream.progressAwaited = false;
    for (const watching of stream.watching.values()) this.#promised(watching, revision);
  }

  #heard(stream: Stream, response: WatchResponse, watchId: number): void {
    const { kind, revision } = response;
    const watching = stream.watching.get(watchId);
    ensure(watching !== undefined, () => `stream ${stream.number} hears of ${watchId}, which it does not watch`);
    if (kind === 'bookmark') this.#promised(watching, revision);
    else if (kind === 'compacted') this.#compacted(stream, watchId, watching, response);
    else this.#told(watching, response);
  }

  /** Everything up to `revision` has been told. */
  #promised(watching: Watching, revision: number): void {
    const missing = this.#next(watching, revision);
    ensure(
      missing === undefined,
      () => `watcher ${watching.number} is promised everything up to ${revision}, and was not told of ${missing?.main}`,
    );
    // Of one that starts in the future nothing is said.
    watching.cursor = Math.max(watching.cursor, revision + 1);
  }

  #compacted(stream: Stream, watchId: number, watching: Watching, { compactRevision }: WatchResponse): void {
    const { history, trace } = this.#options;
    trace.note(`watcher ${watching.number} at ${watching.cursor} is cancelled: compacted at ${compactRevision}`);
    ensure(
      compactRevision > watching.cursor && compactRevision <= history.compacted,
      () => `watcher ${watching.number} at ${watching.cursor} is cancelled for a compaction at ${compactRevision}`,
    );
    this.cancels++;
    watching.cancels++;
    stream.watching.delete(watchId);
    watching.stream = undefined;
    watching.cursor = compactRevision;
  }

  #told(watching: Watching, { events }: WatchResponse): void {
    const { trace } = this.#options;
    trace.note(
      () => `watcher ${watching.number} is told ${events.map(({ event }) => `${event.main}.${event.sub}`).join(' ')}`,
      `told ${watching.number} ${events.length}`,
    );
    let last = 0;
    for (const event of events) last = this.#toldOf(watching, event).main;
    watching.cursor = last + 1;
    const rest = this.#next(watching, last, last);
    ensure(rest === undefined, () => `watcher ${watching.number} is told of revision ${last} without ${rest?.sub}`);
  }

  #toldOf(watching: Watching, shared: SharedEvent): HistoryEvent {
    const { event } = shared;
    const name = `${event.main}.${event.sub}`;
    const wanted = this.#next(watching, Number.POSITIVE_INFINITY);
    ensure(
      wanted !== undefined && wanted.main === event.main && wanted.sub === event.sub,
      () => `watcher ${watching.number} is told of ${name}; ${wanted?.main ?? 'nothing'}.${wanted?.sub ?? ''} is next`,
    );
    const { pair, previous, key } = wanted;
    ensure(event.key === key, () => `event ${name} is one of ${event.key}, not ${key}`);
    ensure(event.type === (pair === undefined ? 'delete' : 'put'), () => `event ${name} is a ${event.type}`);
    const found = pairOf(event.kv);
    const right = pair ?? { key, value: '', create: 0, mod: event.main, version: 0 };
    ensure(describePair(found) === describePair(right), () => `event ${name}: ${describePair(found)}`);
    if (watching.prevKv) this.#checkPrevious(shared, previous === undefined ? '' : describePair(previous));
    watching.place++;
    watching.events++;
    this.events++;
    return wanted;
  }

  /** What a compaction has taken may be missing; what is there must be true. */
  #checkPrevious({ event, previous }: SharedEvent, wanted: string): void {
    const found = previous === undefined ? '' : describePair(pairOf(previous));
    const mayBeGone = event.main - 1 < this.#options.history.compacted;
    ensure(
      found === wanted || (found === '' && mayBeGone),
      () => `the pair before ${event.main}.${event.sub} was "${wanted}", not "${found}"`,
    );
  }

  /** The next event that the watcher must be told of, up to a revision; from its cursor on, or from another revision. */
  #next(watching: Watching, upTo: number, from: number = watching.cursor): HistoryEvent | undefined {
    const { history } = this.#options;
    for (;;) {
      const event = history.eventAt(watching.place);
      if (event === undefined || event.main > upTo) return undefined;
      const isPut = event.pair !== undefined;
      const isWanted =
        event.main >= from && inRange(watching.range, event.key) && !(isPut ? watching.noPut : watching.noDelete);
      if (isWanted) return event;
      watching.place++;
    }
  }

  #noteGauges(): void {
    for (const { node } of new Set(this.#streams.map(({ life }) => life))) {
      if (node === undefined) continue;
      this.slowest = Math.max(this.slowest, node.watchable.gauges.slowWatchers);
      this.pendingMost = Math.max(this.pendingMost, node.watchable.gauges.pendingEvents);
    }
  }
}
