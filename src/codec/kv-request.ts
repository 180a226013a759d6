/**
 * The requests of the KV service, from bytes to the plain operations of mvcc/.
 *
 * Keys are copied (into strings). Values are views of the request's bytes: whoever keeps one longer than the request copies it.
 * Fields that we do not know are passed over. Bytes that are not the message throw ProtocolError.
 *
 * Numbers that no enum has:
 *   sort order or target   RequestError invalidSortOption, as etcd 3.7 (unless the key is empty, which is refused first)
 *   result of a compare    holds for every key that there is something to compare of: etcd looks for a reason to fail
 *   target of a compare    compares 0 with 0
 */

import { type Bytes, EMPTY_BYTES, type Key, type KeyRange, RequestError, rangeOf } from '../base/index.ts';
import type {
  Compare,
  CompareOperand,
  CompareResult,
  DeleteRangeOperation,
  Operation,
  PutOperation,
  RangeOperation,
  SortOrder,
  SortTarget,
  TxnOperation,
} from '../mvcc/index.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';

/**
 * Transactions within transactions, at most. Each costs an operation of its parent's budget (max-txn-ops, 128), so that what
 * lies deeper would be refused for that; here the stack is guarded.
 */
export const NESTED_TXNS_MAX = 1000;

export interface CompactionOperation {
  readonly kind: 'compaction';
  readonly revision: number;
  /** Answer only when the old revisions are really gone. */
  readonly physical: boolean;
}

const SORT_ORDERS: readonly SortOrder[] = ['none', 'ascend', 'descend'];
const SORT_TARGETS: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value'];
const COMPARE_RESULTS: readonly CompareResult[] = ['equal', 'greater', 'less', 'notEqual'];

export function decodeRange(bytes: Bytes): RangeOperation {
  let key: Key = '';
  let rangeEnd: Key = '';
  let limit = 0;
  let revision = 0;
  let order = 0;
  let target = 0;
  let serializable = false;
  let keysOnly = false;
  let countOnly = false;
  let minModRevision = 0;
  let maxModRevision = 0;
  let minCreateRevision = 0;
  let maxCreateRevision = 0;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) key = reader.key();
    else if (field === 2) rangeEnd = reader.key();
    else if (field === 3) limit = reader.number();
    else if (field === 4) revision = reader.number();
    else if (field === 5) order = reader.number();
    else if (field === 6) target = reader.number();
    else if (field === 7) serializable = reader.bool();
    else if (field === 8) keysOnly = reader.bool();
    else if (field === 9) countOnly = reader.bool();
    else if (field === 10) minModRevision = reader.number();
    else if (field === 11) maxModRevision = reader.number();
    else if (field === 12) minCreateRevision = reader.number();
    else if (field === 13) maxCreateRevision = reader.number();
    else reader.skip();
  }
  const sortOrder = SORT_ORDERS[order];
  const sortTarget = SORT_TARGETS[target];
  if (sortOrder === undefined || sortTarget === undefined) {
    throw new RequestError(key === '' ? 'emptyKey' : 'invalidSortOption');
  }
  return {
    kind: 'range',
    range: rangeOf(key, rangeEnd),
    // A negative limit is none.
    limit: Math.max(limit, 0),
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  };
}

export function decodePut(bytes: Bytes): PutOperation {
  let key: Key = '';
  let value = EMPTY_BYTES;
  let lease = 0n;
  let prevKv = false;
  let ignoreValue = false;
  let ignoreLease = false;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        key = reader.key();
        break;
      case 2:
        value = reader.bytes();
        break;
      case 3:
        lease = reader.bigint();
        break;
      case 4:
        prevKv = reader.bool();
        break;
      case 5:
        ignoreValue = reader.bool();
        break;
      case 6:
        ignoreLease = reader.bool();
        break;
      default:
        reader.skip();
    }
  }
  return { kind: 'put', key, value, lease, prevKv, ignoreValue, ignoreLease };
}

export function decodeDeleteRange(bytes: Bytes): DeleteRangeOperation {
  let key: Key = '';
  let rangeEnd: Key = '';
  let prevKv = false;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) key = reader.key();
    else if (reader.field === 2) rangeEnd = reader.key();
    else if (reader.field === 3) prevKv = reader.bool();
    else reader.skip();
  }
  return { kind: 'deleteRange', range: rangeOf(key, rangeEnd), prevKv };
}

