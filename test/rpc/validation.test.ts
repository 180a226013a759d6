/** What etcd 3.4 answered to each of these, and 3.7 to an unknown sort option, which 3.4 takes (or dies of). */

import { expect, test } from 'vitest';
import { RequestError } from '../../src/base/index.ts';
import { decodePut, decodeTxn, internalRequestBytes } from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';
import { checkPut, checkRequestBytes, checkTxn } from '../../src/rpc/validation.ts';

const OPS_MAX = 128;

const put = (key: string): object => ({ request_put: { key: Buffer.from(key) } });
const del = (key: string, end = ''): object => ({
  request_delete_range: { key: Buffer.from(key), range_end: Buffer.from(end) },
});
const range = (key: string): object => ({ request_range: { key: Buffer.from(key) } });
const txn = (success: object[], failure: object[] = [], compare: object[] = []): object => ({
  request_txn: { success, failure, compare },
});
const compare = (key: string): object => ({ key: Buffer.from(key), target: 0, version: 0 });
const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** What is wrong with a transaction, 'ok' if nothing is. */
function verdict(request: object): string {
  try {
    checkTxn(decodeTxn(pb.TxnRequest.encode(pb.TxnRequest.fromObject(request)).finish()), OPS_MAX);
    return 'ok';
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

test.each<[string, object, string]>([
  ['nothing at all', {}, 'ok'],
  ['an empty operation', { success: [{}] }, 'keyNotFound'],
  ['an empty operation in the other branch', { failure: [{}] }, 'keyNotFound'],
  ['a put without a key', { success: [put('')] }, 'emptyKey'],
  ['a delete without a key', { success: [del('')] }, 'emptyKey'],
  ['a range without a key', { success: [range('')] }, 'emptyKey'],
  ['a compare without a key', { compare: [compare('')] }, 'emptyKey'],
  ['a compare without a key before an empty operation', { compare: [compare('')], success: [{}] }, 'emptyKey'],
  ['128 puts', { success: many(128, (i) => put(`k${i}`)) }, 'ok'],
  ['129 puts', { success: many(129, (i) => put(`k${i}`)) }, 'tooManyOps'],
  ['129 failures', { failure: many(129, (i) => put(`k${i}`)) }, 'tooManyOps'],
  ['129 compares', { compare: many(129, () => compare('k')) }, 'tooManyOps'],
  ['129 operations, of which one is bad', { success: [...many(128, (i) => put(`k${i}`)), {}] }, 'tooManyOps'],
  ['one, and 127 within', { success: [txn(many(127, (i) => put(`k${i}`)))] }, 'ok'],
  ['one, and 128 within', { success: [txn(many(128, (i) => put(`k${i}`)))] }, 'tooManyOps'],
  [
    'two, and 127 compares within',
    {
      success: [
        put('a'),
        txn(
          [],
          [],
          many(127, () => compare('k')),
        ),
      ],
    },
    'tooManyOps',
  ],
  ['a key put twice', { success: [put('a'), put('a')] }, 'duplicateKey'],
  ['a key put twice, and an empty operation', { success: [put('a'), put('a'), {}] }, 'keyNotFound'],
  [
    'a key put twice, and an empty operation in the other branch',
    { success: [put('a'), put('a')], failure: [{}] },
    'keyNotFound',
  ],
  ['a key put in both branches', { success: [put('a')], failure: [put('a')] }, 'ok'],
  ['put and deleted', { success: [put('a'), del('a')] }, 'duplicateKey'],
  ['deleted and put', { success: [del('a'), put('a')] }, 'duplicateKey'],
  ['deleted twice', { success: [del('a'), del('a')] }, 'ok'],
  ['put within a deleted range', { success: [del('a', 'c'), put('b')] }, 'duplicateKey'],
  ['put at the end of a deleted range', { success: [del('a', 'c'), put('c')] }, 'ok'],
  ['put, and an empty range deleted', { success: [del('b', 'b'), put('b')] }, 'ok'],
  ['put, and a range deleted that ends before it begins', { success: [del('c', 'a'), put('c')] }, 'ok'],
  ['put, and all from a key on deleted', { success: [del('a', '\0'), put('b')] }, 'ok'],
  ['put, and everything deleted', { success: [del('\0', '\0'), put('b')] }, 'ok'],
  ['put, and deleted within', { success: [put('b'), txn([], [del('b')])] }, 'duplicateKey'],
  ['a range deleted within, and put', { success: [txn([del('a', 'c')]), put('b')] }, 'duplicateKey'],
  ['deleted, and put within', { success: [del('b'), txn([put('b')])] }, 'duplicateKey'],
  ['put within, and deleted', { success: [txn([put('b')]), del('b')] }, 'duplicateKey'],
  ['put in either branch within', { success: [txn([put('b')], [put('b')])] }, 'ok'],
  ['deleted or put within', { success: [txn([del('a', 'c')], [put('b')])] }, 'ok'],
  ['put or deleted within', { success: [txn([put('b')], [del('a', 'c')])] }, 'ok'],
  ['put within and put within', { success: [txn([put('b')]), txn([put('b')])] }, 'duplicateKey'],
  [
    'put within, and put in the other branch of another',
    { success: [txn([put('b')]), txn([], [put('b')])] },
    'duplicateKey',
  ],
  ['deleted within and put within', { success: [txn([del('b')]), txn([put('b')])] }, 'duplicateKey'],
  ['put within and deleted within', { success: [txn([put('b')]), txn([del('b')])] }, 'ok'],
  ['the same in the branch for failure', { failure: [put('a'), put('a')] }, 'duplicateKey'],
])('a transaction with %s', (_, request, expected) => {
  expect(verdict(request)).toBe(expected);
});

test.each<[string, object, string]>([
  ['no key', { value: Buffer.from('v') }, 'emptyKey'],
  [
    'a value that is to be ignored',
    { ignore_value: true, key: Buffer.from('k'), value: Buffer.from('v') },
    'valueProvided',
  ],
  ['a lease that is to be ignored', { ignore_lease: true, key: Buffer.from('k'), lease: 7 }, 'leaseProvided'],
  [
    'both',
    { ignore_lease: true, ignore_value: true, key: Buffer.from('k'), value: Buffer.from('v'), lease: 7 },
    'valueProvided',
  ],
])('a put with %s', (_, request, code) => {
  const operation = decodePut(pb.PutRequest.encode(request).finish());
  expect(() => checkPut(operation)).toThrow(new RequestError(code as 'emptyKey'));
  expect(() => checkTxn({ kind: 'txn', compare: [], success: [], failure: [operation] }, OPS_MAX)).toThrow(
    new RequestError(code as 'emptyKey'),
  );
});

test('a proposal is measured as it will stand in the log', () => {
  // etcd 3.4, with its default of 1.5 MiB: a value of this size under a key of one byte passes, one byte more does not.
  const bytesMax = 1536 * 1024;
  const largest = pb.PutRequest.encode({ key: Buffer.from('a'), value: Buffer.alloc(bytesMax - 25) }).finish().length;
  expect(internalRequestBytes(largest)).toBe(bytesMax);
  checkRequestBytes(largest, bytesMax);
  expect(() => checkRequestBytes(largest + 1, bytesMax)).toThrow(new RequestError('requestTooLarge'));
});
