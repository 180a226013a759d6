import { expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { MemoryDisk, NodeDisk, Wal, WalFailedError, WalWriteError } from '../../src/storage/index.ts';
import { walSuite } from '../suites/wal.suite.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';
import { entries, entry, hardState, indexesOf, METADATA } from '../support/wal-entry.ts';

const OPTIONS = { segmentBytes: 4096 };

async function memoryDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.makeDirectory('/d');
  return disk;
}

walSuite('NodeDisk', async () => {
  const directory = await makeTemporaryDirectory();
  return { disk: new NodeDisk(), directory, dispose: () => removeDirectory(directory) };
});

walSuite('MemoryDisk', async () => ({ disk: await memoryDisk(), directory: '/d', dispose: async () => undefined }));

test('nothing is acknowledged before its sync is done', async () => {
  const disk = await memoryDisk();
  const wal = await Wal.create(disk, '/d', METADATA, OPTIONS);
  const release = disk.holdSyncs();
  let done = 0;
  const first = wal.append([entry(1)]).then(() => done++);
  const second = new Promise<void>((resolve) => setImmediate(resolve))
    .then(() => wal.append([entry(2)]))
    .then(() => done++);
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  expect(done).toBe(0);
  expect(wal.lastIndex).toBe(0);
  release();
  await Promise.all([first, second]);
  expect(wal.lastIndex).toBe(2);
  await wal.close();
});

test.each([0, 1, 8, 100, 150])(
  'a write that fails after %d bytes is taken back, and the log goes on',
  async (written) => {
    const disk = await memoryDisk();
    const wal = await Wal.create(disk, '/d', METADATA, OPTIONS);
    await wal.append(entries(1, 3), hardState(1, 2));
    const before = disk.bytesOf('/d/0000000000000000-0000000000000000.wal').slice();
    disk.failNextWrite(written);
    await expect(wal.append(entries(4, 9))).rejects.toThrow(WalWriteError);
    expect(disk.bytesOf('/d/0000000000000000-0000000000000000.wal')).toEqual(before);
    expect(wal.lastIndex).toBe(3);
    await wal.append(entries(4, 5, 2));
    await wal.close();
    const found = await Wal.open(disk, '/d', OPTIONS);
    expect(indexesOf(found)).toBe('1..3 4@2..5@2');
    expect(found.cut).toBeUndefined();
  },
);

test('what has gathered behind a write that fails would leave a gap, and fails with it', async () => {
  const disk = await memoryDisk();
  const wal = await Wal.create(disk, '/d', METADATA, OPTIONS);
  const release = disk.holdSyncs();
  const first = wal.append([entry(1)]);
  await new Promise<void>((resolve) => setImmediate(resolve));
  disk.failNextWrite(10);
  const second = wal.append([entry(2)]);
  release();
  // By now the second is being written; the third waits for it.
  const third = first.then(() => wal.append([entry(3)]));
  await expect(second).rejects.toThrow(WalWriteError);
  await expect(third).rejects.toThrow(WalWriteError);
  await wal.append([entry(2, 2)]);
  await wal.close();
  expect(indexesOf(await Wal.open(disk, '/d', OPTIONS))).toBe('1..1 2@2..2@2');
});

test('a full disk does not stop the file in use; without room for the next one appends wait, until there is room', async () => {
  const disk = await memoryDisk();
  const wal = await Wal.create(disk, '/d', METADATA, OPTIONS);
  disk.setFreeBytes(1000);
  let acknowledged = 0;
  const appends = Array.from({ length: 50 }, async (_, at) => {
    for (let turn = 0; turn < at; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    await wal.append([entry(at + 1, 1, 100)]);
    acknowledged++;
  });
  for (let turn = 0; turn < 100; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  expect(acknowledged).toBeGreaterThan(15);
  expect(acknowledged).toBeLessThan(30);
  expect(wal.lastIndex).toBe(acknowledged);
  expect((await disk.list('/d')).length, 'no half-made file is left').toBe(1);

  disk.setFreeBytes(1_000_000);
  await wal.append([entry(51)]);
  await Promise.all(appends);
  await wal.close();
  const found = await Wal.open(disk, '/d', OPTIONS);
  expect(indexesOf(found)).toBe('1..51');
});

test('a log of steady size needs no new space: it goes on for ever on a full disk', async () => {
  const disk = await memoryDisk();
  const wal = await Wal.create(disk, '/d', METADATA, OPTIONS);
  let index = 0;
  const round = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await wal.append([entry(++index, 1, 100)]);
    await wal.markSnapshot({ index, term: 1, confState: new Uint8Array(0) });
    await wal.release(index);
  };
  for (let i = 0; i < 3; i++) await round();
  disk.setFreeBytes(0);
  for (let i = 0; i < 20; i++) await round();
  expect(index).toBe(460);
  await wal.close();
});

test('after a sync that failed the log is dead, and nothing is tried again', async () => {
  const disk = await memoryDisk();
  const wal = await Wal.create(disk, '/d', METADATA, OPTIONS);
  await wal.append(entries(1, 3));
  const syncsBefore = disk.syncCount;
  disk.failNextSync();
  const failing = wal.append([entry(4)]);
  await expect(failing).rejects.toThrow(WalFailedError);
  await expect(wal.append([entry(5)])).rejects.toThrow(WalFailedError);
  await expect(wal.markSnapshot({ index: 3, term: 1, confState: new Uint8Array(0) })).rejects.toThrow(WalFailedError);
  await wal.close();
  expect(disk.syncCount).toBe(syncsBefore + 1);
});

test('what is found at the start is made durable before anyone relies on it', async () => {
  for (let seed = 0; seed < 50; seed++) {
    let disk = await memoryDisk();
    const killed = await Wal.create(disk, '/d', METADATA, OPTIONS);
    // Written, but the process is killed before the sync comes to an end: the kernel has it, the platter may not.
    const release = disk.holdSyncs();
    void killed.append(entries(1, 3)).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    disk = disk.kill();
    release();
    expect(indexesOf(await Wal.open(disk, '/d', OPTIONS))).toBe('1..3');
    disk = disk.crash(new SeededPrng(seed));
    expect(indexesOf(await Wal.open(disk, '/d', OPTIONS))).toBe('1..3');
  }
});

test('failpoints are around the write and its sync; one that is told to fail kills the log', async () => {
  const disk = await memoryDisk();
  const seen: string[] = [];
  let fail = false;
  const wal = await Wal.create(disk, '/d', METADATA, {
    ...OPTIONS,
    onWrite: () => seen.push('write'),
    onSync: () => seen.push('sync'),
    failpoints: {
      hit: () => undefined,
      reach: (name) => {
        seen.push(name);
        return name === 'walBeforeSync' && fail ? Promise.resolve('the disk is gone') : undefined;
      },
    },
  });
  await wal.append([entry(1)]);
  expect(seen).toEqual(['raftBeforeSave', 'write', 'walBeforeSync', 'sync', 'walAfterSync', 'raftAfterSave']);
  fail = true;
  await expect(wal.append([entry(2)])).rejects.toThrow('the disk is gone');
  await expect(wal.append([entry(2)])).rejects.toThrow(WalFailedError);
});

test('spare files of an earlier life are removed', async () => {
  const disk = await memoryDisk();
  const wal = await Wal.create(disk, '/d', METADATA, OPTIONS);
  await wal.close();
  await (await disk.create('/d/spare-7.tmp')).close();
  await Wal.open(disk, '/d', OPTIONS);
  expect(await disk.list('/d')).toEqual(['0000000000000000-0000000000000000.wal']);
});
