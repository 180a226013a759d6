/** Txn: comparisons, branches, what is refused, and what its own operations see of each other. */

import {
  del,
  differs,
  type Fields,
  hash,
  noted,
  opDel,
  opPut,
  opRange,
  opTxn,
  put,
  range,
  type Step,
  type Transcript,
  txn,
} from '../exchange.ts';

/** a: created 2, modified 4, version 2, value 'm'. b: 3, 3, 1, 'z'. Deleted: d. */
const someKeys: readonly Step[] = [put('a', 'x'), put('b', 'z'), put('a', 'm'), put('d', 'gone'), del('d')];

const results = ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'];

/** What each target may be compared with: below, at and above what a has. */
const operands: readonly (readonly [target: string, field: string, values: readonly (number | string)[]])[] = [
  ['VERSION', 'version', [0, 1, 2, 3]],
  ['CREATE', 'create_revision', [0, 2, 3]],
  ['MOD', 'mod_revision', [0, 3, 4, 5]],
  ['VALUE', 'value', ['', 'a', 'm', 'z']],
  ['LEASE', 'lease', [0, 1]],
];

/** The answer says only whether the comparison held. */
const compares: readonly Step[] = operands.flatMap(([target, field, values]) =>
  results.flatMap((result) =>
    values.flatMap((value) =>
      [
        { key: 'a' },
        { key: 'missing' },
        { key: 'a', range_end: 'c' },
        { key: 'x', range_end: 'z' },
        { key: 'a', range_end: '\0' },
      ].map((keys) => txn({ compare: [{ ...keys, target, result, [field]: value }] })),
    ),
  ),
);

const compareOddities: readonly Step[] = [
  noted('no comparison at all', txn({})),
  noted('nothing to compare with', txn({ compare: [{ key: 'a', target: 'VERSION', result: 'EQUAL' }] })),
  noted('the wrong kind of operand', txn({ compare: [{ key: 'a', target: 'VALUE', result: 'EQUAL', version: 2 }] })),
  noted('the wrong kind of operand', txn({ compare: [{ key: 'a', target: 'MOD', result: 'EQUAL', value: 'm' }] })),
  noted('value of nothing', txn({ compare: [{ key: 'missing', target: 'VALUE', result: 'NOT_EQUAL', value: 'm' }] })),
  noted('unknown target', txn({ compare: [{ key: 'a', target: 17, result: 'EQUAL', version: 2 }] })),
  noted('unknown result', txn({ compare: [{ key: 'a', target: 'VERSION', result: 17, version: 2 }] })),
  noted('no key', txn({ compare: [{ key: '', target: 'VERSION', result: 'EQUAL', version: 2 }] })),
  noted(
    'all must hold',
    txn({
      compare: [
        { key: 'a', target: 'VERSION', result: 'EQUAL', version: 2 },
        { key: 'b', target: 'VERSION', result: 'EQUAL', version: 2 },
      ],
      success: [opPut('no', 'no')],
      failure: [opRange('b')],
    }),
  ),
  noted(
    'an empty range',
    txn({ compare: [{ key: 'z', range_end: 'a', target: 'VERSION', result: 'EQUAL', version: 9 }] }),
  ),
];

const held: Fields = { compare: [{ key: 'a', target: 'CREATE', result: 'GREATER', create_revision: 0 }] };
const failed: Fields = { compare: [{ key: 'a', target: 'CREATE', result: 'EQUAL', create_revision: 0 }] };

