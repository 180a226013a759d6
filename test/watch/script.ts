/**
 * Runs the stories in testdata/: commands, and below them what the streams deliver in consequence.
 *
 *     put a 1
 *     watch key=a rev=2
 *     advance 100ms
 *     ----
 *     s1 w0 created at 2
 *     s1 w0 rev=2: put a 1@2
 *
 * A stream is read at once unless it is blocked. `WATCH_SCRIPTS=rewrite` writes what happens into the files instead of
 * comparing: read the difference before you commit it.
 */

import { assert, KEY_INFINITY, type KeyRange } from '../../src/base/index.ts';
import { WatchableStore, type WatchResponse, type WatchStream } from '../../src/watch/index.ts';
import { type Change, describePair, FakeHistory } from './fake-history.ts';
import { FiniteClock } from './finite-clock.ts';

/** More events than these in one response are told by the first and the last. */
const EVENTS_SHOWN_MAX = 4;

/** So are more lines than these that differ only in numbers. */
const LINES_ALIKE_MAX = 3;

type Arguments = ReadonlyMap<string, string>;

/** What stands behind the command: `key=value`, flags, and plain words by their place. */
function argumentsOf(words: readonly string[]): Arguments {
  const found = new Map<string, string>();
  let place = 0;
  for (const word of words) {
    const at = word.indexOf('=');
    if (at > 0) found.set(word.slice(0, at), word.slice(at + 1));
    else if (/^s\d+$/.test(word)) found.set('stream', word);
    else found.set(String(place++), word);
  }
  for (const word of words) found.set(`--${word}`, '');
  return found;
}

/** 'put a 1; del b' */
function changesOf(text: string): Change[] {
  return text.split(';').map((part): Change => {
    const [type, key = '', value = ''] = part.trim().split(/\s+/);
    assert(type === 'put' || type === 'del', `no such change: ${part}`);
    return type === 'put' ? { type, key, value } : { type: 'delete', key };
  });
}

export class Story {
  #clock = new FiniteClock();
  readonly #history = new FakeHistory();
  #store = new WatchableStore(this.#history, this.#clock);
  readonly #streams = new Map<string, WatchStream>();
  readonly #blocked = new Set<string>();
  #lines: string[] = [];

  constructor() {
    this.#store.start();
  }

  /** Carries out a command. Returns what came of it. */
  run(line: string): string[] {
    this.#lines = [];
    const [command = '', ...words] = line.trim().split(/\s+/);
    this.#command(command, argumentsOf(words), words.join(' '));
    this.#read();
    return abridged(this.#lines);
  }

  #command(command: string, args: Arguments, rest: string): void {
    const name = args.get('stream') ?? 's1';
    const number = (key: string, fallback = 0): number => Number(args.get(key) ?? fallback);
    if (command === 'put' || command === 'del') this.#apply(changesOf(`${command} ${rest}`));
    else if (command === 'txn') this.#apply(changesOf(rest));
    else if (command === 'puts') this.#applyMany(number('0'), args.get('1') ?? '', number('bytes', 1));
    else if (command === 'compact') this.#history.compact(number('0'));
    else if (command === 'watch') this.#watch(name, args);
    else if (command === 'cancel')
      this.#say(`${name} ${this.#stream(name).cancel(number('id')) ? 'canceled' : 'no such watcher'}`);
    else if (command === 'progress') this.#progress(name, args);
    else if (command === 'block') this.#blocked.add(name);
    else if (command === 'unblock') this.#blocked.delete(name);
    else if (command === 'drain') this.#drain(name, number('0', Number.MAX_SAFE_INTEGER));
    else if (command === 'finish') this.#stream(name).finish();
    else if (command === 'close') this.#stream(name).close();
    else if (command === 'advance') this.#advance(Number.parseInt(args.get('0') ?? '0', 10));
    else if (command === 'snapshot') this.#snapshot(rest);
    else if (command === 'restore') this.#store.restore();
    else if (command === 'slices') this.#tellInSlices(number('0'));
    else if (command === 'gauges') this.#gauges();
    else if (command === 'describe') this.#describe();
    else throw new Error(`no such command: ${command}`);
  }

