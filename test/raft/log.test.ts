import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry } from '../../src/raft/index.ts';
import { Log } from '../../src/raft/log.ts';

const entry = (index: number, term: number): Entry => ({ kind: 'normal', index, term, data: new Uint8Array(0) });

/** A log as a plain list, and a disk as another: what Log says must be what can be seen in them. */
class Twin {
  entries: Entry[] = [];
  /** The first entry's index - 1. */
  offset = 0;
  commit = 0;
  applying = 0;
  applied = 0;
  disk: Entry[] = [];
  writes: { number: number; entries: Entry[] }[] = [];
  written: Entry[] = [];

  at(index: number): Entry | undefined {
    return this.entries.find((one) => one.index === index);
  }

  /** Up to where the disk has the very entries of the log. */
  get stable(): number {
    let stable = this.offset;
    while (this.at(stable + 1) !== undefined && this.disk.some((one) => one === this.at(stable + 1))) stable++;
    return stable;
  }

  write(number: number): Entry[] {
    const from = this.entries.findIndex((one, i) => this.written[i] !== one);
    const entries = from < 0 ? [] : this.entries.slice(from);
    this.written = [...this.entries];
    if (entries.length > 0) this.writes.push({ number, entries });
    return entries;
  }

  done(number: number): void {
    for (const write of this.writes.filter((one) => one.number <= number)) {
      const first = write.entries[0]?.index ?? 0;
      this.disk = [...this.disk.filter((one) => one.index < first), ...write.entries];
    }
    this.writes = this.writes.filter((one) => one.number > number);
  }
}

type Step = {
  readonly kind: 'append' | 'truncate' | 'commit' | 'write' | 'done' | 'take' | 'applied' | 'compact';
  readonly n: number;
};
const STEPS = fc.array(
  fc.record({
    kind: fc.constantFrom<Step['kind']>(
      'append',
      'append',
      'truncate',
      'commit',
      'write',
      'done',
      'take',
      'applied',
      'compact',
    ),
    n: fc.nat(5),
  }),
  { maxLength: 60, size: 'max' },
);

test('a log tells what is written, stable, to be applied and compacted as two plain lists would', () => {
  fc.assert(
    fc.property(STEPS, (steps) => {
      const log = new Log({ index: 0, term: 0 }, [], 0, 0);
      const twin = new Twin();
      let term = 1;
      let number = 0;
      for (const { kind, n } of steps) {
        const last = log.lastIndex;
        if (kind === 'append') {
          const added = Array.from({ length: n }, (_, i) => entry(last + 1 + i, term));
          log.append(added);
          twin.entries.push(...added);
        } else if (kind === 'truncate' && last - n > log.commit) {
          term++;
          const removed = log.truncate(last - n);
          expect(removed).toEqual(twin.entries.filter((one) => one.index >= last - n));
          twin.entries = twin.entries.filter((one) => one.index < last - n);
        } else if (kind === 'commit') {
          log.commitTo(Math.min(last, log.commit + n));
          twin.commit = Math.min(last, twin.commit + n);
        } else if (kind === 'write') {
          number++;
          expect(log.hasUnwritten).toBe(twin.entries.some((one, i) => twin.written[i] !== one));
          expect(log.takeUnwritten(number)).toEqual(twin.write(number));
        } else if (kind === 'done') {
          log.writesDone(number - n);
          twin.done(number - n);
        } else if (kind === 'take') {
          const taken = log.takeApplicable(32 * n);
          const wanted = twin.entries.filter(
            ({ index }) => index > twin.applying && index <= Math.min(twin.commit, twin.stable),
          );
          expect(taken).toEqual(wanted.slice(0, Math.max(1, n)));
          twin.applying += taken.length;
        } else if (kind === 'applied') {
          twin.applied = Math.min(twin.applying, twin.applied + n);
          log.appliedTo(twin.applied);
        } else if (kind === 'compact' && twin.applied - n > twin.offset) {
          const term = twin.at(twin.applied - n)?.term;
          log.compact(twin.applied - n);
          const gone = twin.applied - n - twin.offset;
          twin.offset += gone;
          twin.entries.splice(0, gone);
          twin.written.splice(0, gone);
          expect(log.offset).toEqual({ index: twin.offset, term });
        }
        expect(log.lastIndex).toBe(twin.offset + twin.entries.length);
        expect(log.stable).toBe(twin.stable);
        expect(log.commit).toBe(twin.commit);
        for (let i = twin.offset + 1; i <= log.lastIndex + 1; i++) expect(log.termAt(i)).toBe(twin.at(i)?.term);
      }
    }),
    { numRuns: 200, seed: 1 },
  );
});

