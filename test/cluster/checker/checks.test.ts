import { describe, expect, test } from 'vitest';
import {
  type Check,
  checkHashes,
  checkLog,
  checkPairs,
  checkReads,
  checkStore,
  checkWatches,
  checkWrites,
} from '../../../cluster/checker/index.ts';
import { del, deleted, logOf, pair, put, read, refused, swap, toldOf, unanswered, wrote } from './histories.ts';

const texts = ({ findings }: Check): readonly string[] => findings.texts;

describe('the log', () => {
  test('every revision has been told, by all alike', () => {
    const log = logOf([wrote('a', '1')], [wrote('b', '2')]);
    log.add('another', 3, [wrote('b', '2')]);
    expect(texts(checkLog(log, 1))).toEqual([]);
    expect(checkLog(log, 1).count).toBe(2);
  });

  test('a revision that nobody was told of', () => {
    const log = logOf([wrote('a', '1')]);
    log.add('w', 4, [wrote('b', '2')]);
    expect(texts(checkLog(log, 1))).toEqual(['nobody was told of revision 3']);
  });

  test('members that tell different things of a revision', () => {
    const log = logOf([wrote('a', '1')]);
    log.add('w', 2, [wrote('a', '9')]);
    expect(texts(checkLog(log, 1))).toEqual([
      'the watchers disagree: w was told of put a = 9 at revision 2, others of put a = 1',
    ]);
  });

  test('what a key was at a revision, whatever the order in which it was told', () => {
    const log = logOf();
    log.add('w', 5, [deleted('a')]);
    log.add('w', 2, [wrote('a', '1')]);
    log.add('w', 4, [wrote('a', '2')]);
    expect([1, 2, 3, 4, 5, 9].map((revision) => log.stateOf('a', revision)?.value)).toEqual([
      undefined,
      '1',
      '1',
      '2',
      undefined,
      undefined,
    ]);
  });
});

describe('writes', () => {
  const log = logOf([wrote('a', '1')], [wrote('a', '2'), wrote('b', '2')], [deleted('a')], [wrote('b', '3')]);
  const good = [
    put('a', '1', [0, 1], 2),
    pair('a', 'b', '2', [2, 3], 3),
    del('a', true, [4, 5], 4),
    swap('b', ['2', '3'], { swapped: true }, [6, 7], 5),
  ];

  test('all are there', () => {
    expect(texts(checkWrites(good, log))).toEqual([]);
    expect(texts(checkPairs(good, log))).toEqual([]);
  });

  test('an acknowledged write that is lost', () => {
    const lost = checkWrites([...good, put('a', '9', [8, 9], 6)], log);
    expect(texts(lost)).toEqual(['the acknowledged put a = 9 of revision 6 is gone']);
  });

  test('an acknowledged write whose place another has', () => {
    expect(texts(checkWrites([...good, put('c', '9', [8, 9], 5)], log))).toEqual([
      'put c = 9 was acknowledged at revision 5, where there is put b = 3',
    ]);
  });

  test('an acknowledged delete that did not happen', () => {
    expect(texts(checkWrites([...good, del('b', true, [8, 9], 6)], log))).toEqual([
      'the acknowledged delete b of revision 6 is gone',
    ]);
  });

  test('a write that was refused and is there', () => {
    const operations = good.map((operation) => (operation.kind === 'put' ? refused(operation) : operation));
    expect(texts(checkWrites(operations, log))).toEqual(['1 was refused, and is there at revision 2']);
  });

  test('a write of nobody', () => {
    expect(texts(checkWrites(good.slice(1), log))).toEqual(['1 was put at revision 2 by nobody']);
  });

  test('a swap that was answered as not made, and is there', () => {
    const operations = [...good.slice(0, 3), swap('b', ['x', '3'], { swapped: false, seen: '2' }, [6, 7], 4)];
    expect(texts(checkWrites(operations, log))).toEqual(['3 was not to be swapped in, and is there at revision 5']);
  });

  test('an unanswered write may be there, or not, but not twice', () => {
    const unknown = unanswered(put('a', '1', [0, 0]));
    expect(texts(checkWrites([unknown], logOf([wrote('a', '1')])))).toEqual([]);
    expect(texts(checkWrites([unknown], logOf()))).toEqual([]);
    expect(texts(checkWrites([unknown], logOf([wrote('a', '1')], [wrote('a', '1')])))).toEqual([
      '1 was put once, and is there at revision 2 and 3',
    ]);
  });

  test('an unanswered delete may be there, one that was never asked for may not', () => {
    const twice = logOf([wrote('a', '1')], [deleted('a')]);
    const first = put('a', '1', [0, 1], 2);
    expect(texts(checkWrites([first, unanswered(del('a', false, [2, 2]))], twice))).toEqual([]);
    expect(texts(checkWrites([first], twice))).toEqual(['a was deleted 0 times, perhaps 0; there are 1']);
  });

  test('half of a transaction that nobody answered', () => {
    const half = logOf([wrote('a', '2')], [wrote('b', '2')]);
    expect(texts(checkPairs([unanswered(pair('a', 'b', '2', [0, 0]))], half))).toEqual([
      'revision 2 has put a = 2, of a transaction of put a = 2, put b = 2',
      'revision 3 has put b = 2, of a transaction of put a = 2, put b = 2',
    ]);
  });
});

