import { describe, expect, test } from 'vitest';
import { checkWatches, RevisionLog } from '../../../cluster/checker/index.ts';
import { Follower, filled, nameIn, outcomeOf, PREFIX, Record, Slots } from '../../../cluster/workload/index.ts';
import { SeededPrng, Status } from '../../../src/base/index.ts';
import { ClientError, CompactedError, type WatchBatch, type WatchEvent } from '../../../src/client/index.ts';
import { del, put, read, unanswered } from '../checker/histories.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('values', () => {
  test('a value tells the name of its write', () => {
    expect(nameIn(bytes(filled('w3-14')))).toBe('w3-14');
    expect(filled('w3-14').length).toBe(500);
  });

  test('a value that was damaged on its way is no value of a write', () => {
    const whole = filled('w3-14');
    for (const damaged of [whole.slice(1), whole.slice(0, -1), `${whole}x`, whole.replace(/.$/, '#'), '']) {
      expect(nameIn(bytes(damaged))).toBe(damaged);
    }
  });
});

describe('slots', () => {
  test('clients meet on few keys, and each key has a bounded history', () => {
    const slots = new Slots();
    const prng = new SeededPrng(1);
    const uses = new Map<string, number>();
    for (let i = 0; i < 5000; i++) {
      const { key, other } = slots.draw(prng);
      expect(other).not.toBe(key);
      uses.set(key, (uses.get(key) ?? 0) + 1);
    }
    expect(Math.max(...uses.values())).toBe(250);
    expect(uses.size).toBeLessThan(30);
  });

  test('a swap expects what was seen last, of the key that is in use', () => {
    const slots = new Slots();
    slots.saw('chaos/0/0', 'a');
    slots.saw('chaos/0/9', 'b');
    const prng = new SeededPrng(1);
    const drawn = Array.from({ length: 100 }, () => slots.draw(prng)).filter(({ key }) => key === 'chaos/0/0');
    expect(new Set(drawn.map(({ value }) => value))).toEqual(new Set(['a']));
  });
});

describe('the record', () => {
  test('how many writes were acknowledged in each second, and the longest time without', () => {
    const record = new Record(1000);
    record.add(put('a', '1', [1000, 1100], 2));
    record.add(put('a', '2', [1000, 1900], 3));
    record.add(read('a', '2', [2000, 2100], 3));
    record.add(del('a', false, [2000, 2200], 3));
    record.add(unanswered(put('a', '3', [2000, 0])));
    record.add(put('a', '4', [2000, 4500], 4));
    record.close(5000);
    expect(record.writesPerSecond).toEqual([2, 0, 0, 1]);
    expect(record.longestStall).toEqual({ fromMs: 900, ms: 2600 });
    expect(Object.fromEntries(record.tallies)).toEqual({
      'put ok': 3,
      'read ok': 1,
      'delete ok': 1,
      'put unknown': 1,
    });
    expect(record.byKey.get('a')).toHaveLength(6);
  });

  test('a time without writes that lasts until the end counts, and nothing after the end', () => {
    const record = new Record(0);
    record.add(put('a', '1', [0, 100], 2));
    record.close(700);
    record.add(put('a', '2', [800, 9000], 3));
    expect(record.longestStall).toEqual({ fromMs: 100, ms: 600 });
    expect(record.writesPerSecond).toEqual([1]);
  });
});

test('what a failed call lets its caller conclude', () => {
  expect(outcomeOf(new ClientError(Status.unavailable, 'No connection established'))).toBe('failed');
  expect(outcomeOf(new ClientError(Status.unavailable, 'etcdserver: request timed out'))).toBe('unknown');
  expect(outcomeOf(new ClientError(Status.deadlineExceeded, 'Deadline exceeded'))).toBe('unknown');
  expect(() => outcomeOf(new TypeError('a mistake'))).toThrow('a mistake');
});

const NO_LEASE = { createRevision: 0, version: 0, lease: 0n };

const event = (revision: number, key: string, name: string | undefined, before = 0): WatchEvent => ({
  type: name === undefined ? 'delete' : 'put',
  kv: { key: bytes(key), value: bytes(name === undefined ? '' : filled(name)), modRevision: revision, ...NO_LEASE },
  previous: before === 0 ? undefined : { key: bytes(key), value: bytes(''), modRevision: before, ...NO_LEASE },
});

type Script = readonly (WatchBatch | Error)[];

/** A stream whose watches play one script each. */
function scripted(...scripts: readonly Script[]) {
  const asked: (number | undefined)[] = [];
  return {
    asked,
    reconnections: 0,
    requestProgress: () => {},
    watch(_key: string, options: { readonly startRevision?: number | undefined }) {
      const script = scripts[asked.length] ?? [];
      asked.push(options.startRevision);
      return {
        async *batches() {
          for (const step of script) {
            if (step instanceof Error) throw step;
            yield await Promise.resolve(step);
          }
        },
      };
    },
  };
}

const PLAN = { name: 'n1: all', prefix: PREFIX, without: undefined, prevKv: true, slow: false, from: 2 } as const;

describe('a follower', () => {
  test('keeps what it is told, by revision', async () => {
    const log = new RevisionLog();
    const stream = scripted([
      { revision: 3, events: [event(2, 'chaos/0/0', 'a'), event(3, 'chaos/0/0', 'b', 2), event(3, 'chaos/1/0', 'b')] },
      { revision: 6, events: [] },
      { revision: 7, events: [event(7, 'chaos/0/0', undefined, 3)] },
    ]);
    const follower = new Follower(PLAN, stream, log);
    await follower.follow();
    expect(follower.revisions).toEqual([2, 3, 7]);
    expect(follower.progress).toEqual([{ after: 2, revision: 6 }]);
    expect(log.at(3)).toEqual([
      { type: 'put', key: 'chaos/0/0', value: 'b' },
      { type: 'put', key: 'chaos/1/0', value: 'b' },
    ]);
    expect(log.at(7)).toEqual([{ type: 'delete', key: 'chaos/0/0', value: '' }]);
    expect(follower.previous.map(({ previous }) => previous)).toEqual([0, 2, 0, 3]);
    expect(checkWatches([follower], log, 7, 0).findings.texts).toEqual([]);
  });

  test('goes on after a compaction, with a gap', async () => {
    const stream = scripted(
      [{ revision: 2, events: [event(2, 'chaos/0/0', 'a')] }, new CompactedError(9)],
      [{ revision: 9, events: [event(9, 'chaos/0/0', 'b')] }],
    );
    const follower = new Follower(PLAN, stream, new RevisionLog());
    await follower.follow();
    expect(stream.asked).toEqual([2, 9]);
    expect(follower.gaps).toEqual([{ from: 3, to: 9 }]);
    expect(follower.failure).toBeUndefined();
  });

  test('a cancel for a compaction that does not concern it is a failure, and so is any other', async () => {
    const needless = new Follower(PLAN, scripted([new CompactedError(2)]), new RevisionLog());
    await needless.follow();
    expect(needless.failure).toBe('the revisions before 2 have been compacted');
    const refused = new Follower(PLAN, scripted([new Error('permission denied')]), new RevisionLog());
    await refused.follow();
    expect(refused.failure).toBe('permission denied');
  });

  test('only those that watch everything make the log', async () => {
    const log = new RevisionLog();
    const plan = { ...PLAN, prefix: 'chaos/1/' };
    await new Follower(plan, scripted([{ revision: 2, events: [event(2, 'chaos/1/0', 'a')] }]), log).follow();
    expect(log.last).toBe(0);
  });
});