const operations: readonly Step[] = [
  txn({ ...held, success: [opPut('c', '1'), opPut('e', '2'), opRange('c'), opDel('b', { prev_kv: true })] }),
  txn({ ...failed, success: [opPut('no', '1')], failure: [opPut('yes', '1', { prev_kv: true })] }),
  noted(
    'later operations see earlier ones',
    txn({ success: [opPut('s', '1'), opRange('s'), opDel('t'), opRange('\0', { range_end: '\0', count_only: true })] }),
  ),
  noted('a put after a range', txn({ success: [opRange('s'), opPut('s', '2'), opRange('s')] })),
  noted(
    'a range at an old revision',
    txn({ success: [opPut('s', '3'), opRange('s', { revision: 3 }), opRange('a', { revision: 3 })] }),
  ),
  noted('reads only', txn({ success: [opRange('a'), opRange('\0', { range_end: '\0', limit: 2 }), opRange('zz')] })),
  noted('reads only, serializable', txn({ success: [opRange('a', { serializable: true })] })),
  noted('reads of a revision', txn({ success: [opRange('a', { revision: 2 }), opRange('a', { revision: 4 })] })),
  noted(
    'sorted, filtered',
    txn({
      success: [
        opRange('a', { range_end: 'z', sort_order: 'DESCEND', sort_target: 'MOD', limit: 2, min_mod_revision: 3 }),
      ],
    }),
  ),
  noted('keys only', txn({ success: [opRange('a', { range_end: 'z', keys_only: true })] })),
  noted('a delete of nothing changes nothing', txn({ success: [opDel('nothing')] })),
  noted(
    'several deletes',
    txn({ success: [opDel('c'), opDel('e', { prev_kv: true }), opDel('e0', { range_end: 'f' })] }),
  ),
  noted(
    'two operations of one revision',
    txn({ success: [opPut('m1', '1'), opPut('m2', '2', { prev_kv: true }), opDel('m3')] }),
  ),
  range('m1', { range_end: 'n' }),
  noted('keep the value', txn({ success: [opPut('m1', '', { ignore_value: true, prev_kv: true })] })),
  noted('a delete, and what is read of it', txn({ success: [opDel('m1'), opRange('m1', { range_end: 'n' })] })),
  noted('a delete of what it has just put', txn({ success: [opPut('q1', '1'), opTxn({ success: [opRange('q1')] })] })),
  hash(0),
];

const nested: readonly Step[] = [
  txn({ success: [opTxn({ success: [opPut('n', '1'), opRange('n')] })] }),
  txn({ success: [opTxn({ ...failed, success: [opPut('n', 'no')], failure: [opPut('n', '2', { prev_kv: true })] })] }),
  noted(
    'the inner comparison sees what the outer one did before',
    txn({
      success: [
        opPut('o', '1'),
        opTxn({
          compare: [{ key: 'o', target: 'VALUE', result: 'EQUAL', value: '1' }],
          success: [opPut('p', 'seen')],
          failure: [opPut('p', 'not seen')],
        }),
        opRange('p'),
      ],
    }),
  ),
  noted(
    'three deep',
    txn({ success: [opTxn({ success: [opTxn({ success: [opTxn({ success: [opPut('deep', '3')] })] })] })] }),
  ),
  noted('empty inside', txn({ success: [opTxn({}), opTxn({ success: [opTxn({})] })] })),
  noted('siblings', txn({ success: [opTxn({ success: [opPut('x1', '1')] }), opTxn({ success: [opPut('x2', '2')] })] })),
  noted(
    'the other branch may name the same key',
    txn({ success: [opTxn({ success: [opPut('y', '1')], failure: [opPut('y', '2')] })] }),
  ),
  noted('reads only', txn({ success: [opTxn({ success: [opRange('a')] }), opRange('b')] })),
  noted(
    'an inner delete',
    txn({ success: [opTxn({ success: [opDel('x', { range_end: 'y' })] }), opRange('x', { range_end: 'y' })] }),
  ),
  range('\0', { range_end: '\0' }),
  hash(0),
];

const puts = (count: number): readonly Fields[] => Array.from({ length: count }, (_, i) => opPut(`k${i}`, '1'));

