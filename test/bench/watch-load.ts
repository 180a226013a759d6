/** Watchers over raw connections, and what they receive: each message is an answer read in place (watch-answer.ts). */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { grpcMessage, requestHeaders } from './http2-frame.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { PutLoad } from './put-load.ts';
import { WATCH_PATH } from './raw-call.ts';
import { RawConnection, type Sink, type StreamWindow } from './raw-client.ts';
import { WatchAnswer } from './watch-answer.ts';

export interface WatcherPlan {
  readonly connections: number;
  /** In all, spread over the connections. */
  readonly streams: number;
  readonly watchersPerStream: number;
  /** Watchers take these in turn. */
  readonly keys: readonly string[];
  /** Of the values that will be put, 128 to 16,383. */
  readonly valueBytes: number;
}

export class WatchLoad implements Sink {
  created = 0;
  messages = 0;
  events = 0;
  /** From the put to its event, while this is set. */
  delays: LatencyHistogram | undefined;
  readonly #plan: WatcherPlan;
  readonly #failed: (error: Error) => void;
  readonly #answer: WatchAnswer;
  readonly #connections: RawConnection[] = [];
  #puts: PutLoad | undefined;
  #wanted: { readonly met: () => boolean; readonly resolve: () => void } | undefined;

  constructor(plan: WatcherPlan, failed: (error: Error) => void) {
    this.#plan = plan;
    this.#failed = failed;
    this.#answer = new WatchAnswer(plan.valueBytes);
  }

  /** Opens all connections, streams and watchers, and resolves when every one of them is created. */
  async open(port: number): Promise<void> {
    const { connections, streams, watchersPerStream } = this.#plan;
    for (let i = 0; i < connections; i++) this.#connections.push(await RawConnection.open(port));
    let watcher = 0;
    for (let stream = 0; stream < streams; stream++) {
      const connection = this.#connections[stream % connections];
      if (connection === undefined) break;
      const number = openWatchStream(connection, port, 'wide', this);
      for (let i = 0; i < watchersPerStream; i++, watcher++) {
        connection.send(number, createMessage(this.#plan.keys[watcher % this.#plan.keys.length] ?? ''), false);
      }
      connection.flush();
    }
    await this.#until(() => this.created === streams * watchersPerStream);
  }

  /** The puts whose events are awaited, to know when they were sent. */
  follow(puts: PutLoad): void {
    this.#puts = puts;
  }

  /** Resolves when so many events have come. */
  async received(events: number): Promise<void> {
    await this.#until(() => this.events >= events);
  }

  /** One of the connections, for a stream of another kind on it. */
  get firstConnection(): RawConnection | undefined {
    return this.#connections[0];
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  message(bytes: DataView, start: number, end: number, readAt: number): void {
    this.messages += 1;
    const answer = this.#answer;
    answer.read(bytes, start, end);
    if (answer.isCreated) this.created += 1;
    if (answer.isCanceled) this.#failed(new Error('a watcher was canceled'));
    for (let event = 0; event < answer.events; event++) this.#event(answer.putNumber(event, bytes), readAt);
    if (this.#wanted?.met() === true) this.#wanted.resolve();
  }

  ended(_messages: number, connectionError?: Error): void {
    this.#failed(connectionError ?? new Error('a watch stream ended'));
  }

  #event(put: number | undefined, readAt: number): void {
    this.events += 1;
    if (put === undefined) {
      this.#failed(new Error('an event does not end with the value that was put'));
      return;
    }
    if (this.delays === undefined || this.#puts === undefined) return;
    this.delays.add(readAt - this.#puts.sentAt(put), 1);
  }

  async #until(met: () => boolean): Promise<void> {
    if (!met()) await new Promise<void>((resolve) => (this.#wanted = { met, resolve }));
    this.#wanted = undefined;
  }
}

/** Opens a watch stream with no watcher yet. */
export function openWatchStream(connection: RawConnection, port: number, window: StreamWindow, sink: Sink): number {
  return connection.openStream(requestHeaders(WATCH_PATH, `127.0.0.1:${port}`), window, sink);
}

/** The request for a watcher of one key, or of all from this to below another, from now on. */
export function createMessage(key: string, end = ''): Buffer {
  const range = { key: Buffer.from(key), ...(end === '' ? {} : { range_end: Buffer.from(end) }) };
  return grpcMessage(etcdserverpb.WatchRequest.encode({ create_request: range }).finish());
}
