/**
 * Leases that a client keeps alive, on one stream, which is opened again when it is lost.
 *
 *     keepAlive(7) -> { 7 } ... <- { 7, 60 s }      again when a third of the TTL has passed
 *                                <- { 7, 0 s }      lost
 *                     (nothing for a TTL)           lost
 *
 * A lease has one question on the way at most: a server that is late with its answers is not helped by being asked again. But a stream on
 * which nothing at all comes for as long as a lease has between two questions is given up for another, at another member if there is one; a
 * member that was silent before is given twice as long, until it answers in time.
 *
 * A process that is held up (by work of its own, or by the machine) hears nothing meanwhile, and that is nobody's silence. So it is judged at the
 * end of a turn of the event loop, when what has come was heard, and by a clock of its own, which goes on while the process listens:
 *
 *     ask 7 .... held up for 3 s .... <- { 7, 60 s } ... judge: alive, and silent for 0.2 s at most
 */

import { type Bytes, type Clock, Status, type Timer } from '../base/index.ts';
import { etcdserverpb } from '../gen/etcd.js';
import { ClientError } from './error.ts';
import { bigintOf, numberOf } from './integer.ts';
import { LeaseLostError, leaseField } from './lease.ts';
import { type RawStream, retryWaitMs, type StreamStatus, type Transport } from './transport.ts';

/** A lease that is kept alive until it is stopped or lost. */
export interface KeepAlive {
  readonly id: bigint;
  /** Aborted, with a LeaseLostError or a ClientError as its reason, when the lease is lost. */
  readonly signal: AbortSignal;
  /** By performance.now(): no server can have ended the lease before then, if it was not revoked. 0 before the first answer. */
  readonly aliveUntil: number;
  /** Resolves to the TTL when the server has answered for the first time. Rejects if the lease is lost before, or given up. */
  readonly begun: Promise<number>;
  /** Keeps it alive no more. The lease ends by itself when its TTL has passed. */
  stop(): void;
}

const METHOD = '/etcdserverpb.Lease/LeaseKeepAlive';
/** How often it is looked what is due. Every lease has a TTL of a second or more. */
const LOOK_EVERY_MS = 100;
/** From one look to the next this process has listened for so long at most. */
const LISTENED_MS_MAX = 2 * LOOK_EVERY_MS;
/** Until the first answer nothing is known of the TTL: so long may the stream be silent, and so long may the answer take. */
const FIRST_SILENCE_MS_MAX = 1000;
const FIRST_ANSWER_MS_MAX = 30_000;
/** Keepalives a TTL. */
const PER_TTL = 3;

/** As the generated code has it: no other attempt can help. */
const FATAL: ReadonlySet<Status> = new Set([
  Status.permissionDenied,
  Status.unauthenticated,
  Status.unimplemented,
  Status.failedPrecondition,
]);

class Kept implements KeepAlive {
  readonly id: bigint;
  readonly begun: Promise<number>;
  readonly #controller = new AbortController();
  readonly #stop: (kept: Kept) => void;
  #begin: (ttl: number) => void = () => undefined;
  #giveUp: (error: Error) => void = () => undefined;
  /** Monotonic times in milliseconds. When the keepalive was sent that is not answered. */
  sentAt: number | undefined;
  /** The same, in time listened. */
  sentAtListened = 0;
  /** From one keepalive to the next. */
  everyMs: number = FIRST_SILENCE_MS_MAX;
  nextAt = 0;
  lostAt: number;
  aliveUntil = 0;

  constructor(id: bigint, now: number, stop: (kept: Kept) => void) {
    this.id = id;
    this.#stop = stop;
    this.lostAt = now + FIRST_ANSWER_MS_MAX;
    this.begun = new Promise((resolve, reject) => {
      this.#begin = resolve;
      this.#giveUp = reject;
    });
    // Whoever does not wait for it looks at the signal.
    this.begun.catch(() => undefined);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Who was not there yet when it was asked takes no answer for its own. */
  answered(ttl: number): void {
    const { sentAt } = this;
    if (sentAt === undefined) return;
    this.sentAt = undefined;
    this.everyMs = (1000 * ttl) / PER_TTL;
    this.aliveUntil = sentAt + 1000 * ttl;
    this.lostAt = this.aliveUntil;
    this.nextAt = sentAt + this.everyMs;
    this.#begin(ttl);
  }

  lose(error: Error): void {
    this.#giveUp(error);
    this.#controller.abort(error);
  }

  stop(): void {
    this.#stop(this);
    this.#giveUp(new ClientError(Status.canceled, 'the lease is kept alive no more'));
  }
}

export class KeepAliveStream {
  readonly #transport: Pick<Transport, 'duplex' | 'failed'>;
  readonly #clock: Pick<Clock, 'now' | 'after'>;
  readonly #kept = new Map<bigint, Set<Kept>>();
  #raw: RawStream | undefined;
  #openAt = 0;
  #lookedAt = 0;
  /** How long this process has listened. */
  #listenedMs = 0;
  /** In time listened: when anything came on the stream, or it was opened. */
  #heardAt = 0;
  #attempt = 0;
  /** By endpoint, how often it was given up for its silence since it last answered in time. */
  readonly #silences = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(transport: Pick<Transport, 'duplex' | 'failed'>, clock: Pick<Clock, 'now' | 'after'>) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** Leases that are kept alive. */
  get size(): number {
    return this.#kept.size;
  }

