/** Random requests over few keys and small numbers, so that they meet. */

import type { Arbitrary } from 'fast-check';
import * as fc from 'fast-check';
import { bytesOf, type Key, type KeyRange, rangeOf } from '../../src/base/index.ts';
import type {
  Compare,
  CompareOperand,
  DeleteRangeOperation,
  Operation,
  PutOperation,
  RangeOperation,
  TxnOperation,
} from '../../src/mvcc/index.ts';

/** The one lease that there is. */
export const LEASE = 7n;
const UNKNOWN_LEASE = 8n;

const REVISION_MAX = 40;

const key: Arbitrary<Key> = fc.constantFrom('a', 'b', 'c', 'ab', 'd', '\0', '\xff');
const rangeEnd: Arbitrary<Key> = fc.oneof(fc.constant(''), fc.constant('\0'), key);
const range: Arbitrary<KeyRange> = fc.tuple(key, rangeEnd).map(([from, end]) => rangeOf(from, end));
const value = fc.constantFrom('', '1', '2', '10', '\xff').map(bytesOf);
const rarely = (often: number): Arbitrary<boolean> => fc.nat(often).map((n) => n === often);
const revision = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: -2, max: REVISION_MAX }) },
);

export const put: Arbitrary<PutOperation> = fc.record({
  kind: fc.constant('put'),
  key,
  value,
  lease: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0n) },
    { weight: 4, arbitrary: fc.constant(LEASE) },
    { weight: 1, arbitrary: fc.constant(UNKNOWN_LEASE) },
  ),
  prevKv: fc.boolean(),
  ignoreValue: rarely(7),
  ignoreLease: rarely(7),
});

export const deleteRange: Arbitrary<DeleteRangeOperation> = fc.record({
  kind: fc.constant('deleteRange'),
  range,
  prevKv: fc.boolean(),
});

export const rangeOperation: Arbitrary<RangeOperation> = fc.record({
  kind: fc.constant('range'),
  range,
  limit: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 4 })),
  revision,
  sortOrder: fc.constantFrom('none', 'none', 'ascend', 'descend'),
  sortTarget: fc.constantFrom('key', 'key', 'version', 'create', 'mod', 'value'),
  serializable: fc.boolean(),
  keysOnly: rarely(3),
  countOnly: rarely(5),
  minModRevision: revision,
  maxModRevision: revision,
  minCreateRevision: revision,
  maxCreateRevision: revision,
});

const operand: Arbitrary<CompareOperand> = fc.oneof(
  fc.record({
    target: fc.constantFrom('version', 'create', 'mod'),
    number: fc.integer({ min: -1, max: REVISION_MAX }),
  }),
  fc.record({ target: fc.constant('version'), number: fc.nat(3) }),
  fc.record({ target: fc.constant('value'), value }),
  fc.record({ target: fc.constant('lease'), lease: fc.constantFrom(0n, LEASE, -1n) }),
);

const compare: Arbitrary<Compare> = fc.record({
  range,
  result: fc.constantFrom('equal', 'greater', 'less', 'notEqual'),
  operand,
});

function txnOf(operation: Arbitrary<Operation>): Arbitrary<TxnOperation> {
  const branch = fc.array(operation, { maxLength: 4 });
  return fc.record({
    kind: fc.constant('txn'),
    compare: fc.array(compare, { maxLength: 2 }),
    success: branch,
    failure: branch,
  });
}

const empty: Arbitrary<Operation> = fc.constant({ kind: 'empty' });
const simple: Arbitrary<Operation> = fc.oneof(
  { weight: 10, arbitrary: put },
  { weight: 10, arbitrary: deleteRange },
  { weight: 10, arbitrary: rangeOperation },
  { weight: 1, arbitrary: empty },
);

/** Up to three deep. */
export const txn: Arbitrary<TxnOperation> = txnOf(
  fc.oneof({ weight: 3, arbitrary: simple }, { weight: 1, arbitrary: txnOf(fc.oneof(simple, simple, txnOf(simple))) }),
);
