/** Every byte of a log is damaged once: it is refused, or nothing of it is lost. And what each kind of end is taken for. */

import { beforeAll, describe, expect, test } from 'vitest';
import { present } from '../../src/base/index.ts';
import {
  encodeHardState,
  encodeWalMetadata,
  findSeal,
  readWalRecord,
  sealAt,
  WalRecordWriter,
} from '../../src/codec/index.ts';
import { MemoryDisk, Wal, WalDamagedError } from '../../src/storage/index.ts';
import { entries, entry, hardState, indexesOf, METADATA, stateOf } from '../support/wal-entry.ts';

const OPTIONS = { segmentBytes: 2048 };

/** Three files, groups of one and of several records, marks, truncation, and an entry over several sectors. */
async function smallLog(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.makeDirectory('/d');
  const wal = await Wal.create(disk, '/d', METADATA, OPTIONS);
  await wal.append(entries(1, 4), hardState(1, 2));
  await wal.append([entry(5, 1, 900)]);
  await wal.append(entries(4, 6, 2), hardState(2, 3));
  await wal.markSnapshot({ index: 2, term: 1, confState: Uint8Array.of(8, 1) });
  await wal.append(entries(7, 9, 2), hardState(2, 9));
  await wal.append([entry(10, 2, 700)], hardState(3, 9));
  await wal.append([{ ...entry(11, 3), data: new Uint8Array(0) }]);
  await wal.append([entry(12, 3, 600), entry(13, 3, 600)]);
  await wal.append(entries(14, 15, 3), hardState(3, 13));
  // Not closed: the last thing in it is the seal of the last group.
  return disk;
}

async function filesOf(disk: MemoryDisk): Promise<readonly string[]> {
  return (await disk.list('/d')).filter((name) => name.endsWith('.wal')).map((name) => `/d/${name}`);
}

/** The state after opening, or the error. */
async function opened(disk: MemoryDisk): Promise<string> {
  try {
    const found = await Wal.open(disk, '/d', OPTIONS);
    return `${stateOf(found)}${found.cut === undefined ? '' : `\ncut ${found.cut.bytes}`}`;
  } catch (error) {
    if (error instanceof WalDamagedError) return 'damaged';
    throw error;
  }
}

describe('a byte is damaged', () => {
  let disk: MemoryDisk;
  let intact: string;
  beforeAll(async () => {
    disk = await smallLog();
    intact = await opened(disk.copy());
    expect((await filesOf(disk)).length).toBe(3);
  });

  test.each<[string, (at: number) => number]>([
    ['all its bits are', () => 0xff],
    ['one of its bits is', (at) => 1 << (at % 8)],
    ['another of its bits is', (at) => 1 << ((at + 3) % 8)],
  ])('%s flipped: refused, or nothing is lost', async (_, maskOf) => {
    const counts = { damaged: 0, intact: 0, cut: 0 };
    for (const file of await filesOf(disk)) {
      for (let at = 0; at < disk.bytesOf(file).length; at++) {
        const copy = disk.copy();
        const bytes = copy.bytesOf(file);
        bytes[at] = (bytes[at] ?? 0) ^ maskOf(at);
        const state = await opened(copy);
        if (state === 'damaged') counts.damaged++;
        else if (state === intact) counts.intact++;
        else {
          // A byte behind the end, or of the last seal: it is cut off, and that is all.
          expect(state.split('\ncut ')[0], `${file} at ${at}`).toBe(intact);
          counts.cut++;
        }
      }
    }
    // 4.6 KB are written; behind the end of the files before the last nothing is looked at.
    expect(counts.damaged).toBeGreaterThan(4000);
    expect(counts.intact).toBeGreaterThan(0);
    expect(counts.cut).toBeGreaterThan(0);
  });

  test('it says where, and what can be done', async () => {
    const file = present((await filesOf(disk))[1], 'the second file');
    const copy = disk.copy();
    const bytes = copy.bytesOf(file);
    const seal = present(findSeal(bytes, 0), 'the first seal');
    bytes[seal.end + 12] = (bytes[seal.end + 12] ?? 0) ^ 1;
    const error: unknown = await Wal.open(copy, '/d', OPTIONS).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(WalDamagedError);
    if (!(error instanceof WalDamagedError)) return;
    expect(error.file).toBe(file);
    expect(error.offset).toBe(seal.end);
    expect(error.message).toContain(`${file} at byte ${seal.end}`);
    expect(error.message).toContain('Restore the data directory from a backup');
  });
});

function lastSealEnd(bytes: Uint8Array): number {
  let last = 0;
  for (let seal = findSeal(bytes, 0); seal !== undefined; seal = findSeal(bytes, seal.end)) last = seal.end;
  return last;
}

