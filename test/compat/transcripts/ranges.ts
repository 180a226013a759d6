/** Range: each option, and how they meet. */

import { del, differs, type Fields, noted, put, range, type Step, type Transcript } from '../exchange.ts';

/**
 * Six keys whose orders by key, version, creation, modification and value are all different.
 *
 *     key   created  modified  version  value
 *     a        2        8         2      m
 *     b        3        3         1      z
 *     c        4       10         3      a
 *     d        5        5         1      m
 *     e        6        6         1      (empty)
 *     f       11       11         1      k         (deleted and made anew)
 */
const sixKeys: readonly Step[] = [
  put('a', 'x'),
  put('b', 'z'),
  put('c', 'c'),
  put('d', 'm'),
  put('e', ''),
  put('f', 'old'),
  put('a', 'm'),
  put('c', 'b'),
  put('c', 'a'),
  put('f', 'k'),
];

const ALL: Fields = { range_end: 'z' };

const targets = ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'];
const orders = ['NONE', 'ASCEND', 'DESCEND'];
const limits = [0, 1, 3, 6, 7];
const filters: readonly Fields[] = [
  {},
  { min_mod_revision: 5 },
  { max_mod_revision: 8 },
  { min_create_revision: 4 },
  { max_create_revision: 5 },
  { min_mod_revision: 4, max_mod_revision: 10, min_create_revision: 3, max_create_revision: 6 },
  { min_mod_revision: 100 },
];

/** Every way to sort with every limit and every filter. */
const sorted: readonly Step[] = targets.flatMap((sort_target) =>
  orders.flatMap((sort_order) =>
    limits.flatMap((limit) =>
      filters.map((filter) => range('a', { ...ALL, sort_target, sort_order, limit, ...filter })),
    ),
  ),
);

/** What is left out of the answer, with sorts, limits and filters. */
const shortened: readonly Step[] = [
  { keys_only: true },
  { count_only: true },
  { keys_only: true, count_only: true },
].flatMap((what) =>
  [
    {},
    { limit: 2 },
    { limit: 2, sort_order: 'DESCEND' },
    { sort_order: 'DESCEND', sort_target: 'MOD' },
    { sort_order: 'ASCEND', sort_target: 'VALUE', limit: 3 },
    { min_mod_revision: 6 },
    { min_mod_revision: 6, limit: 1 },
    { revision: 6 },
    { range_end: '' },
  ].map((fields) => range('a', { ...ALL, ...what, ...fields })),
);

/** The shapes of key and range_end. */
const shapes: readonly Step[] = [
  range('a'),
  range('nothing'),
  range('a', { range_end: 'b' }),
  range('a', { range_end: 'c' }),
  noted('up to and with c', range('a', { range_end: 'c\0' })),
  noted('after a', range('a\0', { range_end: 'd' })),
  noted('from c on', range('c', { range_end: '\0' })),
  noted('from beyond the last on', range('x', { range_end: '\0' })),
  noted('everything', range('\0', { range_end: '\0' })),
  noted('from the first possible key to b', range('\0', { range_end: 'b' })),
  noted('the one key of a zero byte', range('\0')),
  noted('an end before the start', range('d', { range_end: 'b' })),
  noted('an end that is the start', range('b', { range_end: 'b' })),
  noted('an end before the start, counted', range('d', { range_end: 'b', count_only: true })),
  noted('bytes above those of text', range('\xff', { range_end: '\0' })),
  noted('a negative limit', range('a', { ...ALL, limit: -1 })),
  noted('a negative limit with a sort', range('a', { ...ALL, limit: -3, sort_order: 'DESCEND' })),
  noted('serializable', range('a', { ...ALL, serializable: true })),
  noted('serializable at an old revision', range('a', { ...ALL, serializable: true, revision: 5 })),
  noted('a limit of as many as there are', range('a', { ...ALL, limit: 6 })),
  noted('a limit of more', range('a', { ...ALL, limit: 1000 })),
];

/** Every revision, from before the first to after the newest, of a range and of one key. */
const revisions: readonly Step[] = [-5, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 1_000_000].flatMap(
  (revision) => [range('a', { ...ALL, revision }), range('f', { revision })],
);

const refused: readonly Step[] = [
  range(''),
  range('', { range_end: 'b' }),
  noted('no key is worse than an unknown sort', range('', { sort_order: 7 })),
  differs('unknownSort', range('a', { sort_order: 7 })),
  differs('unknownSort', range('a', { sort_order: -1 })),
  // An unknown target makes etcd 3.4 end itself, so it cannot be asked for one.
  noted('worse than a revision of the future', differs('unknownSort', range('a', { sort_order: 3, revision: 99 }))),
  range('a', { revision: 99, serializable: true }),
  range('a', { revision: 99, count_only: true }),
  range('a', { revision: 99, range_end: '\0', limit: 1 }),
];

/** Keys whose order shows whether bytes are compared as bytes. */
const oddKeys = [
  '\x01',
  '\0\0',
  'a\0',
  'a\0\0',
  'a\xff',
  '\x7f',
  '\x80',
  '\xff',
  '\xff\xff',
  ' ',
  '\xc3\xa4',
  '\xf0\x9f',
];

export const ranges: readonly Transcript[] = [
  {
    name: 'range of an empty store',
    steps: [
      range('a'),
      range('\0', { range_end: '\0' }),
      range('a', { revision: 1 }),
      range('a', { revision: 2 }),
      range('a', { count_only: true, range_end: 'z' }),
    ],
  },
  { name: 'range: sorts, limits and filters', steps: [...sixKeys, ...sorted] },
  { name: 'range: keys only and count only', steps: [...sixKeys, ...shortened] },
  { name: 'range: shapes', steps: [...sixKeys, ...shapes] },
  {
    name: 'range: old revisions',
    steps: [...sixKeys.slice(0, 6), del('f'), ...sixKeys.slice(6), ...revisions],
  },
  { name: 'range: refusals', anywhere: true, steps: [put('a', '1'), ...refused, range('a')] },
  {
    name: 'range: keys that are not text',
    anywhere: true,
    steps: [
      ...oddKeys.map((key) => put(key, key)),
      range('\0', { range_end: '\0' }),
      range('\0', { range_end: '\0', sort_order: 'DESCEND', sort_target: 'VALUE' }),
      range('a', { range_end: 'b' }),
      range('\xff', { range_end: '\0' }),
      range('a\xff', { range_end: '\xff\xff' }),
      ...oddKeys.map((key) => range(key)),
    ],
  },
];
