import { stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { type DiskFile, errorCode, MemoryDisk, NodeDisk } from '../../src/storage/index.ts';
import { diskSuite } from '../suites/disk.suite.ts';
import { makeTemporaryDirectory, removeDirectory, withTemporaryDirectory } from '../support/temporary-directory.ts';

diskSuite('NodeDisk', async () => {
  const directory = await makeTemporaryDirectory();
  return { disk: new NodeDisk(), directory, dispose: () => removeDirectory(directory) };
});

async function memoryDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.makeDirectory('/d');
  return disk;
}

diskSuite('MemoryDisk', async () => ({ disk: await memoryDisk(), directory: '/d', dispose: async () => undefined }));

test('NodeDisk: files and directories are for their owner only', async () => {
  await withTemporaryDirectory(async (directory) => {
    const disk = new NodeDisk();
    await disk.makeDirectory(`${directory}/x/y`);
    await (await disk.create(`${directory}/x/y/a`)).close();
    expect((await stat(`${directory}/x`)).mode & 0o777).toBe(0o700);
    expect((await stat(`${directory}/x/y`)).mode & 0o777).toBe(0o700);
    expect((await stat(`${directory}/x/y/a`)).mode & 0o777).toBe(0o600);
  });
});

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

async function crashed(
  seed: number,
  prepare: (disk: MemoryDisk, file: DiskFile) => Promise<void>,
): Promise<Uint8Array> {
  const disk = await memoryDisk();
  const file = await disk.create('/d/a');
  await disk.syncDirectory('/d');
  await prepare(disk, file);
  return disk.crash(new SeededPrng(seed)).bytesOf('/d/a');
}

/** Every outcome that a few hundred crashes bring, as text. */
async function outcomes(prepare: (disk: MemoryDisk, file: DiskFile) => Promise<void>): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    const bytes = await crashed(seed, prepare);
    seen.add(Array.from({ length: bytes.length / 256 }, (_, i) => bytes[i * 256]).join(''));
  }
  return seen;
}

test('MemoryDisk: a crash keeps what was synced', async () => {
  const seen = await outcomes(async (_, file) => {
    file.write(filled(1024, 1), 0);
    await file.sync();
  });
  expect([...seen]).toEqual(['1111']);
});

test('MemoryDisk: of what was not synced, a crash keeps all, nothing, a beginning or any sectors', async () => {
  const seen = await outcomes(async (_, file) => {
    file.write(filled(1536, 1), 0);
    await file.sync();
    file.write(filled(1536, 2), 0);
  });
  for (const expected of ['111111', '222222', '221111', '222221', '112211', '111122', '221122']) {
    expect(seen).toContain(expected);
  }
});

test('MemoryDisk: a tear may be at any byte', async () => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 1000; seed++) {
    lengths.add((await crashed(seed, async (_, file) => file.write(filled(20, 1), 0))).length);
  }
  expect([...lengths].sort((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, i) => i));
});

test('MemoryDisk: what was written while a sync was under way is not covered by it', async () => {
  const seen = await outcomes(async (disk, file) => {
    file.write(filled(256, 1), 0);
    const release = disk.holdSyncs();
    const synced = file.sync();
    file.write(filled(256, 2), 0);
    release();
    await synced;
  });
  expect([...seen].sort()).toEqual(['1', '2']);
});

test('MemoryDisk: names whose directory was not synced may be lost', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = await memoryDisk();
    await (await disk.create('/d/a')).close();
    await disk.syncDirectory('/d');
    await disk.rename('/d/a', '/d/b');
    await (await disk.create('/d/c')).close();
    seen.add((await disk.crash(new SeededPrng(seed)).list('/d')).join(' '));
  }
  expect([...seen].sort()).toEqual(['a', 'a c', 'b', 'b c']);
});

test('MemoryDisk: after a crash the old disk and its files are of no use', async () => {
  const disk = await memoryDisk();
  const file = await disk.create('/d/a');
  disk.crash(new SeededPrng(1));
  expect(() => file.write(filled(1, 1), 0)).toThrow('crashed');
  await expect(file.sync()).rejects.toThrow('crashed');
  await expect(disk.create('/d/b')).rejects.toThrow('crashed');
  await expect(disk.list('/d')).rejects.toThrow('crashed');
});

test('MemoryDisk: a full disk takes what fits and throws ENOSPC; removing a file makes room', async () => {
  const disk = await memoryDisk();
  const file = await disk.create('/d/a');
  file.write(filled(10, 1), 0);
  disk.setFreeBytes(5);
  file.write(filled(10, 2), 0);
  let code: string | undefined;
  try {
    file.write(filled(10, 3), 5);
    file.write(filled(10, 3), 10);
  } catch (error) {
    code = errorCode(error);
  }
  expect(code).toBe('ENOSPC');
  expect(await file.sizeBytes()).toBe(15);
  await disk.remove('/d/a');
  const other = await disk.create('/d/b');
  other.write(filled(15, 1), 0);
  expect(await other.sizeBytes()).toBe(15);
});

test('MemoryDisk: a sync fails when it is told to, once', async () => {
  const disk = await memoryDisk();
  const file = await disk.create('/d/a');
  disk.failNextSync();
  await expect(file.sync()).rejects.toThrow('EIO');
  await file.sync();
});

test('NodeDisk: where no directory can be made, that is an error, and it comes', async () => {
  await expect(new NodeDisk().makeDirectory('/proc/no/such')).rejects.toMatchObject({
    code: 'EACCES',
    message: 'no directory can be made in /proc',
  });
});
