/**
 * Leases over one raw connection: many granted or revoked, so many calls in flight at all times; and keepalives on one stream, whose answers
 * come in the order of the questions, so that a queue of times is enough to tell how long each took.
 *
 *     sent       1 2 3 4 5      leases, in turn
 *     answered   1 2            each with its TTL
 */

import { encodeLeaseGrant, encodeLeaseKeepAlive, encodeLeaseRevoke, ProtoReader } from '../../src/codec/index.ts';
import { grpcMessage, requestHeaders } from './http2-frame.ts';
import { RawConnection, type Sink } from './raw-client.ts';

const GRANT_PATH = '/etcdserverpb.Lease/LeaseGrant';
const REVOKE_PATH = '/etcdserverpb.Lease/LeaseRevoke';
const KEEP_ALIVE_PATH = '/etcdserverpb.Lease/LeaseKeepAlive';

/** The leases from id 1 to id `leases`. */
export interface LeasePlan {
  readonly port: number;
  readonly leases: number;
  readonly ttlSeconds: number;
  readonly inFlight: number;
}

export function grantLeases(plan: LeasePlan): Promise<void> {
  return forEachLease(plan, GRANT_PATH, (id) =>
    encodeLeaseGrant({ kind: 'leaseGrant', id: BigInt(id), ttl: plan.ttlSeconds }),
  );
}

export function revokeLeases(plan: LeasePlan): Promise<void> {
  return forEachLease(plan, REVOKE_PATH, (id) => encodeLeaseRevoke({ kind: 'leaseRevoke', id: BigInt(id) }));
}

/** Rejects if a call fails. */
async function forEachLease(plan: LeasePlan, path: string, requestOf: (id: number) => Uint8Array): Promise<void> {
  const { port, leases, inFlight } = plan;
  const headers = requestHeaders(path, `127.0.0.1:${port}`);
  const connection = await RawConnection.open(port);
  let asked = 0;
  let answered = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      const sink: Sink = {
        message: () => {},
        ended: (messages, connectionError) => {
          if (messages === 0) reject(connectionError ?? new Error(`${path}: the call failed`));
          else if (++answered === leases) resolve();
          else ask();
        },
      };
      const ask = (): void => {
        if (asked === leases) return;
        asked += 1;
        connection.send(connection.openStream(headers, 'initial', sink), grpcMessage(requestOf(asked)), true);
      };
      for (let i = 0; i < inFlight; i++) ask();
      connection.flush();
    });
  } finally {
    connection.close();
  }
}

export class KeepAliveLoad implements Sink {
  /** Keepalives that were answered with their lease's TTL. */
  answered = 0;
  /** Milliseconds from the question to the answer. */
  longestMs = 0;
  readonly #plan: LeasePlan;
  readonly #failed: (error: Error) => void;
  readonly #connection: RawConnection;
  readonly #stream: number;
  /** Of each lease. */
  readonly #messages: readonly Buffer[];
  readonly #sentAt: Float64Array;
  #sent = 0;
  /** With this many sent there are no more: an answer is not followed by a question. */
  #until = 0;
  #isOpen = true;
  #drained: (() => void) | undefined;

  private constructor(plan: LeasePlan, connection: RawConnection, failed: (error: Error) => void) {
    this.#plan = plan;
    this.#failed = failed;
    this.#connection = connection;
    this.#sentAt = new Float64Array(plan.leases);
    this.#messages = Array.from({ length: plan.leases }, (_, i) => grpcMessage(encodeLeaseKeepAlive(BigInt(i + 1))));
    this.#stream = connection.openStream(requestHeaders(KEEP_ALIVE_PATH, `127.0.0.1:${plan.port}`), 'wide', this);
  }

  /** `failed`: the stream is over, or an answer is not the one that is due. At most one answer a lease may be waited for. */
  static async open(plan: LeasePlan, failed: (error: Error) => void): Promise<KeepAliveLoad> {
    return new KeepAliveLoad(plan, await RawConnection.open(plan.port), failed);
  }

  /** Asks once for every lease, all at once, and resolves when all are answered. */
  async round(): Promise<void> {
    this.#until = this.#sent + this.#plan.leases;
    while (this.#sent < this.#until) this.#ask();
    this.#connection.flush();
    await this.#answeredAll();
  }

  /** So many in flight until it is stopped. */
  start(): void {
    this.#until = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#plan.inFlight; i++) this.#ask();
    this.#connection.flush();
  }

  stop(): Promise<void> {
    this.#until = this.#sent;
    return this.#answeredAll();
  }

  close(): void {
    this.#isOpen = false;
    this.#connection.close();
  }

  message(bytes: DataView, start: number, end: number, readAt: number): void {
    const turn = this.answered % this.#plan.leases;
    const { id, ttl } = answerIn(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
    if (id !== turn + 1 || ttl !== this.#plan.ttlSeconds) {
      this.#failed(new Error(`lease ${turn + 1} is kept alive: the answer is TTL ${ttl} of lease ${id}`));
      return;
    }
    this.longestMs = Math.max(this.longestMs, readAt - (this.#sentAt[turn] ?? 0));
    this.answered += 1;
    if (this.#sent < this.#until) this.#ask();
    else if (this.answered === this.#sent) this.#drained?.();
  }

  ended(_messages: number, connectionError?: Error): void {
    if (this.#isOpen) this.#failed(connectionError ?? new Error('the stream of keepalives has ended'));
  }

  #ask(): void {
    const turn = this.#sent % this.#plan.leases;
    this.#sentAt[turn] = performance.now();
    this.#sent += 1;
    this.#connection.send(this.#stream, this.#messages[turn] ?? Buffer.alloc(0), false);
  }

  async #answeredAll(): Promise<void> {
    if (this.answered < this.#sent) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#drained = undefined;
  }
}

/** LeaseKeepAliveResponse { header = 1, ID = 2, TTL = 3 } */
function answerIn(bytes: Uint8Array): { readonly id: number; readonly ttl: number } {
  let id = 0;
  let ttl = 0;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 2) id = reader.number();
    else if (reader.field === 3) ttl = reader.number();
    else reader.skip();
  }
  return { id, ttl };
}
