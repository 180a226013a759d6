/**
 * When leases end: kept by one member, the leader, for as long as it leads. A new leader knows the leases (leases.ts) but not when they
 * were renewed, so it begins anew, with more time rather than less:
 *
 *     promoted at 100 s, with an election timeout of 1 s
 *       lease 7, 60 s                        ends at 161
 *       lease 8, 3600 s, 900 s written down  ends at 1001
 *
 * The rule of all this: a lease never ends before its TTL has passed since it was granted or last renewed, on anybody's clock.
 *   - Time is that of leases (lease-time.ts).
 *   - Only a member that has applied everything of earlier terms is promoted, and each renewal is confirmed by a majority after it was asked
 *     for (node/lease-keeper.ts): what an earlier leader has promised was promised before this one began to count.
 *   - What may be in the log is not forgotten: a lease whose revocation was proposed is renewed only if that was refused for certain.
 *   - Before a lease is renewed, what was written down of it is taken back: else the next leader would count from that.
 *
 * Leases that were granted at many times would, after a promotion, all end in the same seconds. So those that would be too many for
 * their second are moved to a later one.
 */

import { type Deadline, DeadlineHeap } from './deadline-heap.ts';
import { LeaseTime } from './lease-time.ts';
import type { Lease, Leases } from './leases.ts';
import { CHECKPOINT_INTERVAL_MS, EXPIRY_RETRY_MS, LEASE_ENDS_PER_SECOND_MAX } from './limits.ts';

/** A lease's end, and when it is next written down. */
class Timed implements Deadline {
  readonly lease: Lease;
  at = 0;
  place = -1;
  readonly checkpoint: CheckpointDeadline = new CheckpointDeadline(this);
  /** What was left may stand in the log, applied or not yet. */
  isWritten: boolean;
  /** Its revocation may be in the log, committed or not: nothing can be promised of it any more. */
  isEnding = false;

  constructor(lease: Lease) {
    this.lease = lease;
    this.isWritten = lease.remainingTtl > 0;
  }
}

class CheckpointDeadline implements Deadline {
  readonly timed: Timed;
  at = 0;
  place = -1;

  constructor(timed: Timed) {
    this.timed = timed;
  }
}

/** What is left of a lease, in whole seconds, to be written down. */
export interface Checkpoint {
  readonly id: bigint;
  readonly remainingTtl: number;
}

/** `unknown`: not there, or ending. `written`: what was written down must be taken back first. Else the TTL in seconds. */
export type Renewal = { readonly kind: 'renewed'; readonly ttl: number } | { readonly kind: 'unknown' | 'written' };

const UNKNOWN: Renewal = { kind: 'unknown' };
const WRITTEN: Renewal = { kind: 'written' };

export class Lessor {
  readonly #leases: Leases;
  readonly #time: LeaseTime;
  readonly #extensionMs: number;
  readonly #timed = new Map<bigint, Timed>();
  readonly #ends = new DeadlineHeap<Timed>();
  readonly #checkpoints = new DeadlineHeap<CheckpointDeadline>();
  /** Those that were there at the promotion, as far as they have no end yet. */
  #promoting: Iterator<Lease> | undefined;
  readonly #spread = new Spread(LEASE_ENDS_PER_SECOND_MAX);

  /** Promoted now. `extensionMs` is an election timeout. Times are a monotonic clock's, in milliseconds, here and below. */
  constructor(leases: Leases, nowMs: number, extensionMs: number) {
    this.#leases = leases;
    this.#time = new LeaseTime(nowMs);
    this.#extensionMs = extensionMs;
    this.#promoting = leases.all();
  }

