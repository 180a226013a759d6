/**
 * Puts over one raw connection: so many in flight at all times (closed loop), or so many a second whatever the answers do
 * (open loop). Each value begins with the number of its put, so that who receives an event can tell when it was sent.
 */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { grpcMessage, requestHeaders } from './http2-frame.ts';
import { PUT_PATH } from './raw-call.ts';
import { RawConnection, type Sink } from './raw-client.ts';

export type Pace = { readonly putsInFlight: number } | { readonly putsPerSecond: number };

/** Puts further back than this are no longer told apart. */
const REMEMBERED = 1 << 16;
const OPEN_LOOP_TICK_MS = 1;

export class PutLoad implements Sink {
  /** Puts that were answered. */
  done = 0;
  /** The longest time in which none was answered, with some in flight. */
  longestStallMs = 0;
  #answeredAt = 0;
  #connection: RawConnection | undefined;
  readonly #headers: Buffer;
  readonly #messages: readonly Buffer[];
  readonly #valueOffsets: readonly number[];
  readonly #sentAt = new Float64Array(REMEMBERED);
  readonly #failed: (error: Error) => void;
  #sent = 0;
  #isStopped = true;
  #inFlight = 0;
  #timer: NodeJS.Timeout | undefined;
  #drained: (() => void) | undefined;

  private constructor(port: number, options: PutLoadOptions) {
    this.#headers = requestHeaders(PUT_PATH, `127.0.0.1:${port}`);
    this.#failed = options.failed;
    this.#messages = options.keys.map((key) => {
      const value = Buffer.alloc(options.valueBytes, 'v');
      return grpcMessage(etcdserverpb.PutRequest.encode({ key: Buffer.from(key), value }).finish());
    });
    // The value is the last field of a put without a lease.
    this.#valueOffsets = this.#messages.map((message) => message.length - options.valueBytes);
  }

  static async open(port: number, options: PutLoadOptions): Promise<PutLoad> {
    const load = new PutLoad(port, options);
    load.#connection = await RawConnection.open(port);
    return load;
  }

  start(pace: Pace): void {
    this.#isStopped = false;
    this.#answeredAt = performance.now();
    if ('putsInFlight' in pace) {
      this.#inFlight = pace.putsInFlight;
      for (let i = 0; i < pace.putsInFlight; i++) this.#put();
      this.#connection?.flush();
      return;
    }
    const startedAt = performance.now();
    const sentBefore = this.#sent;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * pace.putsPerSecond);
      while (this.#sent - sentBefore < due) this.#put();
      this.#connection?.flush();
    }, OPEN_LOOP_TICK_MS);
  }

  /** Sends no more, and resolves when all are answered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    if (this.done < this.#sent) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#drained = undefined;
  }

  /** When the put of this number was sent: performance.now(). */
  sentAt(number: number): number {
    return this.#sentAt[number % REMEMBERED] ?? 0;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#connection?.close();
  }

  message(): void {}

  ended(messages: number, connectionError?: Error): void {
    if (messages === 0) {
      this.#failed(connectionError ?? new Error('a put failed'));
      return;
    }
    this.done += 1;
    const now = performance.now();
    this.longestStallMs = Math.max(this.longestStallMs, now - this.#answeredAt);
    this.#answeredAt = now;
    if (!this.#isStopped && this.#inFlight > 0) this.#put();
    else if (this.done === this.#sent) this.#drained?.();
  }

  #put(): void {
    const turn = this.#sent % this.#messages.length;
    const message = Buffer.from(this.#messages[turn] ?? Buffer.alloc(0));
    message.writeUInt32LE(this.#sent % 2 ** 32, this.#valueOffsets[turn] ?? 0);
    this.#sentAt[this.#sent % REMEMBERED] = performance.now();
    this.#sent += 1;
    const stream = this.#connection?.openStream(this.#headers, 'initial', this) ?? 0;
    this.#connection?.send(stream, message, true);
  }
}

export interface PutLoadOptions {
  /** Put in turn. */
  readonly keys: readonly string[];
  readonly valueBytes: number;
  /** Called when a put fails. */
  readonly failed: (error: Error) => void;
}
