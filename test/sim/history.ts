/**
 * What truly happened: the committed entries in their order, and what they came to, worked out by a store of a few lines that has
 * nothing in common with src/mvcc. Whatever a member says is held against it.
 *
 *     entry 7  put a=1   -> revision 4, event 4.0          entry 8  (a leader's first)   -> revision still 4
 *
 * The simulation tells of each entry as soon as the first member knows it to be committed.
 */

import { type Bytes, inRange, type KeyRange, keyOf } from '../../src/base/index.ts';
import {
  decodeCompaction,
  decodeDeleteRange,
  decodeInternalRequest,
  decodeLeaseGrant,
  decodeLeaseRevoke,
  decodePut,
  decodeTxn,
  type Entry,
} from '../../src/codec/index.ts';
import type { LeaseRevokeRequest } from '../../src/machine/index.ts';
import type { Compare, Operation } from '../../src/mvcc/index.ts';
import { numberOf } from './request.ts';
import { ensure } from './violation.ts';

/** A pair as it was from one revision on. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
}

export interface HistoryEvent {
  readonly main: number;
  readonly sub: number;
  readonly key: string;
  /** Undefined for a delete. */
  readonly pair: Pair | undefined;
  readonly previous: Pair | undefined;
}

/** What applying an entry came to. */
export interface Effect {
  readonly index: number;
  readonly term: number;
  /** The request's number; undefined if it is no client's. */
  readonly request: number | undefined;
  readonly ok: boolean;
  /** The store's after it. */
  readonly revision: number;
  readonly compacted: number;
  /** Of a transaction: whether its comparisons held. */
  readonly succeeded: boolean | undefined;
  readonly deleted: number;
}

