/** Compact, what can be read around it, and the hash of what is left. */

import {
  compact,
  del,
  differs,
  type Fields,
  hash,
  noted,
  opPut,
  opRange,
  put,
  range,
  type Step,
  type Transcript,
  txn,
} from '../exchange.ts';

/** Revisions 2 to 9: a written three times, b written, deleted and written again, c written and deleted. */
const history: readonly Step[] = [
  put('a', '1'),
  put('b', '1'),
  put('c', '1'),
  put('a', '2'),
  del('b'),
  del('c'),
  put('b', '2'),
  put('a', '3'),
];

const everywhere = (fields: Fields = {}): readonly Step[] =>
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((revision) => range('a', { range_end: 'z', revision, ...fields }));
const hashes = (compacted?: number): readonly Step[] =>
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((revision) =>
    revision === compacted ? differs('hashAtCompaction', hash(revision)) : hash(revision),
  );

export const compactions: readonly Transcript[] = [
  {
    name: 'compaction of an empty store',
    steps: [compact(0), compact(1), compact(2), compact(-1), range('a'), range('a', { revision: 1 }), hash(0)],
  },
  {
    name: 'compaction, step by step',
    steps: [
      ...history,
      ...hashes(),
      ...[3, 4, 6, 7, 9].flatMap((revision) => [
        noted('wait until it is gone', compact(revision, { physical: true })),
        ...everywhere(),
        ...hashes(revision),
      ]),
    ],
  },
  {
    name: 'compaction: refusals',
    steps: [
      ...history,
      compact(10),
      compact(1_000_000),
      compact(5, { physical: true }),
      compact(5),
      compact(5, { physical: true }),
      compact(4),
      compact(0),
      compact(-3),
      ...everywhere({ serializable: true }),
      ...everywhere({ count_only: true }),
      txn({ success: [opRange('a', { revision: 4 })] }),
      txn({ success: [opRange('a', { revision: 5 })] }),
      noted('a write does not help', txn({ success: [opPut('w', '1'), opRange('a', { revision: 3 })] })),
      noted('nothing of it was done', range('w')),
      noted('the newest revision', compact(9, { physical: true })),
      ...everywhere(),
      put('a', '4'),
      range('a', { revision: 9 }),
      range('a', { revision: 10 }),
      hash(0),
    ],
  },
  {
    name: 'compaction of a key that is gone',
    steps: [
      put('k', '1'),
      del('k'),
      noted('at its deletion', compact(3, { physical: true })),
      range('k', { revision: 3 }),
      hash(0),
      put('other', '1'),
      noted('after its deletion', compact(4, { physical: true })),
      range('k'),
      hash(0),
      put('k', '2'),
      range('k'),
      hash(0),
    ],
  },
];
