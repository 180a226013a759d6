/**
 * Many watches on one gRPC stream, which is opened again when it is lost.
 *
 *     watch() -> create_request ->  ...  <- created (in the order of the requests)  <- events, by watch_id
 *
 * The server answers creations in the order in which it was asked, so the oldest unanswered one is always meant, and a
 * thousand watches are created without waiting for each. When the stream is lost, every watch that is not over is created
 * anew from its next revision, on the next endpoint.
 *
 * Fragments of an answer are put together here. A watch whose buffer is full stops the stream until there is room again.
 */

import { type Bytes, present, Status } from '../base/index.ts';
import { etcdserverpb } from '../gen/etcd.js';
import { ClientError, CompactedError, WatchCanceledError } from './error.ts';
import { numberOf } from './integer.ts';
import { type BytesInput, type Extent, wireRange } from './key-input.ts';
import { type WatchEvent, watchEventOf } from './message.ts';
import { type RawStream, retryWaitMs, type StreamStatus, type Transport } from './transport.ts';
import { FILTERS, Watch, type WatchFilter, type WatchHost } from './watch.ts';

export interface WatchOptions extends Extent {
  /** The first revision to report. Absent: what comes after the watch is created. */
  readonly startRevision?: number | undefined;
  readonly prevKv?: boolean | undefined;
  readonly filters?: readonly WatchFilter[] | undefined;
  /** Let the server send large answers in pieces. */
  readonly fragment?: boolean | undefined;
  /** Let the server say from time to time how far it is. */
  readonly progressNotify?: boolean | undefined;
  /** What may wait to be read before the stream is held back, bytes. */
  readonly bufferBytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const METHOD = '/etcdserverpb.Watch/Watch';
const BUFFER_BYTES_MAX_DEFAULT = 1024 * 1024;
/** The watch_id of answers that are meant for every watch of the stream, or for none. */
const EVERY_WATCH = -1;

/** Another try cannot help with these. */
const FATAL: ReadonlySet<Status> = new Set([
  Status.invalidArgument,
  Status.permissionDenied,
  Status.unauthenticated,
  Status.unimplemented,
  Status.failedPrecondition,
]);

/** How a server refuses a watch for its token only. */
const STALE_TOKEN = /(?:invalid auth token|revision of auth store is old|user name is empty)$/;

interface Connected {
  readonly raw: RawStream;
  readonly byId: Map<number, Watch>;
  /** Creations that the server has not answered yet, oldest first. */
  readonly creating: Watch[];
  /** Events of answers of which more pieces follow. */
  readonly fragments: Map<number, { readonly events: WatchEvent[]; bytes: number }>;
}

export class WatchStream implements WatchHost {
  readonly #transport: Transport;
  readonly #watches = new Set<Watch>();
  readonly #full = new Set<Watch>();
  #connected: Connected | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #reconnections = 0;
  #closed = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** How often the stream was lost. */
  get reconnections(): number {
    return this.#reconnections;
  }

