import { expect, test } from 'vitest';
import { type Bytes, bytesOf } from '../../src/base/index.ts';
import { Leases } from '../../src/lease/index.ts';
import {
  type Applied,
  decodeLease,
  encodeLease,
  leaseName,
  Machine,
  type MachineRequest,
} from '../../src/machine/index.ts';
import { type PutOperation, Store } from '../../src/mvcc/index.ts';
import { RecordMap } from '../support/record-map.ts';

/** A machine, and what it has written of leases. */
function setUp() {
  const items = new Map<string, Bytes>();
  const leases = new Leases();
  const backend = {
    getState: () => undefined,
    putState: () => undefined,
    putItem: (kind: string, name: string, value: Bytes) => void items.set(`${kind}/${name}`, value),
    deleteItem: (kind: string, name: string) => void items.delete(`${kind}/${name}`),
  };
  const machine = new Machine(new Store(new RecordMap(), leases), backend, leases);
  return { machine, items, leases, apply: (request: MachineRequest): Applied => machine.apply(request) };
}

const put = (key: string, lease: bigint): PutOperation => ({
  kind: 'put',
  key,
  value: bytesOf('v'),
  lease,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
});

test('a revocation deletes the keys in their order, at one revision; without keys there is none', () => {
  const { apply, machine } = setUp();
  expect(apply({ kind: 'leaseGrant', id: 7n, ttl: 60 })).toEqual({
    ok: true,
    result: { kind: 'leaseGrant', id: 7n, ttl: 60, revision: 1 },
    events: [],
  });
  for (const key of ['c', 'a', 'b']) apply(put(key, 7n));
  apply(put('d', 0n));
  const revoked = apply({ kind: 'leaseRevoke', id: 7n });
  expect(revoked.ok && revoked.events.map(({ type, key, main, sub }) => `${type} ${key} ${main}.${sub}`)).toEqual([
    'delete a 6.0',
    'delete b 6.1',
    'delete c 6.2',
  ]);
  expect(revoked.ok && revoked.result).toEqual({ kind: 'lease', revision: 6 });
  expect(machine.store.keys).toBe(1);
  expect(apply({ kind: 'leaseRevoke', id: 7n })).toEqual({ ok: false, error: 'leaseNotFound' });
  apply({ kind: 'leaseGrant', id: 8n, ttl: 60 });
  expect(apply({ kind: 'leaseRevoke', id: 8n })).toEqual({
    ok: true,
    result: { kind: 'lease', revision: 6 },
    events: [],
  });
});

test('each lease is an item of its own, changed by a checkpoint and gone with the lease', () => {
  const { apply, items } = setUp();
  apply({ kind: 'leaseGrant', id: 7n, ttl: 600 });
  apply({ kind: 'leaseGrant', id: -1n, ttl: 9_000_000_000 });
  expect([...items.keys()]).toEqual(['lease/0000000000000007', 'lease/ffffffffffffffff']);
  apply({
    kind: 'leaseCheckpoint',
    checkpoints: [
      { id: 7n, remainingTtl: 21 },
      { id: 99n, remainingTtl: 3 },
    ],
  });
  apply({ kind: 'leaseRevoke', id: -1n });
  const left = [...items].map(([name, bytes]) => decodeLease(name.slice('lease/'.length), bytes));
  expect(left).toEqual([{ id: 7n, ttl: 600, remainingTtl: 21, grantedAt: 0 }]);
});

test('an id and its times survive being written down', () => {
  for (const id of [1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const lease = { id, ttl: 9_000_000_000, remainingTtl: 8_999_999_999, grantedAt: 2 ** 53 - 1 };
    expect(decodeLease(leaseName(id), encodeLease(lease))).toEqual(lease);
  }
});

test('a lease that was written down without its grant is read, and whoever revokes its id means it', () => {
  const { leases, machine } = setUp();
  const bytes = encodeLease({ id: 7n, ttl: 60, remainingTtl: 21, grantedAt: 0 }).subarray(0, 16);
  leases.restore(decodeLease(leaseName(7n), bytes));
  expect(leases.get(7n)).toMatchObject({ ttl: 60, remainingTtl: 21, grantedAt: 0 });
  expect(machine.apply({ kind: 'leaseRevoke', id: 7n, grantedAt: 11 }, 'member', 14).ok).toBe(true);
});

test('when space is short no lease is granted, and any may be revoked', () => {
  const { apply } = setUp();
  apply({ kind: 'leaseGrant', id: 7n, ttl: 60 });
  apply({ kind: 'alarm', action: 'activate', memberId: 1n, alarm: 'nospace' });
  expect(apply({ kind: 'leaseGrant', id: 8n, ttl: 60 })).toEqual({ ok: false, error: 'noSpace' });
  expect(apply({ kind: 'leaseCheckpoint', checkpoints: [{ id: 7n, remainingTtl: 3 }] }).ok).toBe(true);
  expect(apply({ kind: 'leaseRevoke', id: 7n }).ok).toBe(true);
});

test('the revocation of one grant leaves another lease of the same id alone', () => {
  const { leases, machine } = setUp();
  machine.apply({ kind: 'leaseGrant', id: 7n, ttl: 60 }, 'member', 11);
  expect(leases.get(7n)?.grantedAt).toBe(11);
  machine.apply({ kind: 'leaseRevoke', id: 7n }, 'member', 12);
  machine.apply({ kind: 'leaseGrant', id: 7n, ttl: 60 }, 'member', 13);
  const stale = machine.apply({ kind: 'leaseRevoke', id: 7n, grantedAt: 11 }, 'member', 14);
  expect(stale).toEqual({ ok: false, error: 'leaseNotFound' });
  expect(machine.apply({ kind: 'leaseRevoke', id: 7n, grantedAt: 13 }, 'member', 15).ok).toBe(true);
});
