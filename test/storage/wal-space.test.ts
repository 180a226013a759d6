/** A disk that runs full under the log, and has room again. */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { below, SeededPrng, SimulatedClock } from '../../src/base/index.ts';
import type { Entry } from '../../src/codec/index.ts';
import { MemoryDisk, Wal, WalWriteError } from '../../src/storage/index.ts';
import { SPARE_RETRY_MS } from '../../src/storage/wal-segment.ts';
import { entry, indexesOf, METADATA } from '../support/wal-entry.ts';

const SEGMENT_BYTES = 4096;
const SEED = Number(process.env['WAL_SPACE_SEED'] ?? 20_260_103);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function opened(): Promise<{ disk: MemoryDisk; wal: Wal; clock: SimulatedClock; told: boolean[] }> {
  const disk = new MemoryDisk();
  await disk.makeDirectory('/d');
  const clock = new SimulatedClock();
  const told: boolean[] = [];
  const onSpaceChange = (isShort: boolean): void => void told.push(isShort);
  const wal = await Wal.create(disk, '/d', METADATA, { segmentBytes: SEGMENT_BYTES, clock, onSpaceChange });
  return { disk, wal, clock, told };
}

/** Appends one after the other until the log says that it is short of space. Returns the last index. */
async function appendUntilShort(wal: Wal): Promise<number> {
  let index = wal.lastIndex;
  while (!wal.isShortOfSpace) {
    await wal.append([entry(++index, 1, 100)]);
    await turn();
    expect(index, 'it never became short').toBeLessThan(1000);
  }
  return index;
}

/** Never rejects. */
async function append(wal: Wal, entries: readonly Entry[]): Promise<string> {
  try {
    await wal.append(entries);
    return 'written';
  } catch (error) {
    return error instanceof WalWriteError ? 'not written' : String(error);
  }
}

test('it is short when a file is half full and there is no room for the next; the other half takes what is under way', async () => {
  const { disk, wal, clock, told } = await opened();
  disk.setFreeBytes(SEGMENT_BYTES - 1);
  const last = await appendUntilShort(wal);
  expect(told).toEqual([true]);
  expect(wal.bytesWritten).toBeGreaterThan(SEGMENT_BYTES * 0.4);
  expect(wal.bytesWritten).toBeLessThan(SEGMENT_BYTES * 0.6);
  for (let index = last + 1; index <= last + 8; index++) await wal.append([entry(index, 1, 100)]);

  disk.setFreeBytes(SEGMENT_BYTES);
  clock.advance(SPARE_RETRY_MS - 1);
  await turn();
  expect(wal.isShortOfSpace).toBe(true);
  clock.advance(1);
  await turn();
  expect(wal.isShortOfSpace).toBe(false);
  expect(told).toEqual([true, false]);
  for (let index = last + 9; index <= last + 20; index++) await wal.append([entry(index, 1, 100)]);
  await wal.close();
  expect(indexesOf(await Wal.open(disk, '/d'))).toBe(`1..${last + 20}`);
});

test('what is under way waits for room, however much it is', async () => {
  const { disk, wal, clock } = await opened();
  disk.setFreeBytes(0);
  const under = Array.from({ length: 100 }, () => undefined).map(async (_, at) => {
    await wal.append([{ ...entry(at + 1), data: new Uint8Array(1000) }]);
    return at + 1;
  });
  // One turn's calls are one group, larger than a file. It goes into the first, or waits for one of its own.
  await turn();
  disk.setFreeBytes(1_000_000);
  for (let i = 0; i < 3; i++) {
    clock.advance(SPARE_RETRY_MS);
    await turn();
  }
  expect(await Promise.all(under)).toHaveLength(100);
  await wal.close();
});

test('a release makes room', async () => {
  const { disk, wal, told } = await opened();
  for (let index = 1; index <= 40; index++) await wal.append([entry(index, 1, 100)]);
  disk.setFreeBytes(0);
  const last = await appendUntilShort(wal);
  await wal.markSnapshot({ index: last, term: 1, confState: new Uint8Array(0) });
  await wal.release(last);
  await turn();
  expect(wal.isShortOfSpace).toBe(false);
  expect(told.at(-1)).toBe(false);
  for (let index = last + 1; index <= last + 30; index++) await wal.append([entry(index, 1, 100)]);
  await wal.close();
});

test('closing does not wait for room: what had to is definitely not written', async () => {
  const { disk, wal, clock } = await opened();
  disk.setFreeBytes(0);
  const results: string[] = [];
  for (let index = 1; index <= 60; index++) {
    void append(wal, [entry(index, 1, 100)]).then((result) => results.push(result));
    if (index % 5 === 0) for (let tick = 0; tick < 3; tick++) await Promise.resolve();
  }
  await turn();
  expect(results.length).toBeLessThan(60);
  await wal.close();
  await turn();
  const written = results.filter((each) => each === 'written').length;
  expect(new Set(results)).toEqual(new Set(['written', 'not written']));
  expect(results).toHaveLength(60);
  expect(clock.nextAt(), 'no timer is left').toBeUndefined();
  expect(indexesOf(await Wal.open(disk, '/d'))).toBe(`1..${written}`);
});

test('a log that is opened when its file is more than half full looks for room at once', async () => {
  const { disk, wal } = await opened();
  disk.setFreeBytes(0);
  for (let index = 1; index <= 15; index++) await wal.append([entry(index, 1, 100)]);
  await wal.close();
  const { wal: again } = await Wal.open(disk, '/d', { segmentBytes: SEGMENT_BYTES });
  await turn();
  expect(again.isShortOfSpace).toBe(true);
  await again.close();
});

test('whenever the disk is full, no append fails; few have to wait if none begins while it is short', async () => {
  let shortAtAll = 0;
  let waited = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new SeededPrng(seed);
      const { disk, wal, clock } = await opened();
      const failures: string[] = [];
      let index = 0;
      let open = 0;
      for (let step = 0; step < 150; step++) {
        const kind = below(random, 20);
        if (kind === 0) disk.setFreeBytes(below(random, 3) === 0 ? 1_000_000 : below(random, SEGMENT_BYTES + 10));
        else if (kind === 1) clock.advance(below(random, SPARE_RETRY_MS));
        else if (kind === 2) await turn();
        else if (wal.isShortOfSpace) shortAtAll++;
        else {
          const count = 1 + below(random, 3);
          const entries = Array.from({ length: count }, () => entry(++index, 1, below(random, 300)));
          open++;
          void append(wal, entries).then((result) => (result === 'written' ? open-- : failures.push(result)));
        }
        const ticks = below(random, 3) === 0 ? below(random, 30) : 0;
        for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      }
      await turn();
      if (open > 0) waited++;
      disk.setFreeBytes(1_000_000);
      for (let i = 0; i < 5; i++) {
        clock.advance(SPARE_RETRY_MS);
        await turn();
      }
      expect(failures).toEqual([]);
      expect(open).toBe(0);
      await wal.close();
      expect(indexesOf(await Wal.open(disk, '/d'))).toBe(`1..${index}`);
    }),
    { seed: SEED, numRuns: 200 },
  );
  expect(shortAtAll, 'the disk was full often enough').toBeGreaterThan(1000);
  expect(waited, 'and some had to wait').toBeGreaterThan(5);
});