export class History {
  /** By index. */
  readonly #effects: Effect[] = [
    {
      index: 0,
      term: 0,
      request: undefined,
      ok: true,
      revision: 1,
      compacted: -1,
      succeeded: undefined,
      deleted: 0,
    },
  ];
  readonly #byRequest = new Map<number, Effect>();
  readonly #events: HistoryEvent[] = [];
  /** By revision: where its events begin. */
  readonly #firstEvent: number[] = [0, 0, 0];
  readonly #now = new Map<string, Pair>();
  /** With the entry that granted each. */
  readonly #leases = new Map<bigint, number>();
  /** Keys that hang on one. */
  readonly #leaseOf = new Map<string, bigint>();
  revision = 1;
  compacted = -1;

  /** Told of each lease that is revoked, and of the revision that this makes (or leaves). */
  onRevoked: (id: bigint) => void = () => undefined;

  /** How many leases there are. */
  get leases(): number {
    return this.#leases.size;
  }

  /** Index of the last entry known to be committed. */
  get lastIndex(): number {
    return this.#effects.length - 1;
  }

  at(index: number): Effect {
    const effect = this.#effects[index];
    ensure(
      effect !== undefined,
      () => `entry ${index} is applied, and nobody has committed more than ${this.lastIndex}`,
    );
    return effect;
  }

  termAt(index: number): number | undefined {
    return this.#effects[index]?.term;
  }

  /** What became of a request; undefined if it is not among what is committed. */
  of(request: number): Effect | undefined {
    return this.#byRequest.get(request);
  }

  /** The events of revisions from `revision` on, the oldest first, as a place to read from. */
  placeOf(revision: number): number {
    return this.#firstEvent[Math.max(revision, 2)] ?? this.#events.length;
  }

  eventAt(place: number): HistoryEvent | undefined {
    return this.#events[place];
  }

  /** The pairs of a range at a revision, in the order of their keys. */
  pairs(range: KeyRange, revision: number): Pair[] {
    const pairs = new Map<string, Pair>();
    for (const { main, key, pair } of this.#events) {
      if (main > revision) break;
      if (!inRange(range, key)) continue;
      if (pair === undefined) pairs.delete(key);
      else pairs.set(key, pair);
    }
    return [...pairs.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  commit({ index, term, type, data }: Entry): void {
    ensure(index === this.lastIndex + 1, () => `entry ${index} is committed after ${this.lastIndex}`);
    const effect = { index, term, request: undefined, ok: true, succeeded: undefined, deleted: 0 };
    if (type !== 'normal' || data.length === 0) this.#effects.push({ ...effect, ...this.#position() });
    else this.#commitRequest(effect, data);
  }

  #commitRequest(empty: Omit<Effect, 'revision' | 'compacted'>, data: Bytes): void {
    const { kind, request: bytes } = decodeInternalRequest(data);
    const request = numberOf(bytes);
    let effect = { ...empty, request };
    if (kind === 'put') {
      const put = decodePut(bytes);
      const ok = put.lease === 0n || this.#leases.has(put.lease);
      if (ok) this.#write([put]);
      effect = { ...effect, ok };
    } else if (kind === 'leaseGrant') {
      const { id } = decodeLeaseGrant(bytes);
      effect = { ...effect, ok: !this.#leases.has(id) };
      if (effect.ok) this.#leases.set(id, empty.index);
    } else if (kind === 'leaseRevoke') effect = { ...effect, ok: this.#revoke(decodeLeaseRevoke(bytes)) };
    else if (kind === 'deleteRange') effect = { ...effect, deleted: this.#write([decodeDeleteRange(bytes)]) };
    else if (kind === 'txn') {
      const { compare, success, failure } = decodeTxn(bytes);
      const succeeded = compare.every((one) => this.#holds(one));
      this.#write(succeeded ? success : failure);
      effect = { ...effect, succeeded };
    } else if (kind === 'compaction') {
      effect = { ...effect, ok: this.#compact(decodeCompaction(bytes).revision) };
    }
    const done = { ...effect, ...this.#position() };
    this.#effects.push(done);
    if (request === undefined) return;
    const before = this.#byRequest.get(request);
    ensure(before === undefined, () => `request ${request} is in the log twice: ${before?.index} and ${done.index}`);
    this.#byRequest.set(request, done);
  }

  #position(): { revision: number; compacted: number } {
    return { revision: this.revision, compacted: this.compacted };
  }

  /** Returns how many keys were deleted. */
  #write(operations: readonly Operation[]): number {
    const main = this.revision + 1;
    const first = this.#events.length;
    let deleted = 0;
    for (const operation of operations) {
      if (operation.kind === 'put') this.#put(main, operation.key, keyOf(operation.value), operation.lease);
      else if (operation.kind === 'deleteRange') deleted += this.#delete(main, operation.range);
    }
    if (this.#events.length > first) {
      this.revision = main;
      this.#firstEvent[main + 1] = this.#events.length;
    }
    return deleted;
  }

  /** Whether there was such a lease. */
  #revoke({ id, grantedAt }: LeaseRevokeRequest): boolean {
    const found = this.#leases.get(id);
    if (found === undefined || (grantedAt !== undefined && grantedAt !== found)) return false;
    this.#leases.delete(id);
    const keys = [...this.#leaseOf].filter(([, lease]) => lease === id).map(([key]) => key);
    this.#write(
      keys.sort().map((key): Operation => ({ kind: 'deleteRange', range: { key, end: undefined }, prevKv: false })),
    );
    this.onRevoked(id);
    return true;
  }

  #put(main: number, key: string, value: string, lease: bigint): void {
    if (lease === 0n) this.#leaseOf.delete(key);
    else this.#leaseOf.set(key, lease);
    const previous = this.#now.get(key);
    const pair = { key, value, create: previous?.create ?? main, mod: main, version: (previous?.version ?? 0) + 1 };
    this.#add(main, key, pair, previous);
    this.#now.set(key, pair);
  }

  #delete(main: number, range: KeyRange): number {
    const keys = [...this.#now.keys()].filter((key) => inRange(range, key)).sort();
    for (const key of keys) {
      this.#add(main, key, undefined, this.#now.get(key));
      this.#now.delete(key);
      this.#leaseOf.delete(key);
    }
    return keys.length;
  }

  #add(main: number, key: string, pair: Pair | undefined, previous: Pair | undefined): void {
    const sub = this.#events.length - this.placeOf(main);
    this.#events.push({ main, sub, key, pair, previous });
  }

  #holds({ range, result, operand }: Compare): boolean {
    ensure(operand.target === 'version' || operand.target === 'mod', () => `a comparison with ${operand.target}`);
    const pair = this.#now.get(range.key);
    const actual = (operand.target === 'version' ? pair?.version : pair?.mod) ?? 0;
    if (result === 'equal') return actual === operand.number;
    return result === 'greater' ? actual > operand.number : actual < operand.number;
  }

  /** Whether it was accepted. */
  #compact(revision: number): boolean {
    if (revision <= this.compacted || revision > this.revision) return false;
    this.compacted = revision;
    return true;
  }
}
