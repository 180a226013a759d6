/**
 * The leases that there are, as the log has made them: the same on every member, and without a clock.
 *
 *     grant 7 (60 s)           7: 60 s, no keys
 *     put a lease 7            7: 60 s, a
 *     put b lease 7            7: 60 s, a b
 *     put a                    7: 60 s, b            a key hangs on the lease of its last put, or on none
 *     checkpoint 7 (21 s)      7: 60 s, 21 s of them left when it was written down, b
 *     revoke 7                 nothing, and b is deleted
 *
 * When a lease ends is another matter. Only the leader keeps time (lessor.ts), and it ends a lease by asking the log to revoke it.
 */

import { type Key, present, RequestError } from '../base/index.ts';
import { LEASE_TTL_SECONDS_MAX } from './limits.ts';

export interface Lease {
  /** An int64, and not 0. */
  readonly id: bigint;
  /** As granted, in seconds. */
  readonly ttl: number;
  /** Seconds that were left when it was last written down; 0 if it never was, or if it was renewed since: the whole TTL. */
  readonly remainingTtl: number;
  /** The index of the entry that granted it, which tells it from another one of this id; 0 if that is not known. */
  readonly grantedAt: number;
}

interface Held extends Lease {
  remainingTtl: number;
  readonly keys: Set<Key>;
}

/** No lease. */
export const NO_LEASE = 0n;

const NO_KEYS: ReadonlySet<Key> = new Set();

export class Leases {
  readonly #leases = new Map<bigint, Held>();
  readonly #leaseOf = new Map<Key, bigint>();

  get size(): number {
    return this.#leases.size;
  }

  exists(id: bigint): boolean {
    return this.#leases.has(id);
  }

  get(id: bigint): Lease | undefined {
    return this.#leases.get(id);
  }

  /** In order of being granted. May be gone through while leases come and go. */
  all(): IterableIterator<Lease> {
    return this.#leases.values();
  }

  /** The keys that hang on a lease, in no order. */
  keysOf(id: bigint): ReadonlySet<Key> {
    return this.#leases.get(id)?.keys ?? NO_KEYS;
  }

  leaseOf(key: Key): bigint {
    return this.#leaseOf.get(key) ?? NO_LEASE;
  }

  /** Throws RequestError leaseNotFound for no id, leaseTtlTooLarge, leaseExists. */
  grant(id: bigint, ttl: number, grantedAt = 0): Lease {
    if (id === NO_LEASE) throw new RequestError('leaseNotFound');
    if (ttl > LEASE_TTL_SECONDS_MAX) throw new RequestError('leaseTtlTooLarge');
    if (this.#leases.has(id)) throw new RequestError('leaseExists');
    return this.restore({ id, ttl, remainingTtl: 0, grantedAt });
  }

  /** Takes a lease that was written down. */
  restore({ id, ttl, remainingTtl, grantedAt }: Lease): Lease {
    const lease: Held = { id, ttl, remainingTtl, grantedAt, keys: new Set() };
    this.#leases.set(id, lease);
    return lease;
  }

  /** Throws RequestError leaseNotFound unless it exists. Its keys must be gone. */
  remove(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw new RequestError('leaseNotFound');
    for (const key of lease.keys) this.#leaseOf.delete(key);
    this.#leases.delete(id);
  }

  /** What is left of a lease, in seconds; 0: all of it. One that is gone by now is passed over: then undefined. */
  checkpoint(id: bigint, remainingTtl: number): Lease | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    lease.remainingTtl = remainingTtl > 0 && remainingTtl < lease.ttl ? remainingTtl : 0;
    return lease;
  }

  // ---- What the store tells, of every put and delete ----

  /** The key was put with this lease, which must exist, or with none. */
  attach(key: Key, id: bigint): void {
    if (id === NO_LEASE) {
      this.detach(key);
      return;
    }
    const before = this.#leaseOf.get(key);
    if (before === id) return;
    if (before !== undefined) this.#leases.get(before)?.keys.delete(key);
    this.#leaseOf.set(key, id);
    present(this.#leases.get(id), `lease ${id} of a key`).keys.add(key);
  }

  detach(key: Key): void {
    if (this.#leaseOf.size === 0) return;
    const id = this.#leaseOf.get(key);
    if (id === undefined) return;
    this.#leaseOf.delete(key);
    this.#leases.get(id)?.keys.delete(key);
  }
}
