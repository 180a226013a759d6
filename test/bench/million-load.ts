/**
 * Very many watchers on raw connections, and a put a second, in turn to three keys, one that all of them watch, one that some watch,
 * and one that nobody watches:
 *
 *     put      0 all | 1 some | 2 none | 3 all | 4 some | 5 none | …
 *     most     0                         3
 *     some     0       1                 3       4
 *
 * So it is known of each watcher which put it must hear of next. An event that tells of another was lost, doubled or out of order.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { etcdserverpb } from '../../src/gen/etcd.js';
import { grpcMessage, requestHeaders } from './http2-frame.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { memoryBytes, processorMs } from './process-usage.ts';
import { PUT_PATH } from './raw-call.ts';
import { RawConnection, type Sink } from './raw-client.ts';
import { WatchAnswer } from './watch-answer.ts';
import { createMessage, openWatchStream } from './watch-load.ts';

/** In the order in which they are put, and in that of the keys. */
export const KINDS = ['all', 'some', 'none'] as const;
const KEYS = ['million/0-all', 'million/1-some', 'million/2-none'] as const;

export interface MillionPlan {
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly watchersPerStream: number;
  /** One watcher in so many is one of some. */
  readonly oneInSome: number;
  /** Of the values that are put, 128 to 16,383. */
  readonly valueBytes: number;
  /** A multiple of three. */
  readonly puts: number;
  readonly everyMs: number;
  readonly openWithinMs: number;
}

export interface KindResult {
  /** Of the put. */
  readonly answeredP50Ms: number;
  /** From the put to an event, and to its last. 0 if there are none. */
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMostMs: number;
}

export interface MillionResult {
  readonly kinds: readonly KindResult[];
  readonly events: number;
  /** Processor time of the server from the first put until all had received all. */
  readonly serverMs: number;
  /** The same of this process. */
  readonly clientMs: number;
  readonly elapsedMs: number;
  /** The most that was seen of the server's memory, looking ten times a second, and of this process's at the end. */
  readonly serverBytesMost: number;
  readonly clientBytes: number;
}

/** Watchers that were asked for and are not yet there: a server is not to be drowned in requests. */
const CREATING_MAX = 10_000;
const LOOK_EVERY_MS = 100;

export class MillionLoad {
  /** Of each watcher, the put that it must hear of next. */
  readonly expected: Uint32Array;
  readonly answer: WatchAnswer;
  readonly failed: (error: Error) => void;
  created = 0;
  events = 0;
  readonly #port: number;
  readonly #plan: MillionPlan;
  readonly #connections: RawConnection[] = [];
  readonly #sentAt: number[] = [];
  readonly #delays = KINDS.map(() => new LatencyHistogram());
  readonly #answers = KINDS.map(() => new LatencyHistogram());
  #answered = 0;
  #waiting: { readonly met: () => boolean; readonly resolve: () => void } | undefined;

  constructor(port: number, plan: MillionPlan, failed: (error: Error) => void) {
    this.#port = port;
    this.#plan = plan;
    this.failed = failed;
    this.answer = new WatchAnswer(plan.valueBytes);
    this.expected = new Uint32Array(plan.connections * plan.streamsPerConnection * plan.watchersPerStream);
  }

