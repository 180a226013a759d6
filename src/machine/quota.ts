/**
 * What a request would add to the store, by etcd's estimate (server/storage/quota.go): key, value and a constant for each
 * put; the dearer branch of a transaction. Deletes and reads add nothing, and so are let through when space is short.
 */

import { type Operation, type PutOperation, type TxnOperation } from '../mvcc/index.ts';
import type { MachineRequest } from './request.ts';

/** The record's frame, its place in the index, and so on. */
const PUT_OVERHEAD_BYTES = 256;
/** A lease, by itself. */
const LEASE_BYTES = 64;

/** Bytes that `request` would add, 0 for one that adds nothing. */
export function costBytes(request: MachineRequest): number {
  if (request.kind === 'put') return costOfPut(request);
  if (request.kind === 'txn') return costOfTxn(request);
  if (request.kind === 'leaseGrant') return LEASE_BYTES;
  return 0;
}

function costOfPut(put: PutOperation): number {
  return put.key.length + put.value.length + PUT_OVERHEAD_BYTES;
}

function costOfTxn(txn: TxnOperation): number {
  return Math.max(costOfBranch(txn.success), costOfBranch(txn.failure));
}

function costOfBranch(operations: readonly Operation[]): number {
  let cost = 0;
  for (const operation of operations) {
    if (operation.kind === 'put') cost += costOfPut(operation);
    else if (operation.kind === 'txn') cost += costOfTxn(operation);
  }
  return cost;
}
