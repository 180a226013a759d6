/**
 * What is refused before it goes any further, in etcd's order: of several faults the client hears of the one that etcd
 * would name. All of it throws RequestError.
 */

import { KEY_INFINITY, type Key, RequestError, unreachable } from '../base/index.ts';
import { internalRequestBytes } from '../codec/index.ts';
import type { DeleteRangeOperation, Operation, PutOperation, RangeOperation, TxnOperation } from '../mvcc/index.ts';
import { KeySet } from './key-set.ts';

/** A request for the log, as it will stand there, must not be larger than `bytesMax` (--max-request-bytes). */
export function checkRequestBytes(requestBytes: number, bytesMax: number): void {
  if (internalRequestBytes(requestBytes) > bytesMax) throw new RequestError('requestTooLarge');
}

export function checkRange(range: RangeOperation): void {
  if (range.range.key === '') throw new RequestError('emptyKey');
}

export function checkPut(put: PutOperation): void {
  if (put.key === '') throw new RequestError('emptyKey');
  if (put.ignoreValue && put.value.length > 0) throw new RequestError('valueProvided');
  if (put.ignoreLease && put.lease !== 0n) throw new RequestError('leaseProvided');
}

export function checkDeleteRange(del: DeleteRangeOperation): void {
  if (del.range.key === '') throw new RequestError('emptyKey');
}

/** `opsMax` is --max-txn-ops. */
export function checkTxn(txn: TxnOperation, opsMax: number): void {
  checkOperations(txn, opsMax);
  writesOf(txn.success);
  writesOf(txn.failure);
}

/**
 * Each list of a transaction may have `budget` members. What a transaction takes of it (its longest list) its inner
 * transactions lack.
 */
function checkOperations(txn: TxnOperation, budget: number): void {
  const taken = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  if (taken > budget) throw new RequestError('tooManyOps');
  for (const compare of txn.compare) if (compare.range.key === '') throw new RequestError('emptyKey');
  for (const operation of txn.success) checkOperation(operation, budget - taken);
  for (const operation of txn.failure) checkOperation(operation, budget - taken);
}

function checkOperation(operation: Operation, budget: number): void {
  switch (operation.kind) {
    case 'range':
      return checkRange(operation);
    case 'put':
      return checkPut(operation);
    case 'deleteRange':
      return checkDeleteRange(operation);
    case 'txn':
      return checkOperations(operation, budget);
    case 'empty':
      throw new RequestError('keyNotFound');
    default:
      return unreachable(operation);
  }
}

/** The keys that a branch might write, whichever way its inner transactions go. */
interface Writes {
  readonly puts: Set<Key>;
  readonly deleted: KeySet;
}

/**
 * No key may be put twice in a branch, nor put and deleted. The two branches of one transaction exclude each other, and so
 * may do the same. Refuses what etcd refuses, and no more: an inner delete after another inner transaction's put passes, and
 * so does every delete whose end is infinity, which etcd here takes for the key "\0".
 */
function writesOf(branch: readonly Operation[]): Writes {
  const puts = new Set<Key>();
  const deleted = new KeySet();
  const put = (key: Key): void => {
    if (puts.has(key) || deleted.has(key)) throw new RequestError('duplicateKey');
    puts.add(key);
  };
  for (const operation of branch) {
    if (operation.kind === 'deleteRange' && operation.range.end !== KEY_INFINITY) deleted.add(operation.range);
  }
  for (const operation of branch) {
    if (operation.kind !== 'txn') continue;
    const success = writesOf(operation.success);
    const failure = writesOf(operation.failure);
    for (const key of new Set([...success.puts, ...failure.puts])) put(key);
    deleted.addAll(success.deleted);
    deleted.addAll(failure.deleted);
  }
  for (const operation of branch) if (operation.kind === 'put') put(operation.key);
  return { puts, deleted };
}