  /** Resolves when every watcher is there. */
  async open(): Promise<void> {
    const { connections, streamsPerConnection, watchersPerStream } = this.#plan;
    for (let i = 0; i < connections; i++) this.#connections.push(await RawConnection.open(this.#port));
    let asked = 0;
    for (let i = 0; i < streamsPerConnection; i++) {
      for (const connection of this.#connections) {
        const stream = openWatchStream(connection, this.#port, 'wide', new WatchersOfStream(this, asked));
        for (let watcher = 0; watcher < watchersPerStream; watcher++, asked++) {
          connection.send(stream, this.#isOfSome(asked) ? CREATE_SOME : CREATE_MOST, false);
        }
        connection.flush();
        await this.#until(() => asked - this.created < CREATING_MAX);
      }
    }
    await this.#until(() => this.created === asked);
  }

  /** Puts, and resolves when all is received; fails if that takes so much longer than the puts. */
  async run(serverPid: number, withinMs: number): Promise<MillionResult> {
    const { puts, everyMs } = this.#plan;
    const putConnection = await RawConnection.open(this.#port);
    let serverBytesMost = 0;
    const look = (): void => {
      serverBytesMost = Math.max(serverBytesMost, memoryBytes(serverPid));
    };
    const looking = setInterval(look, LOOK_EVERY_MS);
    const serverMsBefore = processorMs(serverPid);
    const clientMsBefore = processorMs(process.pid);
    const startedAt = performance.now();
    for (let number = 0; number < puts; number++) {
      this.#put(putConnection, number);
      await sleep(Math.max(0, startedAt + (number + 1) * everyMs - performance.now()));
    }
    const some = this.expected.length / this.#plan.oneInSome;
    const expected = (puts / KINDS.length) * (this.expected.length + Math.ceil(some));
    const late = setTimeout(() => this.failed(new Error(`${this.events} of ${expected} events came`)), withinMs);
    await this.#until(() => this.#answered === puts && this.events >= expected);
    clearTimeout(late);
    const elapsedMs = performance.now() - startedAt;
    const serverMs = processorMs(serverPid) - serverMsBefore;
    const clientMs = processorMs(process.pid) - clientMsBefore;
    clearInterval(looking);
    look();
    this.#checkAllHeardAll(expected);
    putConnection.close();
    const kinds = KINDS.map((_, kind) => this.#resultOf(kind));
    const clientBytes = memoryBytes(process.pid);
    return { kinds, events: this.events, serverMs, clientMs, elapsedMs, serverBytesMost, clientBytes };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** What this watcher has heard of: the put of this number. */
  heard(watcher: number, put: number | undefined, readAt: number): void {
    const due = this.expected[watcher] ?? 0;
    if (put !== due) {
      this.failed(new Error(`watcher ${watcher} heard of put ${put}, where ${due} was due`));
      return;
    }
    this.events += 1;
    const kind = put % KINDS.length;
    this.expected[watcher] = kind === 0 && this.#isOfSome(watcher) ? put + 1 : put + KINDS.length - kind;
    this.#delays[kind]?.add(readAt - (this.#sentAt[put] ?? 0), 1);
  }

  look(): void {
    if (this.#waiting?.met() === true) this.#waiting.resolve();
  }

  #isOfSome(watcher: number): boolean {
    return watcher % this.#plan.oneInSome === 0;
  }

  #put(connection: RawConnection, number: number): void {
    const kind = number % KINDS.length;
    const value = Buffer.alloc(this.#plan.valueBytes, 'v');
    value.writeUInt32LE(number);
    const request = etcdserverpb.PutRequest.encode({ key: Buffer.from(KEYS[kind] ?? ''), value });
    const sink: Sink = {
      message: (_bytes, _start, _end, readAt) => {
        this.#answered += 1;
        this.#answers[kind]?.add(readAt - (this.#sentAt[number] ?? 0), 1);
        this.look();
      },
      ended: (messages, connectionError) => {
        if (messages === 0) this.failed(connectionError ?? new Error('a put failed'));
      },
    };
    const stream = connection.openStream(requestHeaders(PUT_PATH, `127.0.0.1:${this.#port}`), 'initial', sink);
    this.#sentAt[number] = performance.now();
    connection.send(stream, grpcMessage(request.finish()), true);
    connection.flush();
  }

  #checkAllHeardAll(expected: number): void {
    if (this.events !== expected) this.failed(new Error(`${this.events} events came, ${expected} were due`));
    const behind = this.expected.findIndex((due) => due < this.#plan.puts);
    if (behind >= 0) this.failed(new Error(`watcher ${behind} has not heard of put ${this.expected[behind]}`));
  }

  #resultOf(kind: number): KindResult {
    const delays = this.#delays[kind];
    return {
      answeredP50Ms: this.#answers[kind]?.quantileMs(0.5) ?? 0,
      delayP50Ms: delays?.quantileMs(0.5) ?? 0,
      delayP99Ms: delays?.quantileMs(0.99) ?? 0,
      delayMostMs: delays?.quantileMs(1) ?? 0,
    };
  }

  async #until(met: () => boolean): Promise<void> {
    if (!met()) await new Promise<void>((resolve) => (this.#waiting = { met, resolve }));
    this.#waiting = undefined;
  }
}

/** Keys sort as they are put: some watch the first two. */
const CREATE_MOST = createMessage(KEYS[0]);
const CREATE_SOME = createMessage(KEYS[0], KEYS[2]);

/** The watchers of one stream: the server numbers them from 0 on, as they were asked for. */
class WatchersOfStream implements Sink {
  readonly #load: MillionLoad;
  readonly #first: number;
  #created = 0;

  constructor(load: MillionLoad, first: number) {
    this.#load = load;
    this.#first = first;
  }

  message(bytes: DataView, start: number, end: number, readAt: number): void {
    const { answer } = this.#load;
    answer.read(bytes, start, end);
    if (answer.isCanceled || (answer.isCreated && answer.watchId !== this.#created)) {
      this.#load.failed(new Error(`watcher ${this.#first + answer.watchId} was canceled, or its id is not the next`));
      return;
    }
    if (answer.isCreated) {
      this.#created += 1;
      this.#load.created += 1;
    }
    for (let event = 0; event < answer.events; event++) {
      this.#load.heard(this.#first + answer.watchId, answer.putNumber(event, bytes), readAt);
    }
    this.#load.look();
  }

  ended(_messages: number, connectionError?: Error): void {
    this.#load.failed(connectionError ?? new Error('a watch stream ended'));
  }
}
