/** What the log must do, on whatever disk. */

import { expect, test } from 'vitest';
import { InvariantError } from '../../src/base/index.ts';
import { type Disk, type RecoveredWal, Wal, WalDamagedError, WalWriteError } from '../../src/storage/index.ts';
import { entries, entry, hardState, indexesOf, METADATA } from '../support/wal-entry.ts';
import type { DiskUnderTest } from './disk.suite.ts';

/** Small, so that a test fills several. */
const SEGMENT_BYTES = 4096;
const OPTIONS = { segmentBytes: SEGMENT_BYTES };

/** Closes and opens. */
async function reopened(wal: Wal, disk: Disk, directory: string): Promise<RecoveredWal> {
  await wal.close();
  return Wal.open(disk, directory, OPTIONS);
}

async function segments(disk: Disk, directory: string): Promise<readonly string[]> {
  return (await disk.list(directory)).filter((file) => file.endsWith('.wal'));
}

export function walSuite(name: string, make: () => Promise<DiskUnderTest>): void {
  const withDisk = (what: string, run: (disk: Disk, directory: string) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const { disk, directory, dispose } = await make();
      try {
        await run(disk, directory);
      } finally {
        await dispose();
      }
    });
  };

  withDisk('a new log is empty and knows whose it is', async (disk, directory) => {
    const { wal, ...found } = await reopened(await Wal.create(disk, directory, METADATA, OPTIONS), disk, directory);
    expect(found).toEqual({
      metadata: METADATA,
      hardState: { term: 0, vote: 0n, commit: 0 },
      snapshotMark: { index: 0, term: 0, confState: new Uint8Array(0) },
      entries: [],
      cut: undefined,
    });
    expect(wal.lastIndex).toBe(0);
    expect(await disk.list(directory)).toEqual(['0000000000000000-0000000000000000.wal']);
    await wal.close();
  });

  withDisk('entries and hard states come back as they were', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    const appended = [
      ...entries(1, 3),
      { ...entry(4, 7), type: 'confChange' as const },
      { ...entry(5, 7), type: 'confChangeV2' as const, data: new Uint8Array(0) },
      { ...entry(6, 2 ** 40), data: new Uint8Array(300).fill(0xff) },
    ];
    await wal.append(appended.slice(0, 2), hardState(1, 0));
    await wal.append(appended.slice(2));
    await wal.append([], hardState(2 ** 40, 5));
    expect(wal.lastIndex).toBe(6);

    const found = await reopened(wal, disk, directory);
    expect(found.entries).toEqual(appended);
    expect(found.hardState).toEqual(hardState(2 ** 40, 5));
    expect(found.cut).toBeUndefined();
    expect(found.wal.lastIndex).toBe(6);
    await found.wal.append([entry(7)]);
    const again = await reopened(found.wal, disk, directory);
    expect(again.entries).toEqual([...appended, entry(7)]);
    await again.wal.close();
  });

  withDisk('an entry with an index that was there replaces that one and all after it', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    await wal.append(entries(1, 9));
    await wal.append(entries(4, 6, 2));
    await wal.append(entries(6, 7, 3));
    const found = await reopened(wal, disk, directory);
    expect(indexesOf(found)).toBe('1..3 4@2..5@2 6@3..7@3');
    expect(found.wal.lastIndex).toBe(7);
    await found.wal.close();
  });

  withDisk('a gap in the indexes is a broken invariant', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    const first = wal.append(entries(1, 3));
    expect(() => wal.append([entry(5)])).toThrow(InvariantError);
    expect(() => wal.append([entry(4), entry(6)])).toThrow(InvariantError);
    expect(() => wal.append([entry(0)])).toThrow(InvariantError);
    expect(() => wal.append([entry(4)], hardState(1, 5))).toThrow(InvariantError);
    await first;
    await wal.append([entry(4)], hardState(1, 4));
    expect(indexesOf(await reopened(wal, disk, directory))).toBe('1..4');
  });

  withDisk('reading begins after the snapshot mark', async (disk, directory) => {
    const confState = Uint8Array.of(0x08, 0x01);
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    await wal.append(entries(1, 9));
    await wal.markSnapshot({ index: 6, term: 1, confState });
    await wal.append(entries(10, 12));
    const found = await reopened(wal, disk, directory);
    expect(found.snapshotMark).toEqual({ index: 6, term: 1, confState });
    expect(indexesOf(found)).toBe('7..12');
    await found.wal.close();
  });

  withDisk('a snapshot mark beyond the last entry begins a new log there', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    await wal.append(entries(1, 9));
    await wal.markSnapshot({ index: 100, term: 3, confState: new Uint8Array(0) });
    expect(wal.lastIndex).toBe(100);
    await wal.append(entries(101, 103, 3), hardState(3, 101));
    const found = await reopened(wal, disk, directory);
    expect(indexesOf(found)).toBe('101@3..103@3');
    await found.wal.close();
  });

  withDisk('a full file is followed by the next, named as etcd names them', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    for (let index = 1; index <= 100; index++) await wal.append([entry(index, 1, 100)], hardState(1, index));
    const names = await segments(disk, directory);
    expect(names.length).toBeGreaterThan(3);
    for (const [at, file] of names.entries()) {
      expect(file).toMatch(new RegExp(`^${at.toString(16).padStart(16, '0')}-[0-9a-f]{16}\\.wal$`));
      const opened = await disk.open(`${directory}/${file}`);
      expect(await opened.sizeBytes()).toBe(SEGMENT_BYTES);
      await opened.close();
    }
    const found = await reopened(wal, disk, directory);
    expect(indexesOf(found)).toBe('1..100');
    expect(found.hardState).toEqual(hardState(1, 100));
    await found.wal.close();
  });

  withDisk('files with nothing but released entries go; no other does', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    for (let index = 1; index <= 100; index++) await wal.append([entry(index, 1, 100)]);
    const before = await segments(disk, directory);
    await wal.release(100);
    expect(await segments(disk, directory), 'nothing is marked yet').toEqual(before);

    await wal.markSnapshot({ index: 50, term: 1, confState: new Uint8Array(0) });
    await wal.release(100);
    const after = await segments(disk, directory);
    expect(after.length).toBeLessThan(before.length);
    expect(after).toEqual(before.slice(-after.length));
    // The first file that is left begins at or before entry 51, the second after it.
    expect(Number.parseInt(after[0]?.slice(17, 33) ?? '', 16)).toBeLessThanOrEqual(51);
    expect(Number.parseInt(after[1]?.slice(17, 33) ?? '', 16)).toBeGreaterThan(51);

    const found = await reopened(wal, disk, directory);
    expect(indexesOf(found)).toBe('51..100');
    await found.wal.markSnapshot({ index: 100, term: 1, confState: new Uint8Array(0) });
    await found.wal.release(100);
    expect(await segments(disk, directory)).toHaveLength(1);
    const again = await reopened(found.wal, disk, directory);
    expect(indexesOf(again)).toBe('');
    expect(again.wal.lastIndex).toBe(100);
    await again.wal.append([entry(101)]);
    expect(indexesOf(await reopened(again.wal, disk, directory))).toBe('101..101');
  });

  withDisk('hard state and snapshot mark outlive the files that they were written to', async (disk, directory) => {
    const confState = Uint8Array.of(0x08, 0x01);
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    await wal.append(entries(1, 10), hardState(3, 9));
    await wal.markSnapshot({ index: 10, term: 1, confState });
    // Does not fit beside them.
    await wal.append([entry(11, 1, 3500)]);
    await wal.append([entry(12, 1, 3500)]);
    await wal.release(10);
    const names = await segments(disk, directory);
    expect(names.map((file) => file.slice(0, 16))).toEqual(['0000000000000001', '0000000000000002']);
    const found = await reopened(wal, disk, directory);
    expect(found.hardState).toEqual(hardState(3, 9));
    expect(found.snapshotMark).toEqual({ index: 10, term: 1, confState });
    expect(indexesOf(found)).toBe('11..12');
    await found.wal.close();
  });

  withDisk('files that are used again show nothing of what was in them', async (disk, directory) => {
    let wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    let index = 0;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 10; i++) await wal.append([entry(++index, 1, 10 * round)], hardState(1, index));
      const keep = index - 3;
      await wal.markSnapshot({ index: keep, term: 1, confState: new Uint8Array(0) });
      await wal.release(keep);
      const found = await reopened(wal, disk, directory);
      expect(indexesOf(found)).toBe(`${keep + 1}..${index}`);
      expect(found.cut).toBeUndefined();
      wal = found.wal;
    }
    await wal.close();
  });

  withDisk('an entry may be larger than a file', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    const large = { ...entry(2), data: new Uint8Array(3 * SEGMENT_BYTES).fill(0x61) };
    await wal.append([entry(1)]);
    await wal.append([large]);
    await wal.append([entry(3)]);
    const found = await reopened(wal, disk, directory);
    expect(found.entries).toEqual([entry(1), large, entry(3)]);
    expect(await segments(disk, directory)).toHaveLength(3);
    await found.wal.close();
  });

  withDisk('calls of one turn share a write and a sync, and are done in order', async (disk, directory) => {
    let syncs = 0;
    let writes = 0;
    const wal = await Wal.create(disk, directory, METADATA, {
      segmentBytes: 65536,
      onSync: () => syncs++,
      onWrite: () => writes++,
    });
    const done: number[] = [];
    const calls = entries(1, 50).map(async (each) => {
      await wal.append([each]);
      done.push(each.index);
    });
    await Promise.all(calls);
    expect(done).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect([writes, syncs]).toEqual([1, 1]);
    await wal.append([entry(51)]);
    expect([writes, syncs]).toEqual([2, 2]);
    expect(wal.bytesWritten).toBeGreaterThan(51 * 30);
    await wal.close();
  });

  withDisk('a closed log has written what it was given, and refuses more', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    const last = wal.append(entries(1, 5));
    await wal.close();
    await last;
    await expect(wal.append([entry(6)])).rejects.toThrow(WalWriteError);
    expect(indexesOf(await Wal.open(disk, directory, OPTIONS))).toBe('1..5');
  });

  withDisk('a file that is missing, whichever it is, is noticed', async (disk, directory) => {
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    for (let index = 1; index <= 60; index++) await wal.append([entry(index, 1, 100)]);
    await wal.close();
    const names = await segments(disk, directory);
    expect(names.length).toBeGreaterThan(2);
    for (const file of names) {
      await disk.rename(`${directory}/${file}`, `${directory}/aside`);
      await expect(Wal.open(disk, directory, OPTIONS), file).rejects.toThrow(WalDamagedError);
      await disk.rename(`${directory}/aside`, `${directory}/${file}`);
    }
    expect(indexesOf(await Wal.open(disk, directory, OPTIONS))).toBe('1..60');
  });

  withDisk('a file of another log is noticed', async (disk, directory) => {
    await disk.makeDirectory(`${directory}/other`);
    const other = await Wal.create(disk, `${directory}/other`, { ...METADATA, nodeId: 5n }, OPTIONS);
    const wal = await Wal.create(disk, directory, METADATA, OPTIONS);
    for (let index = 1; index <= 60; index++) {
      await wal.append([entry(index, 1, 100)]);
      await other.append([entry(index, 1, 100)]);
    }
    await wal.close();
    await other.close();
    const file = (await segments(disk, directory))[1] ?? '';
    const foreign = await disk.open(`${directory}/other/${file}`);
    const bytes = new Uint8Array(SEGMENT_BYTES);
    await foreign.read(bytes, 0);
    const ours = await disk.open(`${directory}/${file}`);
    ours.write(bytes, 0);
    await expect(Wal.open(disk, directory, OPTIONS)).rejects.toThrow(WalDamagedError);
    await ours.close();
    await foreign.close();
  });

  withDisk('there is nothing to open in an empty directory', async (disk, directory) => {
    await expect(Wal.open(disk, directory, OPTIONS)).rejects.toThrow('there is no file of the log');
  });
}