describe('reads', () => {
  const log = logOf([wrote('a', '1')], [wrote('a', '2')], [deleted('a')]);
  const writes = [put('a', '1', [0, 1], 2), put('a', '2', [2, 3], 3), del('a', true, [4, 5], 4)];

  test('answers of their revision, as new as they must be', () => {
    const reads = [
      read('a', '1', [1.5, 1.8], 2),
      read('a', '2', [2.5, 2.6], 3),
      read('a', undefined, [6, 7], 4),
      { ...read('a', '1', [6, 7], 2), serializable: true },
    ];
    expect(texts(checkReads([...writes, ...reads], log))).toEqual([]);
  });

  test('an answer that is not what was there at its revision', () => {
    expect(texts(checkReads([...writes, read('a', '2', [6, 7], 4)], log))).toEqual([
      'a read of a at revision 4 saw 2, where there is undefined',
    ]);
  });

  test('an answer of a revision that was overtaken before it was asked for', () => {
    expect(texts(checkReads([...writes, read('a', '2', [6, 7], 3)], log))).toEqual([
      'a read of a is of revision 3, after 4 was acknowledged',
    ]);
  });

  test('a write that gets a revision below one that was acknowledged', () => {
    const late = put('b', 'x', [6, 7], 4);
    expect(texts(checkReads([...writes, late], log))).toEqual([
      'a put of b is of revision 4, after 4 was acknowledged',
    ]);
  });

  test('a serializable answer that never was', () => {
    const wrong = { ...read('a', '7', [6, 7], 3), serializable: true };
    expect(texts(checkReads([...writes, wrong], log))).toHaveLength(1);
  });

  test('a swap that was not made tells what was there', () => {
    const right = swap('a', ['x', 'y'], { swapped: false, seen: '2' }, [3.1, 3.2], 3);
    const wrong = swap('a', ['x', 'y'], { swapped: false, seen: '1' }, [3.1, 3.2], 3);
    expect(texts(checkReads([...writes, right], log))).toEqual([]);
    expect(texts(checkReads([...writes, wrong], log))).toHaveLength(1);
  });
});

