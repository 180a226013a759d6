/** A snapshot takes the place of the log. */

import { expect, test } from 'vitest';
import { InvariantError } from '../../src/base/index.ts';
import { MemoryDisk, type RecoveredWal, Wal, WalDamagedError } from '../../src/storage/index.ts';
import { entries, entry, hardState, indexesOf, METADATA } from '../support/wal-entry.ts';

const OPTIONS = { segmentBytes: 4096 };
const mark = (index: number, term: number) => ({ index, term, confState: Uint8Array.of(8, index % 256) });

async function opened(): Promise<{ disk: MemoryDisk; wal: Wal }> {
  const disk = new MemoryDisk();
  await disk.makeDirectory('/d');
  return { disk, wal: await Wal.create(disk, '/d', METADATA, OPTIONS) };
}

async function reopened(disk: MemoryDisk, wal: Wal): Promise<RecoveredWal> {
  await wal.close();
  return Wal.open(disk, '/d', OPTIONS);
}

test.each([
  ['beyond the end of the log', 100],
  ['at its end', 9],
  ['before its end, whose entries are void', 5],
])('%s: nothing of the log is left but the hard state', async (_, index) => {
  const { disk, wal } = await opened();
  await wal.append(entries(1, 9), hardState(7, 4));
  await wal.resetTo(mark(index, 8));
  expect(wal.lastIndex).toBe(index);
  const found = await reopened(disk, wal);
  expect(found.snapshotMark).toEqual(mark(index, 8));
  expect(found.hardState).toEqual(hardState(7, 4));
  expect(indexesOf(found)).toBe('');
  expect(found.wal.lastIndex).toBe(index);
  await found.wal.append([entry(index + 1, 8)], hardState(8, index));
  const again = await reopened(disk, found.wal);
  expect(indexesOf(again)).toBe(`${index + 1}@8..${index + 1}@8`);
  expect(again.hardState).toEqual(hardState(8, index));
  await again.wal.close();
});

test('what is appended in the same turn, before and after it, stays in order', async () => {
  const { disk, wal } = await opened();
  await Promise.all([
    wal.append(entries(1, 9), hardState(1, 2)),
    wal.resetTo(mark(6, 2)),
    wal.append(entries(7, 8, 2), hardState(2, 7)),
    wal.markSnapshot({ ...mark(7, 2) }),
  ]);
  const found = await reopened(disk, wal);
  expect(indexesOf(found)).toBe('8@2..8@2');
  expect(found.snapshotMark).toEqual(mark(7, 2));
  expect(found.hardState).toEqual(hardState(2, 7));
  await found.wal.close();
});

test('the files before it can be released at once, in this life and in the next; without them the log is the same', async () => {
  for (const closes of [false, true]) {
    const { disk, wal } = await opened();
    for (let index = 1; index <= 60; index++) await wal.append([entry(index, 1, 100)]);
    await wal.markSnapshot(mark(50, 1));
    await wal.resetTo(mark(55, 2));
    const before = (await disk.list('/d')).filter((name) => name.endsWith('.wal'));
    expect(before.length).toBeGreaterThan(2);
    const current = closes ? (await reopened(disk, wal)).wal : wal;
    await current.release(55);
    expect((await disk.list('/d')).filter((name) => name.endsWith('.wal'))).toEqual(before.slice(-1));
    await current.append(entries(56, 57, 2));
    const found = await reopened(disk, current);
    expect(indexesOf(found)).toBe('56@2..57@2');
    expect(found.snapshotMark).toEqual(mark(55, 2));
    await found.wal.close();
  }
});

test('it does not go back', async () => {
  const { wal } = await opened();
  await wal.append(entries(1, 9));
  await wal.markSnapshot(mark(5, 1));
  expect(() => wal.resetTo(mark(5, 1))).toThrow(InvariantError);
  await wal.close();
});

test('without room for a new file it waits, and so does what follows', async () => {
  const { disk, wal } = await opened();
  disk.setFreeBytes(0);
  for (let index = 1; !wal.isShortOfSpace; index++) {
    await wal.append([entry(index, 1, 100)]);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const { lastIndex } = wal;
  const reset = wal.resetTo(mark(100, 2));
  const after = wal.append([entry(101, 2)]);
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(wal.lastIndex).toBe(lastIndex);
  disk.setFreeBytes(10_000);
  await wal.append([entry(102, 2)]);
  await Promise.all([reset, after]);
  expect(indexesOf(await reopened(disk, wal))).toBe('101@2..102@2');
});

test('a file that begins with another entry than the next is damage, unless its header says why', async () => {
  const { disk, wal } = await opened();
  for (let index = 1; index <= 60; index++) await wal.append([entry(index, 1, 100)]);
  // Then the entries of the file are of no use, and nothing but its name shows the damage.
  await wal.markSnapshot(mark(60, 1));
  await wal.close();
  const files = await disk.list('/d');
  const second = files.filter((name) => name.endsWith('.wal'))[1] ?? '';
  const index = Number.parseInt(second.slice(17, 33), 16);
  for (const other of [index - 1, index + 1, 1]) {
    const copy = disk.copy();
    await copy.rename(`/d/${second}`, `/d/${second.slice(0, 17)}${other.toString(16).padStart(16, '0')}.wal`);
    await expect(Wal.open(copy, '/d', OPTIONS), `${other}`).rejects.toThrow(WalDamagedError);
  }
});
