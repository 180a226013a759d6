/**
 * Leases: a key that was put with one goes when the lease ends, and the lease ends when nobody keeps it alive.
 *
 *     const { id } = await client.leaseGrant(10);
 *     const alive = client.keepAlive(id);
 *     await client.put('service/a', 'here', { lease: id });
 *     alive.signal.addEventListener('abort', () => console.log(alive.signal.reason));
 *
 * A lease counts as lost as soon as nobody can be sure of it any more: when the server says that it is gone, or when its TTL has passed since
 * the last keepalive that was answered was sent, by this process's own clock. The server cannot have ended it before.
 */

import { etcdserverpb } from '../gen/etcd.js';
import { bigintOf, numberOf } from './integer.ts';

/** Seconds. */
export interface LeaseGrantResult {
  readonly id: bigint;
  /** May be longer than was asked for. */
  readonly ttl: number;
}

export interface LeaseTimeResult {
  /** Seconds that are left; -1: there is no such lease. */
  readonly ttl: number;
  readonly grantedTtl: number;
  /** If they were asked for. */
  readonly keys: readonly Uint8Array[];
}

/** The lease is gone, or may be. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  readonly id: bigint;

  constructor(id: bigint, reason: string) {
    super(`the lease ${BigInt.asUintN(64, id).toString(16)} is lost: ${reason}`);
    this.id = id;
  }
}

/** A lease id, for the generated code: as decimal text it has all its 64 bits. */
export function leaseField(id: bigint): string {
  return BigInt.asIntN(64, id).toString();
}

export function leaseGrantResult({ ID, TTL }: etcdserverpb.LeaseGrantResponse.$Properties): LeaseGrantResult {
  return { id: bigintOf(ID), ttl: numberOf(TTL) };
}

export function leaseTimeResult(response: etcdserverpb.LeaseTimeToLiveResponse.$Properties): LeaseTimeResult {
  const { TTL, grantedTTL, keys } = response;
  return { ttl: numberOf(TTL), grantedTtl: numberOf(grantedTTL), keys: keys ?? [] };
}
