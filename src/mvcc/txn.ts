/**
 * Transactions: if all comparisons hold then some operations, else others, which may be transactions again.
 *
 *     plan       evaluates the comparisons of every transaction that will run, the nested ones too, on the store as it is
 *                before anything is written, and checks every operation that will run
 *     execute    carries the plan out, within one write transaction
 *
 * So a nested transaction decides by what was there before the outermost one began, as in etcd; and a request that must be
 * refused is refused before anything has changed, since what has been written cannot be taken back.
 */

import { compareBytes, EMPTY_BYTES, inRange, RequestError, unreachable } from '../base/index.ts';
import type { KeyRevision } from './key-index.ts';
import { decodeKeyValue, type KeyValue } from './key-value.ts';
import type {
  Compare,
  CompareOperand,
  CompareResult,
  DeleteRangeOperation,
  Operation,
  OperationResult,
  PutOperation,
  RangeOperation,
  TxnOperation,
  TxnResult,
} from './operation.ts';
import type { StoreState } from './state.ts';
import type { WriteTxn } from './write-txn.ts';

/** What a transaction comes down to once its comparisons are known. */
export interface TxnPlan {
  readonly kind: 'plan';
  readonly succeeded: boolean;
  readonly steps: readonly (RangeOperation | PutOperation | DeleteRangeOperation | TxnPlan)[];
}

type Write = PutOperation | DeleteRangeOperation;

/** Throws RequestError leaseNotFound, keyNotFound, futureRevision, compacted, for the first operation that must be refused. */
export function planTxn(state: StoreState, txn: TxnOperation): TxnPlan {
  const writes: Write[] = [];
  const plan = (nested: TxnOperation): TxnPlan => {
    const succeeded = nested.compare.every((compare) => holds(state, compare));
    const steps = (succeeded ? nested.success : nested.failure).map((operation): TxnPlan['steps'][number] => {
      switch (operation.kind) {
        case 'txn':
          return plan(operation);
        case 'put':
          checkPut(state, operation);
          checkPutAfter(writes, operation);
          writes.push(operation);
          return operation;
        case 'deleteRange':
          writes.push(operation);
          return operation;
        case 'range':
          checkRange(state, operation);
          return operation;
        case 'empty':
          throw new RequestError('keyNotFound');
        default:
          return unreachable(operation);
      }
    });
    return { kind: 'plan', succeeded, steps };
  };
  return plan(txn);
}

/** Throws RequestError leaseNotFound, keyNotFound if the put must be refused. */
export function checkPut(state: StoreState, { key, lease, ignoreValue, ignoreLease }: PutOperation): void {
  if (lease !== 0n && !state.leases.exists(lease)) throw new RequestError('leaseNotFound');
  if ((ignoreValue || ignoreLease) && state.index.get(key)?.alive !== true) throw new RequestError('keyNotFound');
}

/**
 * A put that keeps the value or lease of its key, which an operation before it in the same transaction has deleted: etcd finds
 * out only when it is too late, and panics.
 */
function checkPutAfter(writes: readonly Write[], { key, ignoreValue, ignoreLease }: PutOperation): void {
  if (!ignoreValue && !ignoreLease) return;
  const last = writes.findLast((write) => (write.kind === 'put' ? write.key === key : inRange(write.range, key)));
  if (last?.kind === 'deleteRange') throw new RequestError('keyNotFound');
}

/** Within a transaction etcd takes only 0 for the newest revision, and a negative one for a revision like any other. */
function checkRange(state: StoreState, { revision }: RangeOperation): void {
  state.revisionToRead(revision, state.currentRevision);
  if (revision < 0 && revision < state.compactRevision) throw new RequestError('compacted');
}

/** Whether carrying it out could change something, whichever branches run. */
export function mayWrite(operation: Operation): boolean {
  if (operation.kind === 'txn') return operation.success.some(mayWrite) || operation.failure.some(mayWrite);
  return operation.kind === 'put' || operation.kind === 'deleteRange';
}

/** Carries out a plan that was made with nothing written since. */
export function executePlan(write: WriteTxn, plan: TxnPlan): TxnResult {
  const results = plan.steps.map((step): OperationResult => {
    switch (step.kind) {
      case 'plan':
        return executePlan(write, step);
      case 'put':
        return write.put(step);
      case 'deleteRange':
        return write.deleteRange(step);
      case 'range':
        return write.range(step);
      default:
        return unreachable(step);
    }
  });
  return { kind: 'txn', succeeded: plan.succeeded, results, revision: write.revision };
}

/** A comparison with a range must hold for every key in it. Where there is none, it is with zeros, and never holds for a value. */
function holds(state: StoreState, { range, result, operand }: Compare): boolean {
  let found = false;
  let all = true;
  state.index.visit(range.key, range.end ?? `${range.key}\0`, (_, entry) => {
    const revision = entry.get(state.currentRevision);
    if (revision === undefined) return true;
    found = true;
    all = matches(result, compareWith(state, revision, operand));
    return all;
  });
  if (found) return all;
  return operand.target !== 'value' && matches(result, compareWith(state, undefined, operand));
}

/** Negative, zero or positive as the store's side is less than, equal to or greater than the operand. */
function compareWith(state: StoreState, revision: KeyRevision | undefined, operand: CompareOperand): number {
  switch (operand.target) {
    case 'version':
      return (revision?.version ?? 0) - operand.number;
    case 'create':
      return (revision?.createRevision ?? 0) - operand.number;
    case 'mod':
      return (revision?.main ?? 0) - operand.number;
    case 'value':
      return compareBytes(pairAt(state, revision).value, operand.value);
    case 'lease': {
      const { lease } = pairAt(state, revision);
      return lease === operand.lease ? 0 : lease < operand.lease ? -1 : 1;
    }
    default:
      return unreachable(operand);
  }
}

function pairAt(state: StoreState, revision: KeyRevision | undefined): KeyValue {
  return decodeKeyValue(revision === undefined ? EMPTY_BYTES : state.record(revision));
}

function matches(result: CompareResult, order: number): boolean {
  switch (result) {
    case 'equal':
      return order === 0;
    case 'notEqual':
      return order !== 0;
    case 'greater':
      return order > 0;
    case 'less':
      return order < 0;
    default:
      return unreachable(result);
  }
}