/** Throws RequestError tooManyOps beyond NESTED_TXNS_MAX. */
export function decodeTxn(bytes: Bytes): TxnOperation {
  return txnAt(bytes, 0);
}

function txnAt(bytes: Bytes, depth: number): TxnOperation {
  if (depth > NESTED_TXNS_MAX) throw new RequestError('tooManyOps');
  const compare: Compare[] = [];
  const success: Operation[] = [];
  const failure: Operation[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) compare.push(decodeCompare(reader.bytes()));
    else if (reader.field === 2) success.push(requestOp(reader.bytes(), depth));
    else if (reader.field === 3) failure.push(requestOp(reader.bytes(), depth));
    else reader.skip();
  }
  return { kind: 'txn', compare, success, failure };
}

/** RequestOp: one of four. If several are given, the last counts. */
function requestOp(bytes: Bytes, depth: number): Operation {
  let operation: Operation = { kind: 'empty' };
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) operation = decodeRange(reader.bytes());
    else if (reader.field === 2) operation = decodePut(reader.bytes());
    else if (reader.field === 3) operation = decodeDeleteRange(reader.bytes());
    else if (reader.field === 4) operation = txnAt(reader.bytes(), depth + 1);
    else reader.skip();
  }
  return operation;
}

/** The compare's operand as it is on the wire: which of the five was given last, and what it holds. */
interface WireOperand {
  readonly target: CompareOperand['target'] | undefined;
  readonly number: number;
  readonly value: Bytes;
  readonly lease: bigint;
}

const NO_OPERAND: WireOperand = { target: undefined, number: 0, value: EMPTY_BYTES, lease: 0n };

/** By the number of the enum CompareTarget. */
const COMPARE_TARGETS: readonly CompareOperand['target'][] = ['version', 'create', 'mod', 'value', 'lease'];

function decodeCompare(bytes: Bytes): Compare {
  let key: Key = '';
  let rangeEnd: Key = '';
  let result = 0;
  let target = 0;
  let operand = NO_OPERAND;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        result = reader.number();
        break;
      case 2:
        target = reader.number();
        break;
      case 3:
        key = reader.key();
        break;
      case 4:
        operand = { ...NO_OPERAND, target: 'version', number: reader.number() };
        break;
      case 5:
        operand = { ...NO_OPERAND, target: 'create', number: reader.number() };
        break;
      case 6:
        operand = { ...NO_OPERAND, target: 'mod', number: reader.number() };
        break;
      case 7:
        operand = { ...NO_OPERAND, target: 'value', value: reader.bytes() };
        break;
      case 8:
        operand = { ...NO_OPERAND, target: 'lease', lease: reader.bigint() };
        break;
      case 64:
        rangeEnd = reader.key();
        break;
      default:
        reader.skip();
    }
  }
  return compareOf(rangeOf(key, rangeEnd), result, target, operand);
}

function compareOf(range: KeyRange, resultNumber: number, targetNumber: number, operand: WireOperand): Compare {
  const result = COMPARE_RESULTS[resultNumber];
  const target = COMPARE_TARGETS[targetNumber];
  if (target === undefined) return decided(range, result === undefined || result === 'equal');
  if (result === undefined) {
    // The value of a key that is not there compares with nothing; any other property of it is 0.
    return target === 'value'
      ? { range, result: 'greater', operand: { target: 'version', number: 0 } }
      : decided(range, true);
  }
  // An operand of another kind than the target asks for counts as not given.
  const { number, value, lease } = operand.target === target ? operand : NO_OPERAND;
  if (target === 'value') return { range, result, operand: { target, value } };
  if (target === 'lease') return { range, result, operand: { target, lease } };
  return { range, result, operand: { target, number } };
}

/** A compare that always holds, or never: no version is below 0. */
function decided(range: KeyRange, holds: boolean): Compare {
  return { range, result: holds ? 'greater' : 'less', operand: { target: 'version', number: holds ? -1 : 0 } };
}

export function decodeCompaction(bytes: Bytes): CompactionOperation {
  let revision = 0;
  let physical = false;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) revision = reader.number();
    else if (reader.field === 2) physical = reader.bool();
    else reader.skip();
  }
  return { kind: 'compaction', revision, physical };
}

/** The bytes of a request that a member makes itself (auto-compaction). */
export function encodeCompaction(compaction: CompactionOperation): Bytes {
  const writer = new ProtoWriter();
  writer.boolField(2, compaction.physical);
  writer.numberField(1, compaction.revision);
  return joined(writer.finish());
}
