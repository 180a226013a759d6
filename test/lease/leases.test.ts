import { expect, test } from 'vitest';
import { RequestError } from '../../src/base/index.ts';
import { LEASE_TTL_SECONDS_MAX, Leases } from '../../src/lease/index.ts';
import { leasesOf } from '../support/lease-book.ts';

const codeOf = (act: () => void): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
};
const keys = (leases: Leases, id: bigint): string => [...leases.keysOf(id)].sort().join(' ');

test('what is refused', () => {
  const leases = leasesOf(7n);
  expect(codeOf(() => leases.grant(0n, 60))).toBe('leaseNotFound');
  expect(codeOf(() => leases.grant(7n, 60))).toBe('leaseExists');
  expect(codeOf(() => leases.grant(7n, LEASE_TTL_SECONDS_MAX + 1))).toBe('leaseTtlTooLarge');
  expect(codeOf(() => leases.remove(8n))).toBe('leaseNotFound');
  expect(codeOf(() => leases.grant(-1n, LEASE_TTL_SECONDS_MAX))).toBeUndefined();
  expect(leases.size).toBe(2);
});

test('a key hangs on the lease of its last put, or on none', () => {
  const leases = leasesOf(7n, 8n);
  leases.attach('a', 7n);
  leases.attach('b', 7n);
  leases.attach('b', 7n);
  expect(keys(leases, 7n)).toBe('a b');
  leases.attach('a', 8n);
  expect([keys(leases, 7n), keys(leases, 8n), leases.leaseOf('a')]).toEqual(['b', 'a', 8n]);
  leases.attach('a', 0n);
  leases.detach('b');
  leases.detach('c');
  expect([keys(leases, 7n), keys(leases, 8n), leases.leaseOf('a')]).toEqual(['', '', 0n]);
});

test('keys of a lease that is gone hang on nothing', () => {
  const leases = leasesOf(7n);
  leases.attach('a', 7n);
  leases.remove(7n);
  expect(leases.leaseOf('a')).toBe(0n);
  expect(keys(leases, 7n)).toBe('');
  expect(() => leases.attach('a', 7n)).toThrow('lease 7');
});

test('what is left is kept if it is less than the whole', () => {
  const leases = leasesOf(7n);
  const left = (seconds: number): number | undefined => leases.checkpoint(7n, seconds)?.remainingTtl;
  expect([left(21), left(60), left(59), left(0), left(61), left(-1)]).toEqual([21, 0, 59, 0, 0, 0]);
  expect(leases.checkpoint(8n, 3)).toBeUndefined();
});