  /** To begin with: so many watchers hear of a revision at once, and as many each millisecond that follows. */
  #tellInSlices(watchersPerTellMax: number): void {
    this.#store.stop();
    this.#clock = new FiniteClock(1);
    this.#store = new WatchableStore(this.#history, this.#clock, { watchersPerTellMax });
    this.#store.start();
  }

  #apply(changes: readonly Change[]): void {
    const events = this.#history.apply(changes);
    if (events.length === 0) return;
    if (!this.#store.notify(this.#history.currentRevision, events)) this.#say('(not all are told)');
  }

  /** So many puts of one key, each a revision. */
  #applyMany(count: number, key: string, bytes: number): void {
    const value = 'x'.repeat(bytes);
    for (let i = 0; i < count; i++) {
      this.#apply([{ type: 'put', key, value }]);
      // Else those who read would be taken for those who do not.
      if (i % 64 === 63) this.#read();
    }
  }

  /** Revisions that come by snapshot and not by notify; restore tells the store of them. */
  #snapshot(rest: string): void {
    for (const part of rest.split('|')) {
      const compact = part.trim().match(/^compact (\d+)$/);
      if (compact === null) this.#history.apply(changesOf(part));
      else this.#history.compact(Number(compact[1]));
    }
  }

  #watch(name: string, args: Arguments): void {
    const end = args.get('end');
    const stream = this.#stream(name);
    const result = stream.watch({
      id: Number(args.get('id') ?? 0),
      range: { key: args.get('key') ?? '', end: end === 'infinity' ? KEY_INFINITY : end },
      startRev: Number(args.get('rev') ?? 0),
      options: {
        prevKv: args.has('--prev_kv'),
        noPut: args.has('--no_put'),
        noDelete: args.has('--no_delete'),
        fragment: false,
      },
    });
    this.#say(result.ok ? `${name} w${result.id} created at ${stream.rev()}` : `${name} refused: ${result.refusal}`);
  }

  #progress(name: string, args: Arguments): void {
    const id = args.get('id');
    if (id === undefined) this.#stream(name).requestProgressAll();
    else this.#stream(name).requestProgress(Number(id));
  }

  /** Time passes a millisecond at a time, and streams are read meanwhile. */
  #advance(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.#clock.advance(1);
      this.#read();
    }
  }

  /** Every stream that is not blocked, empty. */
  #read(): void {
    for (const name of this.#streams.keys()) if (!this.#blocked.has(name)) this.#drain(name, Number.MAX_SAFE_INTEGER);
  }

  #drain(name: string, count: number): void {
    const stream = this.#stream(name);
    for (let i = 0; i < count; i++) {
      const response = stream.take();
      if (response === undefined) break;
      this.#say(...describeResponse(response).map((line) => `${name} ${line}`));
    }
  }

  #gauges(): void {
    const { watchStreams, watchers, slowWatchers, pendingEvents, eventsTotal } = this.#store.gauges;
    this.#say(
      `streams=${watchStreams} watchers=${watchers} slow=${slowWatchers} pending=${pendingEvents} total=${eventsTotal}`,
    );
  }

  #describe(): void {
    for (const each of this.#store.describe(8)) {
      const { watchId, range, state, peer, revisionsBehind, bytesQueued, behindMs } = each;
      const where = `${peer} w${watchId} ${describeRange(range)}`;
      this.#say(`${where} ${state} behind=${revisionsBehind} queued=${bytesQueued}B for=${behindMs}ms`);
    }
  }

  #stream(name: string): WatchStream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = this.#store.newWatchStream({ peer: name, user: '', readable() {} });
      this.#streams.set(name, stream);
    }
    return stream;
  }

  #say(...lines: string[]): void {
    this.#lines.push(...lines);
  }
}

/** 'a', or '[a, b)' */
function describeRange({ key, end }: KeyRange): string {
  return end === undefined ? key : `[${key}, ${end === KEY_INFINITY ? 'infinity' : end})`;
}

/** A line but for its numbers; those in the names of streams and watchers count. */
function shapeOf(line: string | undefined): string | undefined {
  return line?.replaceAll(/(?<![sw\d])\d+/g, '#');
}

/** Of every long run of lines that differ only in numbers: the first, the last, and how many between. */
function abridged(lines: readonly string[]): string[] {
  const shown: string[] = [];
  for (let begin = 0; begin < lines.length; ) {
    let end = begin + 1;
    while (end < lines.length && shapeOf(lines[end]) === shapeOf(lines[begin])) end++;
    const run = lines.slice(begin, end);
    if (run.length > LINES_ALIKE_MAX) run.splice(1, run.length - 2, `... ${run.length - 2} more like it, up to`);
    shown.push(...run);
    begin = end;
  }
  return shown;
}

function describeEvent(response: WatchResponse, index: number): string {
  const shared = response.events[index];
  assert(shared !== undefined, 'no such event');
  const { event } = shared;
  const what = event.type === 'put' ? `put ${event.key} ${describePair(event.kv)}` : `del ${event.key} @${event.main}`;
  const previous =
    response.watchers[0]?.prevKv === true && shared.previous !== undefined
      ? ` (was ${describePair(shared.previous)})`
      : '';
  return what + previous;
}

/** A line for each of the watchers that share it. */
export function describeResponse(response: WatchResponse): string[] {
  const { watchers } = response;
  if (watchers.length === 0) return [`all ${describeWhat(response)}`];
  return watchers.map(({ id }, i) => `${i === 0 ? '' : '+ '}w${id} ${describeWhat(response)}`);
}

function describeWhat(response: WatchResponse): string {
  if (response.kind === 'bookmark') return `rev=${response.revision} bookmark`;
  if (response.kind === 'compacted')
    return `rev=${response.revision} canceled, compacted at ${response.compactRevision}`;
  const { length } = response.events;
  const shown =
    length <= EVENTS_SHOWN_MAX
      ? response.events.map((_, i) => describeEvent(response, i)).join(', ')
      : `${describeEvent(response, 0)} ... ${describeEvent(response, length - 1)} (${length} events)`;
  return `rev=${response.revision}: ${shown}`;
}

/** The file as it would be if its expectations were what happens. */
export function play(text: string): string {
  const story = new Story();
  return text
    .trimEnd()
    .split(/\n{2,}/)
    .map((block) => {
      const lines = block.split('\n');
      const bar = lines.indexOf('----');
      const commands = bar < 0 ? lines : lines.slice(0, bar);
      if (commands.every((line) => line.startsWith('#'))) return block;
      const output = commands.filter((line) => !line.startsWith('#')).flatMap((line) => story.run(line));
      return [...commands, '----', ...output].join('\n');
    })
    .join('\n\n')
    .concat('\n');
}
