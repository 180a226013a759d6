/** LevelDB on a file system that runs full, and has room again. */

import { expect, test } from 'vitest';
import { type Bytes, below, equalBytes, SeededPrng, SimulatedClock } from '../../src/base/index.ts';
import { BATCH_INTERVAL_MS, LevelTable, RecordBackend, ROOM_RETRY_MS } from '../../src/storage/index.ts';
import { SmallFileSystem } from '../support/small-file-system.ts';

const MiB = 1024 * 1024;
const VALUE_BYTES = 4000;
const MAIN_MAX = 8000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Of which little can be compressed. */
const noise = Uint8Array.from(
  { length: 2 * VALUE_BYTES },
  (
    (prng) => () =>
      below(prng, 256)
  )(new SeededPrng(1)),
);

/** Another one for each record. */
function valueOf(main: number): Uint8Array {
  const value = noise.slice(main % VALUE_BYTES, (main % VALUE_BYTES) + VALUE_BYTES);
  for (let at = 0; at < VALUE_BYTES; at += 2) value[at] = (value[at] ?? 0) ^ Math.imul(main, at + 1);
  return value;
}

const isSame = (value: Bytes | undefined, main: number): boolean =>
  value !== undefined && equalBytes(value, valueOf(main));

test.each([
  ['with no room for a record of the log', 1.5 * MiB],
  ['with room for a log, and none for what is written out of it', 12 * MiB],
])('%s: all can be read all the while, nothing is lost, and it goes on by itself', async (_, freeBytes) => {
  const files = await SmallFileSystem.mount(64 * MiB);
  if (files === undefined) return;
  const path = `${files.path}/db`;
  const clock = new SimulatedClock();
  const random = new SeededPrng(20_260_111);
  const told: boolean[] = [];
  const open = async (): Promise<RecordBackend> =>
    RecordBackend.open(await LevelTable.open(path), {
      onFailure: (error) => expect.unreachable(error.message),
      onSpaceChange: (isFull) => void told.push(isFull),
      cacheBytes: MiB,
      clock,
    });
  try {
    const backend = await open();
    let main = 1;
    const put = async (): Promise<number> => {
      main++;
      backend.putRecord(main, 0, false, valueOf(main));
      backend.commit({ index: main, term: 1 });
      if (main % 20 === 0) clock.advance(BATCH_INTERVAL_MS);
      await turn();
      return main;
    };
    const readSome = (): void => {
      for (let count = 0; count < 5; count++) {
        const at = 2 + below(random, main - 1);
        if (!isSame(backend.getRecord(at, 0), at)) expect.unreachable(`record ${at} is not as it was written`);
      }
    };
    while ((await put()) < 1000);
    await backend.checkpoint();
    await files.leaveFree(freeBytes);
    while ((await put()) < MAIN_MAX && told.length === 0);
    expect(told).toEqual([true]);
    for (let more = 0; more < 100; more++) {
      await put();
      readSome();
    }
    // In vain as yet.
    clock.advance(ROOM_RETRY_MS);
    for (let turns = 0; turns < 200; turns++) {
      await turn();
      readSome();
    }
    expect(told).toEqual([true]);

    await files.free();
    while (told.length < 2) {
      clock.advance(ROOM_RETRY_MS);
      await turn();
      readSome();
    }
    for (let more = 0; more < 100; more++) await put();
    expect((await backend.checkpoint()).index).toBe(main);
    expect(told).toEqual([true, false]);
    await backend.close();

    const again = await open();
    expect(again.applied.index).toBe(main);
    let last = 1;
    for await (const records of again.scan()) {
      for (const record of records) {
        expect(record.main).toBe(++last);
        expect(isSame(record.keyValue, last)).toBe(true);
      }
    }
    expect(last).toBe(main);
    await again.close();
  } finally {
    await files.unmount();
  }
});