  /** Gives so many of the leases found at the promotion their ends. True when all have one. */
  promote(nowMs: number, leasesMax: number): boolean {
    const now = this.#time.at(nowMs);
    for (let count = 0; this.#promoting !== undefined && count < leasesMax; count++) {
      const { value: lease, done } = this.#promoting.next();
      if (done === true) this.#promoting = undefined;
      else if (!this.#timed.has(lease.id))
        this.#begin(lease, this.#spread.place(now + this.#extensionMs + leftMs(lease)), now);
    }
    return this.#promoting === undefined;
  }

  /** A grant was applied. */
  granted(id: bigint, nowMs: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    const now = this.#time.at(nowMs);
    this.#begin(lease, now + leftMs(lease), now);
  }

  /** A revocation was applied. */
  revoked(id: bigint): void {
    const timed = this.#timed.get(id);
    if (timed === undefined) return;
    this.#ends.delete(timed);
    this.#checkpoints.delete(timed.checkpoint);
    this.#timed.delete(id);
  }

  /** Begins the lease's TTL anew. Only for a member that was the leader after the renewal was asked for. */
  renew(id: bigint, nowMs: number): Renewal {
    const now = this.#time.at(nowMs);
    const lease = this.#leases.get(id);
    const timed = this.#timed.get(id);
    if (lease === undefined || (timed !== undefined && isOver(timed, now))) return UNKNOWN;
    if (lease.remainingTtl > 0 || timed?.isWritten === true) {
      // Nothing more is written until that is taken back, or was given up.
      if (timed !== undefined) this.#checkpointLater(timed, now);
      return WRITTEN;
    }
    const at = now + lease.ttl * 1000;
    if (timed === undefined) this.#begin(lease, at, now);
    else {
      // It may end later than that: after a promotion, for one.
      this.#ends.set(timed, Math.max(timed.at, at));
      this.#checkpointLater(timed, now);
    }
    return { kind: 'renewed', ttl: lease.ttl };
  }

  /** What was written down of the lease has been taken back, by an entry that was applied. It may be renewed now. */
  takenBack(id: bigint): void {
    const timed = this.#timed.get(id);
    if (timed !== undefined) timed.isWritten = false;
  }

  /** What is left of a lease, in milliseconds: 0 if it is at its end and only waits for being revoked. Undefined if there is no such lease. */
  remainingMs(id: bigint, nowMs: number): number | undefined {
    const now = this.#time.at(nowMs);
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    const timed = this.#timed.get(id);
    return timed === undefined ? leftMs(lease) : isOver(timed, now) ? 0 : timed.at - now;
  }

  /** Some of those at their end, the earliest first. Who takes one sees to it that it is revoked: `retry` if that has failed. */
  takeExpired(nowMs: number, leasesMax: number): readonly bigint[] {
    const now = this.#time.at(nowMs);
    const ids: bigint[] = [];
    while (ids.length < leasesMax) {
      const { first } = this.#ends;
      if (first === undefined || first.at > now) break;
      this.#ends.delete(first);
      this.#checkpoints.delete(first.checkpoint);
      ids.push(first.lease.id);
    }
    return ids;
  }

  /**
   * Could not be revoked, as far as is known: it ends again a little later. It may even be renewed meanwhile, unless what was proposed may
   * be in the log all the same, and be committed at any time.
   */
  retry(id: bigint, nowMs: number, mayBeLogged: boolean): void {
    const timed = this.#timed.get(id);
    if (timed === undefined) return;
    if (mayBeLogged) timed.isEnding = true;
    this.#ends.set(timed, this.#time.at(nowMs) + EXPIRY_RETRY_MS);
  }

  /** What to write down now, in whole seconds and never less than is left. Each is due again after an interval. */
  takeCheckpoints(nowMs: number, leasesMax: number): readonly Checkpoint[] {
    const now = this.#time.at(nowMs);
    const due: Checkpoint[] = [];
    while (due.length < leasesMax) {
      const { first } = this.#checkpoints;
      if (first === undefined || first.at > now) break;
      const { timed } = first;
      this.#checkpointLater(timed, now);
      if (timed.at <= now) continue;
      timed.isWritten = true;
      due.push({ id: timed.lease.id, remainingTtl: Math.ceil((timed.at - now) / 1000) });
    }
    return due;
  }

  #begin(lease: Lease, at: number, now: number): void {
    const timed = new Timed(lease);
    this.#timed.set(lease.id, timed);
    this.#ends.set(timed, at);
    this.#checkpointLater(timed, now);
  }

  /** A lease that ends before is not worth it. */
  #checkpointLater(timed: Timed, now: number): void {
    const at = now + CHECKPOINT_INTERVAL_MS;
    if (timed.at > at) this.#checkpoints.set(timed.checkpoint, at);
    else this.#checkpoints.delete(timed.checkpoint);
  }
}

/** Whether it is at its end, or beyond. */
function isOver({ at, isEnding }: Timed, now: number): boolean {
  return isEnding || at <= now;
}

function leftMs({ ttl, remainingTtl }: Lease): number {
  return 1000 * (remainingTtl > 0 ? remainingTtl : ttl);
}

/**
 * Finds each end a second that is not full yet: its own, or the next one.
 *
 *     at most 2 a second     5.1  5.7  5.2  6.9  5.3     ->     5.1  5.7  6.2  6.9  7.3
 */
class Spread {
  readonly #max: number;
  readonly #counts = new Map<number, number>();
  /** From a full second to one after it, that was not full when it was looked for. */
  readonly #next = new Map<number, number>();

  constructor(max: number) {
    this.#max = max;
  }

  place(atMs: number): number {
    const wanted = Math.floor(atMs / 1000);
    const second = this.#free(wanted);
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1);
    return atMs + (second - wanted) * 1000;
  }

  #free(from: number): number {
    const passed: number[] = [];
    let second = from;
    while ((this.#counts.get(second) ?? 0) >= this.#max) {
      passed.push(second);
      second = this.#next.get(second) ?? second + 1;
    }
    for (const full of passed) this.#next.set(full, second);
    return second;
  }
}