describe('the end of the log', () => {
  const path = '/d/0000000000000000-0000000000000000.wal';
  const large = { segmentBytes: 8192 };
  let disk: MemoryDisk;
  /** Where the last group begins and ends, its seal included. */
  let begin: number;
  let end: number;

  /** Entries 1..3 in one group, then 4..6 of 1000 bytes each in the last. */
  beforeAll(async () => {
    disk = new MemoryDisk();
    await disk.makeDirectory('/d');
    const wal = await Wal.create(disk, '/d', METADATA, large);
    await wal.append(entries(1, 3));
    begin = lastSealEnd(disk.bytesOf(path));
    await wal.append(entries(4, 6, 1, 1000));
    end = lastSealEnd(disk.bytesOf(path));
    expect(end - begin).toBeGreaterThan(3000);
  });

  const zeroed = (from: number, to: number): MemoryDisk => {
    const copy = disk.copy();
    copy.bytesOf(path).fill(0, from, to);
    return copy;
  };

  test('a tear of the last group, wherever it is, is cut off, and what was before it stays', async () => {
    for (let tear = begin; tear < end; tear += 3) {
      const copy = zeroed(tear, end);
      const found = await Wal.open(copy, '/d', large);
      // Some of the group's whole records may have come through; nothing was said of them.
      expect(indexesOf(found), `torn at ${tear}`).toMatch(/^1\.\.[3456]$/);
      await found.wal.append([entry(found.wal.lastIndex + 1, 2)]);
      await found.wal.close();
      const again = await Wal.open(copy, '/d', large);
      expect(again.cut).toBeUndefined();
      expect(indexesOf(again)).toMatch(/^1\.\.[3456] [4567]@2/);
    }
  });

  test('any sector of the last group that was not written is a tear', async () => {
    for (let sector = Math.ceil(begin / 512) * 512; sector < end; sector += 512) {
      const found = await Wal.open(zeroed(sector, Math.min(end, sector + 512)), '/d', large);
      expect(found.cut, `sector at ${sector}`).toBeDefined();
      expect(indexesOf(found)).toMatch(/^1\.\.[3456]$/);
    }
    // The one that it shares with the group before, from where it begins.
    const found = await Wal.open(zeroed(begin, Math.ceil(begin / 512) * 512), '/d', large);
    expect(indexesOf(found)).toBe('1..3');
  });

  test('the same tear is damage once something follows the group', async () => {
    for (let sector = Math.ceil(begin / 512) * 512; sector + 512 <= end - 64; sector += 512) {
      const copy = disk.copy();
      const before = await Wal.open(copy, '/d', large);
      await before.wal.append([entry(7)]);
      copy.bytesOf(path).fill(0, sector, sector + 512);
      await expect(Wal.open(copy, '/d', large), `sector at ${sector}`).rejects.toThrow('written later follow');
    }
  });

  test('a clean close says the same: its seal shows that the last group was synced', async () => {
    const copy = disk.copy();
    await (await Wal.open(copy, '/d', large)).wal.close();
    const sector = Math.ceil(begin / 512) * 512;
    copy.bytesOf(path).fill(0, sector, sector + 512);
    await expect(Wal.open(copy, '/d', large)).rejects.toThrow(WalDamagedError);
  });

  test('what a tear has left behind the cut never comes to light', async () => {
    // The first sector of the group is lost, the rest of it is there.
    const copy = zeroed(begin, Math.ceil(begin / 512) * 512);
    const found = await Wal.open(copy, '/d', large);
    expect(found.cut).toEqual({ file: path, offset: begin, bytes: expect.any(Number), reason: expect.any(String) });
    expect(
      copy
        .bytesOf(path)
        .subarray(begin + 64)
        .every((byte) => byte === 0),
    ).toBe(true);
    await found.wal.append(entries(4, 4, 2));
    expect(indexesOf(await Wal.open(copy, '/d', large))).toBe('1..3 4@2..4@2');
  });

  test('a log that ends before what its hard state says was committed has lost something', async () => {
    const writer = new WalRecordWriter();
    writer.begin(0, 1000);
    writer.opening();
    writer.record('metadata', encodeWalMetadata(METADATA));
    for (const each of entries(1, 3)) writer.entry(each);
    writer.record('hardState', encodeHardState(hardState(1, 4)));
    writer.seal(0);
    const copy = new MemoryDisk();
    await copy.makeDirectory('/d');
    const file = await copy.create(path);
    file.write(writer.written, 0);
    await expect(Wal.open(copy, '/d', OPTIONS)).rejects.toThrow('ends with entry 3, but entry 4 was committed');
  });
});

test('a seal is told from a copy of it in the data of a record', () => {
  const file = new Uint8Array(256);
  const seal = Uint8Array.of(18, 0, 0, 0, 0, 0, 0, 0x86, 8, 4, 16, 1, 26, 8, 64, 0, 0, 0, 0, 0, 0, 0);
  // At its own place it would be one byte too long to be read.
  file.set(seal, 64);
  expect(sealAt(64, readWalRecord(file, 64))).toBeUndefined();
  file[64] = 14;
  file[71] = 0x82;
  expect(findSeal(file, 0)?.offset).toBe(64);
  file.copyWithin(128, 64, 96);
  file.fill(0, 64, 96);
  expect(findSeal(file, 0)).toBeUndefined();
});