const refused: readonly Step[] = [
  noted('two puts of one key', txn({ success: [opPut('a', '1'), opPut('a', '2')] })),
  noted('in the branch that is not done', txn({ failure: [opPut('a', '1'), opPut('a', '2')] })),
  noted('put and delete', txn({ success: [opPut('a', '1'), opDel('a')] })),
  noted('delete and put', txn({ success: [opDel('a'), opPut('a', '1')] })),
  noted('a range that holds it', txn({ success: [opPut('b', '1'), opDel('a', { range_end: 'c' })] })),
  noted('a range that ends at it', txn({ success: [opPut('c', '1'), opDel('a', { range_end: 'c' })] })),
  noted('from a key on', txn({ success: [opPut('x', '1'), opDel('b', { range_end: '\0' })] })),
  noted('in a nested one', txn({ success: [opPut('a', '1'), opTxn({ success: [opPut('a', '2')] })] })),
  noted(
    'in two nested ones',
    txn({ success: [opTxn({ success: [opPut('a', '1')] }), opTxn({ success: [opPut('a', '2')] })] }),
  ),
  noted(
    'in a nested branch that is not done',
    txn({ success: [opPut('a', '1'), opTxn({ failure: [opPut('a', '2')] })] }),
  ),
  noted('a nested delete', txn({ success: [opPut('a', '1'), opTxn({ success: [opDel('a')] })] })),
  noted('a nested put', txn({ success: [opDel('a', { range_end: 'c' }), opTxn({ success: [opPut('b', '1')] })] })),
  noted('two deletes of one key are allowed', txn({ success: [opDel('zz'), opDel('zz')] })),
  noted('128 operations', txn({ success: puts(128) })),
  noted('129 operations', txn({ success: puts(129) })),
  noted('129 in the other branch', txn({ failure: puts(129) })),
  noted(
    '129 comparisons',
    txn({
      compare: Array.from({ length: 129 }, () => ({ key: 'a', target: 'VERSION', result: 'GREATER', version: 0 })),
    }),
  ),
  noted(
    '128 comparisons',
    txn({
      compare: Array.from({ length: 128 }, () => ({ key: 'a', target: 'VERSION', result: 'GREATER', version: 0 })),
    }),
  ),
  noted('128 within one', txn({ success: [opTxn({ success: puts(128) })] })),
  noted('127 within one', txn({ success: [opTxn({ success: puts(127) })] })),
  noted('127 within one, beside another', txn({ success: [opTxn({ success: puts(127) }), opPut('other', '1')] })),
  noted('no key to put', txn({ success: [opPut('', '1')] })),
  noted('no key to read', txn({ success: [opRange('')] })),
  noted('no key to delete', txn({ success: [opDel('')] })),
  noted('a value that is not wanted', txn({ success: [opPut('a', '1', { ignore_value: true })] })),
  noted('a lease that is not wanted', txn({ success: [opPut('a', '1', { ignore_lease: true, lease: 3 })] })),
  noted('no value to keep', txn({ success: [opPut('before', '1'), opPut('none', '', { ignore_value: true })] })),
  noted('nothing of it was done', range('before')),
  noted('an unknown lease', txn({ success: [opPut('before', '1'), opPut('a', '1', { lease: 77 })] })),
  noted('nothing of it was done', range('before')),
  noted('no operation in the operation', txn({ success: [{}] })),
  noted('nor in the nested one', txn({ success: [opTxn({ success: [{}] })] })),
  differs('unknownSort', txn({ success: [opRange('a', { sort_order: 9 })] })),
  noted('a future revision', txn({ success: [opRange('a', { revision: 1000 })] })),
  noted('a future revision beside a put', txn({ success: [opPut('before', '1'), opRange('a', { revision: 1000 })] })),
  noted('nothing of it was done', range('before')),
  noted('before the beginning', txn({ success: [opRange('a', { revision: -1 })] })),
  noted('long before the beginning', txn({ success: [opRange('a', { revision: -5 })] })),
  noted('long before the beginning, beside a put', txn({ success: [opPut('w', '1'), opRange('a', { revision: -5 })] })),
  noted('no key in the nested one', txn({ success: [opTxn({ success: [opPut('', '1')] })] })),
  noted(
    'no key in the nested comparison',
    txn({ success: [opTxn({ compare: [{ key: '', target: 'VERSION', result: 'EQUAL', version: 0 }] })] }),
  ),
  hash(0),
];

export const txns: readonly Transcript[] = [
  { name: 'txn: comparisons', steps: [...someKeys, ...compares] },
  { name: 'txn: odd comparisons', anywhere: true, steps: [...someKeys, ...compareOddities] },
  { name: 'txn: operations', steps: [...someKeys, ...operations] },
  { name: 'txn: nested', anywhere: true, steps: [...someKeys, ...nested] },
  { name: 'txn: refusals', anywhere: true, steps: [...someKeys, ...refused] },
];