  watch(key: BytesInput, options: WatchOptions = {}): Watch {
    const plan = {
      range: wireRange(key, options),
      filters: options.filters ?? [],
      prevKv: options.prevKv ?? false,
      fragment: options.fragment ?? false,
      progressNotify: options.progressNotify ?? false,
    };
    const watch = new Watch(this, plan, options.startRevision ?? 0, options.bufferBytesMax ?? BUFFER_BYTES_MAX_DEFAULT);
    if (this.#closed) {
      watch.finish(new ClientError(Status.canceled, 'the watch stream is closed'));
      return watch;
    }
    this.#watches.add(watch);
    this.#abortWith(watch, options.signal);
    if (this.#connected !== undefined) this.#create(this.#connected, watch);
    else if (this.#retryTimer === undefined && this.#watches.has(watch)) this.#connect();
    return watch;
  }

  /** Asks how far the server is: each watch gets a batch with no events when it has been told everything up to there. */
  requestProgress(): void {
    this.#send({ request_union: 'progress_request', progress_request: {} });
  }

  /** Ends the stream and its watches. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    for (const watch of this.#watches) watch.finish(undefined);
    this.#watches.clear();
    this.#connected?.raw.cancel();
    this.#connected = undefined;
  }

  setFull(watch: Watch, full: boolean): void {
    const wasHeld = this.#full.size > 0;
    if (full) this.#full.add(watch);
    else this.#full.delete(watch);
    const isHeld = this.#full.size > 0;
    if (isHeld && !wasHeld) this.#connected?.raw.pause();
    if (!isHeld && wasHeld) this.#connected?.raw.resume();
  }

  cancel(watch: Watch): void {
    this.#watches.delete(watch);
    for (const [id, known] of this.#connected?.byId ?? []) if (known === watch) this.#cancelOnServer(id);
  }

  #abortWith(watch: Watch, signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = (): void => {
      this.cancel(watch);
      watch.finish(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }

  #connect(): void {
    this.#retryTimer = undefined;
    const connected: Connected = {
      raw: this.#transport.duplex(METHOD, {
        onMessage: (message) => {
          if (this.#connected === connected) this.#receive(connected, message);
        },
        onEnd: (status) => {
          if (this.#connected === connected) this.#lost(connected, status);
        },
      }),
      byId: new Map(),
      creating: [],
      fragments: new Map(),
    };
    this.#connected = connected;
    if (this.#full.size > 0) connected.raw.pause();
    for (const watch of this.#watches) this.#create(connected, watch);
  }

  #lost(connected: Connected, status: StreamStatus): void {
    this.#connected = undefined;
    if (FATAL.has(status.code)) {
      const error = new ClientError(status.code, status.message);
      for (const watch of this.#watches) watch.finish(error);
      this.#watches.clear();
      return;
    }
    this.#reconnections++;
    this.#attempt++;
    this.#transport.failed(connected.raw.endpoint);
    if (this.#watches.size === 0) return;
    this.#retryTimer = setTimeout(() => this.#connect(), retryWaitMs(this.#attempt));
  }

  /** The server does not know the token of this stream (any more): all watches go on by another. */
  #beginAnew(connected: Connected): void {
    this.#connected = undefined;
    connected.raw.cancel();
    this.#attempt++;
    // Where there is no other token, the next stream ends with the reason.
    const again = (): void => {
      if (!this.#closed) this.#retryTimer = setTimeout(() => this.#connect(), retryWaitMs(this.#attempt));
    };
    this.#transport.renewToken().then(again, again);
  }

  #create(connected: Connected, watch: Watch): void {
    connected.creating.push(watch);
    this.#send({
      request_union: 'create_request',
      create_request: {
        ...watch.plan.range,
        start_revision: watch.nextRevision,
        filters: watch.plan.filters.map((filter) => FILTERS[filter]),
        prev_kv: watch.plan.prevKv,
        fragment: watch.plan.fragment,
        progress_notify: watch.plan.progressNotify,
      },
    });
  }

  #cancelOnServer(id: number): void {
    this.#connected?.byId.delete(id);
    this.#connected?.fragments.delete(id);
    this.#send({ request_union: 'cancel_request', cancel_request: { watch_id: id } });
  }

  #send(request: etcdserverpb.WatchRequest.$Properties): void {
    this.#connected?.raw.send(etcdserverpb.WatchRequest.encode(request).finish());
  }

  #receive(connected: Connected, message: Bytes): void {
    const response = etcdserverpb.WatchResponse.decode(message);
    const id = numberOf(response.watch_id);
    const revision = numberOf(response.header?.revision);
    if (response.canceled && this.#transport.signsIn && STALE_TOKEN.test(response.cancel_reason)) {
      this.#beginAnew(connected);
      return;
    }
    this.#attempt = 0;
    if (response.created) {
      this.#created(connected, id, revision, response);
    } else if (response.canceled) {
      const watch = connected.byId.get(id);
      if (watch === undefined) return;
      // The server may count the id as taken until it is told that we know.
      this.#cancelOnServer(id);
      this.#fail(watch, response);
    } else if (id === EVERY_WATCH) {
      for (const watch of connected.byId.values()) watch.deliver({ revision, events: [] }, message.length);
    } else {
      this.#events(connected, id, revision, response, message.length);
    }
  }

  #created(connected: Connected, id: number, revision: number, response: etcdserverpb.WatchResponse): void {
    const watch = present(connected.creating.shift(), 'the creation that the server answers');
    if (response.canceled) {
      this.#fail(watch, response);
      return;
    }
    connected.byId.set(id, watch);
    if (watch.ended) this.#cancelOnServer(id);
    else watch.confirm(revision);
  }

  #fail(watch: Watch, response: etcdserverpb.WatchResponse): void {
    this.#watches.delete(watch);
    const compactRevision = numberOf(response.compact_revision);
    watch.finish(
      compactRevision > 0 ? new CompactedError(compactRevision) : new WatchCanceledError(response.cancel_reason),
    );
  }

  #events(
    connected: Connected,
    id: number,
    revision: number,
    response: etcdserverpb.WatchResponse,
    bytes: number,
  ): void {
    const watch = connected.byId.get(id);
    if (watch === undefined) return;
    const events = response.events.map(watchEventOf);
    const begun = connected.fragments.get(id);
    if (begun === undefined && !response.fragment) {
      watch.deliver({ revision, events }, bytes);
      return;
    }
    const whole = begun ?? { events: [], bytes: 0 };
    for (const event of events) whole.events.push(event);
    whole.bytes += bytes;
    if (response.fragment) {
      connected.fragments.set(id, whole);
    } else {
      connected.fragments.delete(id);
      watch.deliver({ revision, events: whole.events }, whole.bytes);
    }
  }
}
