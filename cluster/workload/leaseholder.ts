/**
 * A client that has leases, one after the other: grants one, puts two keys with it in one transaction, keeps it alive for a while or not at
 * all, and leaves it to end by itself. Through any member, as it comes.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { below, type Prng, pick } from '../../src/base/index.ts';
import { type Client, put } from '../../src/client/index.ts';
import type { LeaseLife } from '../checker/index.ts';
import type { Record } from './record.ts';
import { PREFIX } from './slots.ts';
import { filled } from './value.ts';
import { outcomeOf } from './worker.ts';

const ANSWER_WITHIN_MS = 2_000;
const TTL_SECONDS_MIN = 2;
const TTL_SECONDS_MAX = 4;
/** One in so many is not kept alive at all. */
const LEFT_ALONE_ONE_IN = 4;
const KEPT_MS_MAX = 15_000;
/** Between two leases. */
const PAUSE_MS_MAX = 1_000;

export interface LeaseholderOptions {
  /** From 0; it makes the ids of its leases. */
  readonly number: number;
  readonly prng: Prng;
  readonly clients: readonly Client[];
  readonly record: Record;
}

/** Of one holder. */
const LEASES_MAX = 1_000_000;

export class Leaseholder {
  /** Those that it has left. */
  readonly lives: LeaseLife[] = [];
  readonly #options: LeaseholderOptions;
  #count = 0;

  constructor(options: LeaseholderOptions) {
    this.#options = options;
  }

  /** Until the signal. */
  async hold(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#live(signal);
      await sleep(below(this.#options.prng, PAUSE_MS_MAX), undefined, { signal }).catch(() => {});
    }
  }

  async #live(signal: AbortSignal): Promise<void> {
    const { prng, number, clients } = this.#options;
    const id = BigInt((number + 1) * LEASES_MAX + ++this.#count);
    const keys = ['a', 'b'].map((name) => `${PREFIX}lease/${id}/${name}`);
    const ttl = TTL_SECONDS_MIN + below(prng, TTL_SECONDS_MAX - TTL_SECONDS_MIN + 1);
    const grantedAt = performance.now();
    let aliveUntil = 0;
    try {
      const granted = await pick(prng, clients).leaseGrant(ttl, { id, deadlineMs: ANSWER_WITHIN_MS });
      aliveUntil = grantedAt + 1000 * granted.ttl;
    } catch (error) {
      // It may be there all the same, and must end.
      outcomeOf(error);
    }
    if (aliveUntil > 0) {
      const kept = below(prng, LEFT_ALONE_ONE_IN) === 0 ? undefined : pick(prng, clients).keepAlive(id);
      await this.#put(id, keys);
      if (kept !== undefined) {
        const either = AbortSignal.any([signal, kept.signal]);
        await sleep(below(prng, KEPT_MS_MAX), undefined, { signal: either }).catch(() => {});
        aliveUntil = Math.max(aliveUntil, kept.aliveUntil);
        kept.stop();
      }
    }
    this.lives.push({ id, keys, aliveUntil });
  }

  /** Both keys, or neither. */
  async #put(id: bigint, [key = '', other = '']: readonly string[]): Promise<void> {
    const { prng, clients, record } = this.#options;
    const operation = { kind: 'pair', key, other, value: `lease-${id}` } as const;
    const puts = [key, other].map((one) => put(one, filled(operation.value), { lease: id }));
    const invokedAt = performance.now();
    try {
      const { revision } = await pick(prng, clients).txn({ success: puts }, { deadlineMs: ANSWER_WITHIN_MS });
      record.add({ ...operation, outcome: 'ok', invokedAt, completedAt: performance.now(), revision });
    } catch (error) {
      record.add({ ...operation, outcome: outcomeOf(error), invokedAt, completedAt: Infinity, revision: 0 });
    }
  }
}