const TERMS = fc
  .array(fc.integer({ min: 1, max: 6 }), { maxLength: 12 })
  .map((terms) => [...terms].sort((a, b) => a - b));
const logOf = (terms: readonly number[]) =>
  new Log(
    { index: 0, term: 0 },
    terms.map((term, i) => entry(i + 1, term)),
    0,
    0,
  );

test('the agreeing index is the highest one, at most index, with a term of at most term', () => {
  fc.assert(
    fc.property(TERMS, fc.nat(14), fc.nat(7), (terms, index, term) => {
      const fits = terms.map((one, i) => ({ one, at: i + 1 })).filter(({ one, at }) => at <= index && one <= term);
      expect(logOf(terms).agreeingIndex(index, term)).toBe(fits.at(-1)?.at ?? 0);
    }),
    { numRuns: 500, seed: 1 },
  );
});

/** Two logs of one cluster: they agree up to some index, and no term that one has alone begins before that. */
test('probing by agreeing indexes never passes over the place where two logs agree, and gets there in as many rounds as there are terms', () => {
  fc.assert(
    fc.property(TERMS, TERMS, TERMS, (common, mine, theirs) => {
      const base = common.at(-1) ?? 0;
      // After the common part each has terms of its own: odd ones here, even ones there.
      const leader = logOf([...common, ...mine.map((term) => base + 2 * term + 1)]);
      const follower = logOf([...common, ...theirs.map((term) => base + 2 * term)]);
      let probe = leader.lastIndex;
      let rounds = 0;
      while (follower.termAt(probe) !== leader.termAt(probe)) {
        const hint = follower.agreeingIndex(probe, leader.termAt(probe) ?? 0);
        const next = leader.agreeingIndex(hint, follower.termAt(hint) ?? 0);
        expect(next).toBeGreaterThanOrEqual(common.length);
        expect(next).toBeLessThan(probe + 1);
        probe = Math.min(probe - 1, next);
        rounds++;
      }
      expect(probe).toBeGreaterThanOrEqual(common.length);
      expect(rounds).toBeLessThanOrEqual(new Set(mine).size + 1);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test('the more complete log is the one with the later last term, then the longer one', () => {
  const log = logOf([1, 1, 3]);
  expect(log.isUpToDate({ index: 3, term: 3 })).toBe(true);
  expect(log.isUpToDate({ index: 4, term: 3 })).toBe(true);
  expect(log.isUpToDate({ index: 1, term: 4 })).toBe(true);
  expect(log.isUpToDate({ index: 2, term: 3 })).toBe(false);
  expect(log.isUpToDate({ index: 9, term: 2 })).toBe(false);
});

test('a log refuses what would break it', () => {
  const log = logOf([1, 1]);
  expect(() => log.append([entry(4, 1)])).toThrow('entry 4 does not follow 2');
  expect(() => log.append([entry(3, 0)])).toThrow('term 0 at 3 is below 1');
  expect(() => log.append([entry(2 ** 53, 1)])).toThrow('below 2^53');
  expect(() => log.commitTo(3)).toThrow("commit 3 is beyond the log's end 2");
  log.commitTo(1);
  expect(() => log.truncate(1)).toThrow('entry 1 cannot be taken back');
  expect(() => log.compact(1)).toThrow('cannot compact to 1');
  expect(() => log.appliedTo(1)).toThrow('applied 1 was never handed out');
  expect(() => log.restore({ index: 1, term: 1 })).toThrow('snapshot 1 is not ahead of commit 1');
});
