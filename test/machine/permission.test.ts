/** The machine refuses what the author of an entry may not have, and changes nothing then. */

import { expect, test } from 'vitest';
import { type Author, AuthStore, type Caller, NOBODY } from '../../src/auth/index.ts';
import { bytesOf, type ErrorCode, type Key, RequestError, rangeOf } from '../../src/base/index.ts';
import { checkRequest, checkTxnRead, type MachineRequest } from '../../src/machine/index.ts';
import type { Compare, Operation, PutOperation, RangeOperation, TxnOperation } from '../../src/mvcc/index.ts';
import { MemoryState } from '../support/memory-state.ts';

/** alice may read [r, s) and write [w, x); [b, c) both. Lease 7 holds w1 and b1, lease 8 a key that she may not write. */
const auth = new AuthStore(new MemoryState());
for (const name of ['root', 'alice']) {
  auth.apply({ kind: 'authUserAdd', name, passwordHash: '', noPassword: false });
}
auth.apply({ kind: 'authUserGrantRole', name: 'root', role: 'root' });
auth.apply({ kind: 'authRoleAdd', role: 'role' });
for (const [type, key, rangeEnd] of [
  ['read', 'r', 's'],
  ['write', 'w', 'x'],
  ['readwrite', 'b', 'c'],
] as const) {
  auth.apply({ kind: 'authRoleGrantPermission', role: 'role', permission: { type, key, rangeEnd } });
}
auth.apply({ kind: 'authUserGrantRole', name: 'alice', role: 'role' });
auth.apply({ kind: 'authEnable' });

const leased = {
  keysOf: (lease: bigint): ReadonlySet<Key> => new Set(lease === 7n ? ['w1', 'b1'] : lease === 8n ? ['w1', 'r1'] : []),
};
const alice: Caller = auth.callerNamed('alice');

const put = (key: Key, fields: Partial<PutOperation> = {}): PutOperation => ({
  kind: 'put',
  key,
  value: bytesOf('v'),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
  ...fields,
});
const del = (key: Key, end = '', prevKv = false): Operation & MachineRequest => ({
  kind: 'deleteRange',
  range: rangeOf(key, end),
  prevKv,
});
const range = (key: Key, end = ''): RangeOperation => ({
  kind: 'range',
  range: rangeOf(key, end),
  limit: 0,
  revision: 0,
  sortOrder: 'none',
  sortTarget: 'key',
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
});
const compare = (key: Key, end = ''): Compare => ({
  range: rangeOf(key, end),
  result: 'equal',
  operand: { target: 'version', number: 0 },
});
const txn = (fields: Partial<TxnOperation>): TxnOperation => ({
  kind: 'txn',
  compare: [],
  success: [],
  failure: [],
  ...fields,
});

function refusal(work: () => void): ErrorCode | 'allowed' {
  try {
    work();
    return 'allowed';
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

const asked = (request: MachineRequest, author: Author = alice): ErrorCode | 'allowed' =>
  refusal(() => checkRequest(auth, author, request, leased));

const ALLOWED: readonly MachineRequest[] = [
  put('w1'),
  put('b1', { prevKv: true }),
  put('w1', { lease: 7n }),
  put('w1', { lease: 9n }),
  del('w', 'x'),
  del('b', 'c', true),
  txn({ compare: [compare('r', 's')], success: [put('w')], failure: [range('b', 'c'), txn({ success: [del('w')] })] }),
  { kind: 'alarm', action: 'get', memberId: 0n, alarm: 'none' },
  { kind: 'leaseGrant', id: 1n, ttl: 9 },
  { kind: 'leaseRevoke', id: 7n },
  { kind: 'leaseRevoke', id: 9n },
];

test.each(ALLOWED.map((request) => [request] as const))('allowed: %o', (request) => {
  expect(asked(request)).toBe('allowed');
  expect(asked(request, NOBODY)).toBe('userEmpty');
});

const DENIED: readonly MachineRequest[] = [
  { kind: 'leaseRevoke', id: 8n },
  put('r1'),
  put('w1', { prevKv: true }),
  put('w1', { lease: 8n }),
  del('w', 'x\0'),
  del('w', 'x', true),
  del('w', '\0'),
  txn({ compare: [compare('w')] }),
  txn({ compare: [compare('r', '\0')] }),
  txn({ success: [put('w'), range('w')] }),
  txn({ failure: [put('r')] }),
  txn({ success: [put('w', { prevKv: true })] }),
  txn({ success: [put('w', { lease: 8n })] }),
  txn({ failure: [txn({ success: [txn({ failure: [range('a')] })] })] }),
  { kind: 'compaction', revision: 1, physical: false },
  { kind: 'alarm', action: 'activate', memberId: 0n, alarm: 'nospace' },
  { kind: 'authDisable' },
  { kind: 'authUserChangePassword', name: 'alice', passwordHash: '' },
  { kind: 'authUserAdd', name: 'x', passwordHash: '', noPassword: false },
  { kind: 'authUserGrantRole', name: 'alice', role: 'root' },
];

test.each(DENIED.map((request) => [request] as const))('denied: %o', (request) => {
  expect(asked(request)).toBe('permissionDenied');
  expect(asked(request, NOBODY)).toBe('userEmpty');
  expect(asked(request, auth.callerNamed('root'))).toBe('allowed');
  expect(asked(request, 'member')).toBe('allowed');
});

test('a revision that has moved is told first; a password that was right at another revision is not right any more', () => {
  const old = { ...alice, authRevision: alice.authRevision - 1 };
  expect(asked(put('w1'), old)).toBe('oldAuthRevision');
  expect(asked({ kind: 'authenticate', name: 'alice', token: 't' }, old)).toBe('oldAuthRevision');
  expect(asked({ kind: 'authenticate', name: 'alice', token: 't' })).toBe('allowed');
});

test('a transaction that only reads is asked for the same', () => {
  expect(refusal(() => checkTxnRead(auth, alice, txn({ success: [range('r', 's')] })))).toBe('allowed');
  expect(refusal(() => checkTxnRead(auth, alice, txn({ failure: [range('w')] })))).toBe('permissionDenied');
});
