import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import {
  BackendDamagedError,
  type DataDirectory,
  DataDirectoryError,
  LevelTables,
  MemoryDisk,
  MemoryTables,
  NodeDisk,
  openDataDirectory,
  WalDamagedError,
} from '../../src/storage/index.ts';
import { bytes } from '../suites/backend.suite.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { entries, entry, indexesOf, METADATA } from '../support/wal-entry.ts';

const WAL = { segmentBytes: 8192 };
const onFailure = (error: Error): void => {
  throw error;
};

function open(path: string): Promise<DataDirectory> {
  return openDataDirectory({
    disk: new NodeDisk(),
    path,
    metadata: METADATA,
    wal: WAL,
    tables: new LevelTables(),
    backend: { onFailure },
  });
}

async function close({ wal, backend }: DataDirectory): Promise<void> {
  await wal.close();
  await backend.close();
}

/** Entries 1..6 logged, 1..4 applied, the log marked after 2. */
async function used(path: string): Promise<void> {
  const data = await open(path);
  await data.wal.append(entries(1, 6));
  for (let index = 1; index <= 4; index++) {
    data.backend.putRecord(index + 1, 0, false, bytes(`${index}`));
    data.backend.commit({ index, term: 1 });
  }
  await data.backend.checkpoint();
  await data.wal.markSnapshot({ index: 2, term: 1, confState: new Uint8Array(0) });
  await close(data);
}

test('it is made, for its owner only, and found again', async () => {
  await withTemporaryDirectory(async (root) => {
    const path = `${root}/a/default.etcd`;
    const data = await open(path);
    expect(data.entries).toEqual([]);
    expect(data.metadata).toEqual(METADATA);
    await close(data);
    expect((await readdir(`${path}/member`)).sort()).toEqual(['FORMAT', 'db', 'wal']);
    for (const made of [path, `${path}/member`, `${path}/member/wal`, `${path}/member/db`]) {
      expect((await stat(made)).mode & 0o777, made).toBe(0o700);
    }
    await used(path);
    const again = await open(path);
    expect(indexesOf(again)).toBe('3..6');
    expect(again.backend.applied).toEqual({ index: 4, term: 1 });
    await close(again);
  });
});

test('two cannot have it at the same time', async () => {
  await withTemporaryDirectory(async (path) => {
    const data = await open(path);
    await expect(open(path)).rejects.toThrow(DataDirectoryError);
    await expect(open(path)).rejects.toThrow('in use by another process');
    await data.wal.append([entry(1)]);
    await close(data);
    await close(await open(path));
  });
});

test('what is not ours is not touched', async () => {
  await withTemporaryDirectory(async (path) => {
    await mkdir(`${path}/member/snap`, { recursive: true });
    await mkdir(`${path}/member/wal`);
    await expect(open(path)).rejects.toThrow(DataDirectoryError);
    await expect(open(path)).rejects.toThrow('it holds snap, wal, but not of this program');
    expect((await readdir(`${path}/member`)).sort()).toEqual(['snap', 'wal']);
  });
  await withTemporaryDirectory(async (path) => {
    await used(path);
    await writeFile(`${path}/member/FORMAT`, 'watchraft 2\n');
    await expect(open(path)).rejects.toThrow('another version');
  });
});

test('where nothing can be written it says so', async () => {
  await withTemporaryDirectory(async (path) => {
    await writeFile(`${path}/file`, '');
    await expect(open(`${path}/file`)).rejects.toThrow(DataDirectoryError);
    await expect(open(`${path}/file/below`)).rejects.toThrow(DataDirectoryError);
    // Whoever may write everywhere (root) is not stopped by this.
    if (process.getuid?.() === 0) return;
    await mkdir(`${path}/locked`);
    await chmod(`${path}/locked`, 0o500);
    await expect(open(`${path}/locked/data`)).rejects.toThrow(DataDirectoryError);
  });
});

test('a log without its store, a store without its log, and those that do not belong together', async () => {
  await withTemporaryDirectory(async (root) => {
    await used(`${root}/a`);
    await rename(`${root}/a/member/wal`, `${root}/wal`);
    await expect(open(`${root}/a`)).rejects.toThrow('there is no log, but the store holds entry 4');
    await expect(open(`${root}/a`)).rejects.toThrow(WalDamagedError);

    // A log that ends before the store.
    const short = await open(`${root}/b`);
    await short.wal.append(entries(1, 3));
    await close(short);
    await rm(`${root}/a/member/wal`, { recursive: true });
    await rename(`${root}/b/member/wal`, `${root}/a/member/wal`);
    await expect(open(`${root}/a`)).rejects.toThrow('it ends with entry 3, but the store holds entry 4');

    // A store that is older than where the log begins.
    await rm(`${root}/a/member/wal`, { recursive: true });
    await rename(`${root}/wal`, `${root}/a/member/wal`);
    await close(await open(`${root}/a`));
    await rm(`${root}/a/member/db`, { recursive: true });
    await expect(open(`${root}/a`)).rejects.toThrow(BackendDamagedError);
    await expect(open(`${root}/a`)).rejects.toThrow('it ends with entry 0, but the log begins after entry 2');
  });
});

test('a crash while it is being made leaves one that can be made', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new SeededPrng(seed);
    let disk = new MemoryDisk();
    let tables = new MemoryTables();
    const openMemory = (): Promise<DataDirectory> =>
      openDataDirectory({
        disk,
        path: '/data',
        metadata: METADATA,
        wal: WAL,
        tables,
        backend: { onFailure: () => undefined },
      });
    for (let crash = 0; crash < 3; crash++) {
      const opening = openMemory().catch(() => undefined);
      for (let turns = random.next() % 60; turns > 0; turns--) await Promise.resolve();
      disk = disk.crash(random);
      tables = tables.crash(random);
      await opening;
    }
    const data = await openMemory();
    await data.wal.append([entry(1)]);
    await close(data);
    expect(indexesOf(await openMemory())).toBe('1..1');
  }
});
