/**
 * Watchers over raw connections, and what they receive. An event is parsed as far as it takes to see that it is a whole one and
 * which put it tells of:
 *
 *     WatchResponse { header = 1, watch_id = 2, created = 3, canceled = 4 …, events = 11 { kv = 2 { … value = 5 } } }
 *
 * The value is the last field of a key-value without a lease, and that is the last of an event, so the number of the put
 * (see put-load.ts) stands `valueBytes` before the end of the event, behind the value's tag and length.
 */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { grpcMessage, requestHeaders } from './http2-frame.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { PutLoad } from './put-load.ts';
import { WATCH_PATH } from './raw-call.ts';
import { RawConnection, type Sink, type StreamWindow } from './raw-client.ts';

const TAG_CREATED = 0x18;
const TAG_CANCELED = 0x20;
const TAG_EVENT = 0x5a;
const TAG_VALUE = 0x2a;

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
  readonly #connections: RawConnection[] = [];
  #puts: PutLoad | undefined;
  #wanted: { readonly met: () => boolean; readonly resolve: () => void } | undefined;

  constructor(plan: WatcherPlan, failed: (error: Error) => void) {
    this.#plan = plan;
    this.#failed = failed;
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
    let at = start;
    while (at < end) {
      const tag = bytes.getUint8(at);
      if ((tag & 7) === 2) {
        const content = lengthEnd(bytes, at + 1);
        const next = content + lengthAt(bytes, at + 1);
        if (tag === TAG_EVENT) this.#event(bytes, next, readAt);
        at = next;
        continue;
      }
      if (tag === TAG_CREATED) this.created += 1;
      if (tag === TAG_CANCELED) this.#failed(new Error('a watcher was canceled'));
      at = lengthEnd(bytes, at + 1);
    }
    if (this.#wanted?.met() === true) this.#wanted.resolve();
  }

  ended(_messages: number, connectionError?: Error): void {
    this.#failed(connectionError ?? new Error('a watch stream ended'));
  }

  #event(bytes: DataView, end: number, readAt: number): void {
    this.events += 1;
    const { valueBytes } = this.#plan;
    const value = end - valueBytes;
    // The length of a value from 128 to 16383 bytes takes two.
    if (bytes.getUint8(value - 3) !== TAG_VALUE || lengthAt(bytes, value - 2) !== valueBytes) {
      this.#failed(new Error('an event does not end with the value that was put'));
    }
    if (this.delays === undefined || this.#puts === undefined) return;
    this.delays.add(readAt - this.#puts.sentAt(bytes.getUint32(value, true)), 1);
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

/** The request for a watcher of one key, from now on. */
export function createMessage(key: string): Buffer {
  return grpcMessage(etcdserverpb.WatchRequest.encode({ create_request: { key: Buffer.from(key) } }).finish());
}

/** The varint at a place, for lengths: below 2^28. */
function lengthAt(bytes: DataView, at: number): number {
  const first = bytes.getUint8(at);
  if (first < 128) return first;
  const second = bytes.getUint8(at + 1);
  if (second < 128) return (first & 127) | (second << 7);
  const third = bytes.getUint8(at + 2);
  if (third < 128) return (first & 127) | ((second & 127) << 7) | (third << 14);
  return (first & 127) | ((second & 127) << 7) | ((third & 127) << 14) | (bytes.getUint8(at + 3) << 21);
}

/** Where the varint ends that begins here. */
function lengthEnd(bytes: DataView, at: number): number {
  let end = at;
  while (bytes.getUint8(end) >= 128) end += 1;
  return end + 1;
}