describe('watches', () => {
  const log = logOf([wrote('a', '1')], [wrote('b', '2')], [wrote('a', '3'), wrote('b', '3')], [deleted('a')]);
  const judged = (...watchers: readonly ReturnType<typeof toldOf>[]): readonly string[] =>
    texts(checkWatches(watchers, log, 5, 0));

  test('all of it, once, in order', () => {
    expect(judged(toldOf(log, [2, 3, 4, 5]))).toEqual([]);
    expect(judged(toldOf(log, [2, 4, 5], { prefix: 'a' }))).toEqual([]);
    expect(judged(toldOf(log, [2, 3, 4], { without: 'delete' }))).toEqual([]);
    expect(judged(toldOf(log, [5], { without: 'put' }))).toEqual([]);
    expect(judged(toldOf(log, [4, 5], { from: 4 }))).toEqual([]);
  });

  test('an event that is lost: in the middle, at the end, all', () => {
    expect(judged(toldOf(log, [2, 4, 5]))).toEqual(['w: was never told of revision 3']);
    expect(judged(toldOf(log, [2, 3, 4]))).toEqual(['w: was never told of revision 5']);
    expect(judged(toldOf(log, []))).toHaveLength(4);
  });

  test('an event that is doubled', () => {
    expect(judged(toldOf(log, [2, 3, 3, 4, 5]))).toEqual(['w: was told of revision 3 twice']);
    expect(judged(toldOf(log, [2, 3, 4, 5, 5]))).toEqual(['w: was told of revision 5 twice']);
  });

  test('events out of order', () => {
    expect(judged(toldOf(log, [2, 4, 3, 5]))).toEqual([
      'w: was never told of revision 3',
      'w: was told of revision 3 out of order',
    ]);
  });

  test('an event that does not concern it', () => {
    expect(judged(toldOf(log, [2, 3, 4, 5], { prefix: 'a' }))).toEqual(['w: was told of revision 3 wrongly']);
  });

  test('a revision of which only a part was told', () => {
    const part = toldOf(log, [2, 3, 4, 5]);
    const other = toldOf(log, [4], { prefix: 'a' });
    const marks = part.marks.with(2, other.marks[0] ?? 0);
    expect(judged({ ...part, marks })).toEqual(['w: was told of other events at revision 4']);
  });

  test('a gap of a compaction that was asked for, and others', () => {
    const gapped = toldOf(log, [2, 4, 5], { gaps: [{ from: 3, to: 4 }] });
    expect(texts(checkWatches([gapped], log, 5, 4))).toEqual([]);
    expect(texts(checkWatches([gapped], log, 5, 3))).toEqual([
      'w: was cancelled for a compaction at 4, which nobody asked for',
    ]);
    const needless = toldOf(log, [2, 3, 4, 5], { gaps: [{ from: 4, to: 3 }] });
    expect(texts(checkWatches([needless], log, 5, 4))).toHaveLength(1);
    const more = toldOf(log, [2, 5], { gaps: [{ from: 3, to: 4 }] });
    expect(texts(checkWatches([more], log, 5, 4))).toEqual(['w: was never told of revision 4']);
    const twice = toldOf(log, [5], {
      gaps: [
        { from: 2, to: 3 },
        { from: 3, to: 5 },
      ],
    });
    expect(texts(checkWatches([twice], log, 5, 5))).toEqual([]);
  });

  test('progress that is ahead of events', () => {
    const told = (after: number, revision: number): ReturnType<typeof toldOf> =>
      toldOf(log, [2, 3, 4, 5], { progress: [{ after, revision }] });
    expect(judged(told(2, 3))).toEqual([]);
    expect(judged(told(4, 9))).toEqual([]);
    expect(judged(told(2, 4))).toEqual(['w: was told that all up to revision 4 had come, and then of revision 4']);
  });

  test('a watch that ended', () => {
    expect(judged(toldOf(log, [2, 3, 4, 5], { failure: 'no more' }))).toEqual(['w: its watch ended: no more']);
  });

  test('what was there before an event', () => {
    const told = (previous: number): ReturnType<typeof toldOf> =>
      toldOf(log, [2, 3, 4, 5], { previous: [{ revision: 4, key: 'a', previous }] });
    expect(judged(told(2))).toEqual([]);
    expect(judged(told(3))).toEqual(['w: was told that before revision 4 a was of revision 3, not 2']);
    expect(judged(told(0))).toHaveLength(1);
    expect(texts(checkWatches([told(0)], log, 5, 4))).toEqual([]);
  });
});

describe('stores', () => {
  const log = logOf([wrote('a', '1')], [wrote('b', '2')], [deleted('a')]);

  test('the store against the log', () => {
    expect(texts(checkStore(new Map([['b', '2']]), log, 4))).toEqual([]);
    expect(texts(checkStore(new Map([['a', '1']]), log, 4))).toHaveLength(2);
    expect(texts(checkStore(new Map([['a', '1']]), log, 2))).toEqual([]);
  });

  test('hashes', () => {
    const equal = new Map<string, number | string>([
      ['n1', 7],
      ['n2', 7],
    ]);
    expect(texts(checkHashes(equal))).toEqual([]);
    expect(texts(checkHashes(new Map([...equal, ['n3', 8]])))).toEqual([
      'the hash of n3 is 8, that of another member 7',
    ]);
    expect(texts(checkHashes(new Map([...equal, ['n3', 'no answer']])))).toHaveLength(1);
  });
});