  keeps(id: bigint): boolean {
    return this.#kept.has(id);
  }

  keepAlive(id: bigint): KeepAlive {
    const now = this.#clock.now();
    const kept = new Kept(id, now, (one) => this.#forget(one));
    const some = this.#kept.get(id) ?? new Set();
    this.#kept.set(id, some.add(kept));
    if (this.#timer === undefined) this.#lookLater();
    // Of the others nothing can have changed since they were looked at.
    if (this.#raw === undefined) this.#openWhenDue(now);
    else this.#askWhenDue(id, some, now);
    return kept;
  }

  close(): void {
    for (const kept of this.#all()) kept.stop();
  }

  #all(): Kept[] {
    return [...this.#kept.values()].flatMap((some) => [...some]);
  }

  /** What has come by then is heard first. */
  #lookLater(): void {
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => {
      this.#timer = this.#clock.after(0, () => this.#look());
    });
  }

  #look(): void {
    const now = this.#clock.now();
    this.#timer = undefined;
    this.#listenedMs += Math.min(now - this.#lookedAt, LISTENED_MS_MAX);
    this.#lookedAt = now;
    for (const kept of this.#all()) {
      if (now >= kept.lostAt) this.#lose(kept, new LeaseLostError(kept.id, 'no server has answered in time'));
    }
    if (this.#kept.size === 0) return;
    if (this.#timer === undefined) this.#lookLater();
    if (this.#raw !== undefined && this.#isSilent(this.#raw)) {
      this.#silences.set(this.#raw.endpoint, this.#silencesOf(this.#raw) + 1);
      this.#giveUp(this.#raw);
    }
    if (this.#raw === undefined) this.#openWhenDue(now);
    else this.#askAllDue(now);
  }

  #silencesOf({ endpoint }: RawStream): number {
    return this.#silences.get(endpoint) ?? 0;
  }

  #isSilent(raw: RawStream): boolean {
    const patience = 2 ** this.#silencesOf(raw);
    return this.#all().some(
      ({ sentAt, sentAtListened, everyMs }) =>
        sentAt !== undefined && this.#listenedMs - Math.max(sentAtListened, this.#heardAt) >= everyMs * patience,
    );
  }

  #askAllDue(now: number): void {
    for (const [id, some] of this.#kept) this.#askWhenDue(id, some, now);
  }

  /** One question for all who keep this lease. */
  #askWhenDue(id: bigint, some: ReadonlySet<Kept>, now: number): void {
    let isDue = false;
    for (const kept of some) {
      if (kept.sentAt !== undefined) return;
      isDue ||= now >= kept.nextAt;
    }
    if (!isDue || this.#raw === undefined) return;
    for (const kept of some) {
      kept.sentAt = now;
      kept.sentAtListened = this.#listenedMs;
    }
    const request = etcdserverpb.LeaseKeepAliveRequest.fromObject({ ID: leaseField(id) });
    this.#raw.send(etcdserverpb.LeaseKeepAliveRequest.encode(request).finish());
  }

  #openWhenDue(now: number): void {
    if (now < this.#openAt) return;
    this.#heardAt = this.#listenedMs;
    const raw: RawStream = this.#transport.duplex(METHOD, {
      onMessage: (message) => {
        if (this.#raw === raw) this.#receive(raw, message);
      },
      onEnd: (status) => {
        if (this.#raw === raw) this.#ended(raw, status);
      },
    });
    this.#raw = raw;
    for (const kept of this.#all()) kept.nextAt = 0;
    this.#askAllDue(now);
  }

  #receive({ endpoint }: RawStream, message: Bytes): void {
    this.#attempt = 0;
    this.#heardAt = this.#listenedMs;
    const { ID, TTL } = etcdserverpb.LeaseKeepAliveResponse.decode(message);
    const id = bigintOf(ID);
    const ttl = numberOf(TTL);
    for (const kept of this.#kept.get(id) ?? []) {
      if (ttl <= 0) {
        this.#lose(kept, new LeaseLostError(id, 'the server says that it is gone'));
        continue;
      }
      if (kept.sentAt !== undefined && this.#listenedMs - kept.sentAtListened < kept.everyMs)
        this.#silences.delete(endpoint);
      kept.answered(ttl);
    }
  }

  #ended(raw: RawStream, { code, message }: StreamStatus): void {
    for (const kept of this.#all()) {
      if (FATAL.has(code)) this.#lose(kept, new ClientError(code, message));
    }
    this.#giveUp(raw);
  }

  #giveUp(raw: RawStream): void {
    this.#raw = undefined;
    raw.cancel();
    for (const kept of this.#all()) kept.sentAt = undefined;
    this.#transport.failed(raw.endpoint);
    this.#openAt = this.#clock.now() + retryWaitMs(++this.#attempt);
  }

  #lose(kept: Kept, error: Error): void {
    this.#forget(kept);
    kept.lose(error);
  }

  #forget(kept: Kept): void {
    const some = this.#kept.get(kept.id);
    some?.delete(kept);
    if (some?.size === 0) this.#kept.delete(kept.id);
    if (this.#kept.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#raw?.cancel();
    this.#raw = undefined;
  }
}
