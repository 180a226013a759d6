/**
 * etcdserverpb.Lease. Grants and revocations go through the log; what is left of a lease only the leader knows, and the member asks it.
 *
 * A keepalive stream is served in rounds: what has come while a round was under way is the next one. So one question to the leader serves
 * as many leases as there are, whether a thousand clients ask on one stream or one client with a thousand leases does.
 *
 *     stream     a b | c d e f | g ...        answers in this order
 *     leader     a b ->        <- 60 60
 *                      c d e f ->      <- 60 0 60 60
 */

import { type Bytes, type Clock, Status } from '../base/index.ts';
import {
  decodeLeaseGrant,
  decodeLeaseKeepAlive,
  decodeLeaseRevoke,
  encodeLeaseKeepAliveResponse,
  ProtocolError,
  ProtoWriter,
  writeHeader,
} from '../codec/index.ts';
import { etcdserverpb as pb } from '../gen/etcd.js';
import { checkLease } from '../machine/index.ts';
import { type Member, SLICE_MS } from '../node/index.ts';
import type { CallContext, CallStatus, DuplexStream, Message, Method } from '../wire/index.ts';
import type { Callers } from './auth/callers.ts';
import { headerOf } from './header.ts';
import { decodeMessage, encodeMessage, headerFields, int64Of } from './message.ts';

export interface LeaseOptions {
  readonly member: Member;
  readonly clock: Clock;
  readonly callers: Callers;
}

export function leaseMethods(options: LeaseOptions): readonly (readonly [string, Method])[] {
  const unary = (
    name: string,
    handler: (options: LeaseOptions, request: Bytes, call: CallContext) => Promise<Message>,
  ): [string, Method] => [
    `/etcdserverpb.Lease/${name}`,
    { kind: 'unary', handler: (request, call) => handler(options, request, call) },
  ];
  return [
    unary('LeaseGrant', leaseGrant),
    unary('LeaseRevoke', leaseRevoke),
    unary('LeaseTimeToLive', leaseTimeToLive),
    unary('LeaseLeases', leaseLeases),
    [
      '/etcdserverpb.Lease/LeaseKeepAlive',
      { kind: 'duplex', handler: (stream, call) => new KeepAliveStream(options, stream, call).serve() },
    ],
  ];
}

async function leaseGrant({ callers, member }: LeaseOptions, request: Bytes, call: CallContext): Promise<Message> {
  const asked = decodeLeaseGrant(request);
  const { id, ttl, revision } = await member.leases.grant(asked.id, asked.ttl, callers.of(call));
  return encodeMessage(pb.LeaseGrantResponse, { header: headerFields(headerOf(member, revision)), ID: id, TTL: ttl });
}

async function leaseRevoke({ callers, member }: LeaseOptions, request: Bytes, call: CallContext): Promise<Message> {
  const revision = await member.leases.revoke(decodeLeaseRevoke(request).id, callers.of(call));
  return encodeMessage(pb.LeaseRevokeResponse, { header: headerFields(headerOf(member, revision)) });
}

async function leaseTimeToLive({ callers, member }: LeaseOptions, request: Bytes, call: CallContext): Promise<Message> {
  const { ID, keys: withKeys } = decodeMessage(pb.LeaseTimeToLiveRequest, request);
  const id = int64Of(ID);
  const { auth, leases } = member;
  const caller = callers.of(call);
  auth.checkUser(caller);
  checkLease(auth, caller, 'read', leases.keysOf(id));
  const { ttl, grantedTtl, keys } = await leases.timeOf(id, withKeys === true);
  // The leader may know of more keys than this member did.
  checkLease(member.auth, caller, 'read', keys);
  return encodeMessage(pb.LeaseTimeToLiveResponse, {
    header: headerFields(headerOf(member)),
    ID: id,
    TTL: ttl,
    grantedTTL: grantedTtl,
    keys: keys.map((key) => Buffer.from(key, 'latin1')),
  });
}

/** Leases listed between looks at the clock. */
const LISTED_PER_LOOK = 1024;

/** LeaseLeasesResponse { header = 1, leases = 2 { ID = 1 } }, in slices: there may be a million. */
async function leaseLeases({ member, clock }: LeaseOptions): Promise<Message> {
  const ids = await member.leases.list();
  const writer = new ProtoWriter();
  let until = clock.now() + SLICE_MS;
  for (let i = ids.length - 1; i >= 0; i--) {
    const end = writer.length;
    writer.bigintField(1, ids[i] ?? 0n);
    writer.messageField(2, end);
    if (i % LISTED_PER_LOOK > 0 || clock.now() < until) continue;
    await nextTurn(clock);
    until = clock.now() + SLICE_MS;
  }
  writeHeader(writer, headerOf(member));
  return writer.finish();
}

function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(0, resolve));
}

/** Leases renewed by one round; and keepalives that wait on one stream before the client is held back. */
const ROUND_LEASES_MAX = 1000;
const WAITING_MAX = 4000;

class KeepAliveStream {
  readonly #member: Member;
  readonly #clock: Clock;
  readonly #stream: DuplexStream;
  readonly #call: CallContext;
  #waiting: bigint[] = [];
  #isServing = false;
  #isPaused = false;
  #isHalfClosed = false;
  #isOver = false;
  #writable: (() => void) | undefined;

  constructor({ member, clock }: LeaseOptions, stream: DuplexStream, call: CallContext) {
    this.#member = member;
    this.#clock = clock;
    this.#stream = stream;
    this.#call = call;
  }

  serve(): void {
    this.#stream.onMessage((message) => this.#asked(message));
    this.#stream.onHalfClose(() => {
      this.#isHalfClosed = true;
      if (!this.#isServing) this.#end();
    });
    this.#stream.onWritable(() => this.#go());
    this.#call.onCancelled(() => {
      this.#isOver = true;
      this.#go();
    });
  }

  #asked(message: Bytes): void {
    try {
      this.#waiting.push(decodeLeaseKeepAlive(message));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#end({ code: Status.internal, message: error.message });
      return;
    }
    if (this.#waiting.length >= WAITING_MAX) {
      this.#isPaused = true;
      this.#stream.pause();
    }
    if (!this.#isServing) void this.#serve();
  }

  /** Never rejects. */
  async #serve(): Promise<void> {
    this.#isServing = true;
    try {
      while (this.#waiting.length > 0 && !this.#isOver) await this.#round();
      if (this.#isHalfClosed) this.#end();
    } catch (error) {
      this.#isOver = true;
      this.#stream.fail(error);
    } finally {
      this.#isServing = false;
    }
  }

  async #round(): Promise<void> {
    // What comes in this turn goes along.
    await nextTurn(this.#clock);
    const ids = this.#waiting.splice(0, ROUND_LEASES_MAX);
    if (this.#isPaused && this.#waiting.length < WAITING_MAX / 2) {
      this.#isPaused = false;
      this.#stream.resume();
    }
    const ttls = await this.#member.leases.renew(ids);
    const header = headerOf(this.#member);
    let until = this.#clock.now() + SLICE_MS;
    for (const [i, id] of ids.entries()) {
      if (this.#isOver) return;
      const answer = encodeLeaseKeepAliveResponse(header, id, ttls[i] ?? 0);
      if (!this.#stream.write(answer)) await new Promise<void>((resolve) => (this.#writable = resolve));
      if (this.#clock.now() < until) continue;
      await nextTurn(this.#clock);
      until = this.#clock.now() + SLICE_MS;
    }
  }

  #go(): void {
    const go = this.#writable;
    this.#writable = undefined;
    go?.();
  }

  #end(status?: CallStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.end(status);
  }
}
