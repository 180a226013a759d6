/**
 * Crashes at random moments of random work. A model keeps every record in the order in which it was handed over, and how
 * many of them were acknowledged. After a crash the log must hold what some number of them comes to: at least all that were
 * acknowledged, at most all that were handed over, none left out in between.
 */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { below, present, SeededPrng } from '../../src/base/index.ts';
import type { Entry, HardState, SnapshotMark } from '../../src/codec/index.ts';
import { MemoryDisk, type RecoveredWal, Wal, WalDamagedError } from '../../src/storage/index.ts';
import { entry, METADATA, stateOf } from '../support/wal-entry.ts';

const SEGMENT_BYTES = 4096;
const SEED = Number(process.env['WAL_CRASH_SEED'] ?? 20_260_101);
const RUNS = Number(process.env['WAL_CRASH_RUNS'] ?? 150);

type Record =
  | { readonly entry: Entry }
  | { readonly hardState: HardState }
  | { readonly mark: SnapshotMark }
  | { readonly reset: SnapshotMark };

/** What a log of these records comes to: the rules of the log, said as plainly as can be. */
function modelState(records: readonly Record[]): string {
  let hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  let mark: SnapshotMark = { index: 0, term: 0, confState: new Uint8Array(0) };
  let entries: Entry[] = [];
  for (const record of records) {
    if ('hardState' in record) hardState = record.hardState;
    else if ('reset' in record) {
      mark = record.reset;
      entries = [];
    } else if ('mark' in record) {
      mark = record.mark;
      entries = entries.filter(({ index }) => index > mark.index);
    } else {
      const replaced = record.entry.index;
      entries = [...entries.filter(({ index }) => index < replaced), record.entry];
    }
  }
  return stateOf({ metadata: METADATA, hardState, snapshotMark: mark, entries });
}

class Life {
  disk: MemoryDisk;
  readonly random: SeededPrng;
  wal: Wal;
  records: Record[] = [];
  acknowledged = 0;
  /** As of the last record handed over. */
  lastIndex = 0;
  floor = 0;
  term = 1;
  #serial = 0;

  constructor(disk: MemoryDisk, wal: Wal, random: SeededPrng) {
    this.disk = disk;
    this.wal = wal;
    this.random = random;
  }

  #pick(bound: number): number {
    return below(this.random, bound);
  }

  async hand(records: readonly Record[], done: Promise<void>): Promise<void> {
    this.records.push(...records);
    const upTo = this.records.length;
    const [appended] = await Promise.allSettled([done]);
    if (appended.status === 'fulfilled') this.acknowledged = Math.max(this.acknowledged, upTo);
  }

  append(): Promise<void> {
    const truncates = this.#pick(6) === 0 && this.lastIndex > this.floor;
    const first = truncates ? this.floor + 1 + this.#pick(this.lastIndex - this.floor) : this.lastIndex + 1;
    if (truncates) this.term++;
    const count = this.#pick(5);
    const entries = Array.from({ length: count }, (_, i) => {
      const filling = this.#pick(8) === 0 ? this.#pick(2500) : this.#pick(80);
      return {
        ...entry(first + i, this.term, filling),
        data: new TextEncoder().encode(`${this.#serial++}${'x'.repeat(filling)}`),
      };
    });
    if (count > 0) this.lastIndex = first + count - 1;
    let hardState: HardState | undefined;
    if (count === 0 || this.#pick(2) === 0) {
      this.floor += this.#pick(this.lastIndex - this.floor + 1);
      hardState = { term: this.term, vote: BigInt(this.#serial++), commit: this.floor };
    }
    const records: Record[] = entries.map((each) => ({ entry: each }));
    if (hardState !== undefined) records.push({ hardState });
    return this.hand(records, this.wal.append(entries, hardState));
  }

  mark(): Promise<void> {
    const installs = this.#pick(10) === 0;
    const index = installs ? this.lastIndex + this.#pick(20) : this.floor;
    this.lastIndex = Math.max(this.lastIndex, index);
    this.floor = Math.max(this.floor, index);
    const mark = { index, term: this.term, confState: new TextEncoder().encode(`${this.#serial++}`) };
    return this.hand([{ mark }], this.wal.markSnapshot(mark));
  }

  /** A snapshot takes the place of the log. It may be behind the log's end, whose entries were never committed then. */
  reset(): Promise<void> {
    this.lastIndex = this.floor + 1 + this.#pick(this.lastIndex - this.floor + 10);
    this.floor = this.lastIndex;
    const mark = { index: this.lastIndex, term: ++this.term, confState: new TextEncoder().encode(`${this.#serial++}`) };
    return this.hand([{ reset: mark }], this.wal.resetTo(mark));
  }

  /** After a crash: what was handed over and did not come through has never been. */
  revive(found: RecoveredWal, kept: number): void {
    this.wal = found.wal;
    this.records = this.records.slice(0, kept);
    this.acknowledged = kept;
    this.lastIndex = found.wal.lastIndex;
    this.floor = Math.max(found.hardState.commit, found.snapshotMark.index);
  }
}

async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

/** Opens the log and finds the number of records that it holds. */
async function recover(life: Life, what: string): Promise<void> {
  const found = await Wal.open(life.disk, '/d', { segmentBytes: SEGMENT_BYTES });
  const state = stateOf(found);
  let kept = life.acknowledged;
  while (kept <= life.records.length && modelState(life.records.slice(0, kept)) !== state) kept++;
  if (kept > life.records.length) {
    expect(state, `${what}: ${life.acknowledged} of ${life.records.length} records were acknowledged`).toBe(
      modelState(life.records.slice(0, life.acknowledged)),
    );
  }
  life.revive(found, kept);
}

async function live(steps: readonly number[], seed: number): Promise<Life> {
  const disk = new MemoryDisk();
  await disk.makeDirectory('/d');
  const options = { segmentBytes: SEGMENT_BYTES };
  const life = new Life(disk, await Wal.create(disk, '/d', METADATA, options), new SeededPrng(seed));
  const pending: Promise<void>[] = [];
  for (const [at, step] of steps.entries()) {
    if (step < 60) pending.push(life.append());
    else if (step < 66) pending.push(life.mark());
    else if (step >= 96) pending.push(life.reset());
    else if (step < 76) pending.push(life.wal.release(below(life.random, life.lastIndex + 1)).catch(() => undefined));
    else if (step < 84) await Promise.all(pending.splice(0));
    else if (step < 88) {
      await Promise.all(pending.splice(0));
      await life.wal.close();
      await recover(life, `step ${at}, closed`);
    } else {
      await ticks(below(life.random, 120));
      life.disk = life.disk.crash(life.random);
      await recover(life, `step ${at}, crashed`);
      pending.length = 0;
    }
  }
  await Promise.all(pending);
  return life;
}

const work = fc.array(fc.nat({ max: 100 }), { minLength: 5, maxLength: 60, size: 'max' });

test('whatever was acknowledged is there after any crash, and nothing else but what followed it', async () => {
  await fc.assert(
    fc.asyncProperty(work, fc.nat(), async (steps, seed) => {
      await live(steps, seed);
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

test('damage to a closed log is refused, or takes nothing away', async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(work, fc.nat(), async (steps, seed) => {
      const life = await live(steps, seed);
      await life.wal.close();
      const intact = modelState(life.records);
      for (let i = 0; i < 10; i++) {
        const disk = life.disk.copy();
        const files = (await disk.list('/d')).filter((name) => name.endsWith('.wal'));
        const bytes = disk.bytesOf(`/d/${present(files[below(life.random, files.length)], 'a file')}`);
        const at = below(life.random, bytes.length);
        // No longer than a seal: of two seals at the end one is left. More cannot be told from a tear (wal-reader.ts).
        const length = 1 + below(life.random, 32);
        for (let byte = at; byte < Math.min(bytes.length, at + length); byte++) {
          bytes[byte] = (bytes[byte] ?? 0) ^ (1 + below(life.random, 255));
        }
        try {
          expect(stateOf(await Wal.open(disk, '/d', { segmentBytes: SEGMENT_BYTES }))).toBe(intact);
        } catch (error) {
          if (!(error instanceof WalDamagedError)) throw error;
          refused++;
        }
      }
    }),
    { seed: SEED, numRuns: RUNS / 3 },
  );
  expect(refused).toBeGreaterThan(RUNS / 3);
});
