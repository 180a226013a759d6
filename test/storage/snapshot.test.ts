import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { below, present, SeededPrng } from '../../src/base/index.ts';
import { SNAPSHOT_CHUNK_BYTES_MAX } from '../../src/peer/index.ts';
import {
  BackendDamagedError,
  type DataDirectory,
  LevelTables,
  MemoryDisk,
  MemoryTables,
  NodeDisk,
  STATE_CHUNK_BYTES_MAX,
  type StagedSnapshot,
  WalDamagedError,
} from '../../src/storage/index.ts';
import { scanned } from '../suites/backend.suite.ts';
import {
  CONFIGURATION,
  chunksOf,
  closeAll,
  fill,
  filled,
  given,
  openSmall,
  snapshotSuite,
} from '../suites/snapshot.suite.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';
import { entries, hardState } from '../support/wal-entry.ts';

const SEED = Number(process.env['SNAPSHOT_SEED'] ?? 20_260_104);
const RUNS = Number(process.env['SNAPSHOT_RUNS'] ?? 60);

snapshotSuite('LevelDB', async () => {
  const path = await makeTemporaryDirectory();
  return { disk: new NodeDisk(), tables: new LevelTables(), path, dispose: () => removeDirectory(path) };
});

snapshotSuite('memory', async () => ({
  disk: new MemoryDisk(),
  tables: new MemoryTables(),
  path: '/data',
  dispose: async () => undefined,
}));

test('a chunk fits into what the transport takes at once', () => {
  expect(STATE_CHUNK_BYTES_MAX).toBeLessThanOrEqual(SNAPSHOT_CHUNK_BYTES_MAX);
});

/** A snapshot of records 2..`to` after entry `index`. */
async function snapshotOf(to: number, index: number, term: number): Promise<Uint8Array[]> {
  const sender = await openSmall({ disk: new MemoryDisk(), tables: new MemoryTables(), path: '/sender' });
  fill(sender.backend, 2, to, index, term);
  const chunks = await chunksOf(await sender.backend.snapshot());
  await closeAll(sender);
  return chunks;
}

test('whatever bit of it changes, and wherever it ends, it is refused', async () => {
  const [whole] = await snapshotOf(5, 3, 1);
  const directory = await openSmall({ disk: new MemoryDisk(), tables: new MemoryTables(), path: '/data' });
  for (let at = 0; at < present(whole, 'a chunk').length; at++) {
    const damaged = present(whole, 'a chunk').slice();
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    await expect(directory.stageSnapshot(given([damaged])), `byte ${at}`).rejects.toThrow('damaged');
    await expect(directory.stageSnapshot(given([damaged.subarray(0, at)])), `until ${at}`).rejects.toThrow('damaged');
  }
  await closeAll(directory);
});

test('what the sender’s disk has damaged or lost is found by the receiver', async () => {
  const directory = await openSmall({ disk: new MemoryDisk(), tables: new MemoryTables(), path: '/data' });
  const record = 'r0000000000000300000000';
  for (const [key, value] of [
    [record, new Uint8Array(20)],
    [record, undefined],
    [`state/${CONFIGURATION}`, new Uint8Array(20)],
    ['r00000000000003', new Uint8Array(20)],
  ] as const) {
    const tables = new MemoryTables();
    const sender = await openSmall({ disk: new MemoryDisk(), tables, path: '/sender' });
    fill(sender.backend, 2, 5, 4);
    await sender.backend.checkpoint();
    present(tables.at('/sender/member/db'), 'the table').tamper(key, value);
    const { chunks } = await sender.backend.snapshot();
    await expect(directory.stageSnapshot(chunks), key).rejects.toThrow(
      value === undefined ? 'records are missing, or there are too many' : `"${key}" is not as it was written`,
    );
    await closeAll(sender);
  }
  await closeAll(directory);
});

test('the name of the store in use, damaged or gone, is not guessed', async () => {
  const disk = new MemoryDisk();
  const tables = new MemoryTables();
  const directory = await openSmall({ disk, tables, path: '/data' });
  const staged = await directory.stageSnapshot(given(await snapshotOf(9, 5, 1)));
  await staged.activate();
  await directory.wal.resetTo({ index: 5, term: 1, confState: new Uint8Array(0) });
  await closeAll(directory);
  await directory.removeReplaced();
  await staged.backend.close();

  const { length } = disk.bytesOf('/data/member/DB');
  for (let at = 0; at < length; at++) {
    const copy = disk.copy();
    const file = copy.bytesOf('/data/member/DB');
    file[at] = (file[at] ?? 0) ^ 1;
    await expect(openSmall({ disk: copy, tables, path: '/data' }), `byte ${at}`).rejects.toThrow(BackendDamagedError);
  }
  const without = disk.copy();
  await without.remove('/data/member/DB');
  await expect(openSmall({ disk: without, tables, path: '/data' })).rejects.toThrow('it is missing; there is db-1');
  await tables.remove('/data/member/db-1');
  await expect(openSmall({ disk, tables, path: '/data' })).rejects.toThrow('it is missing; there is nothing');
});

test('a store that is ahead of its log, other than by the snapshot it came with, does not fit', async () => {
  const disk = new MemoryDisk();
  const tables = new MemoryTables();
  const before = await openSmall({ disk, tables, path: '/data' });
  const staged = await before.stageSnapshot(given(await snapshotOf(9, 5, 1)));
  await staged.activate();
  await before.wal.append(entries(1, 3), hardState(1, 3));
  await closeAll(before);
  fill(staged.backend, 10, 11, 7);
  await staged.backend.close();
  await expect(openSmall({ disk, tables, path: '/data' })).rejects.toThrow(WalDamagedError);
});

/** By the index of their last entry, which is its term as well. */
const snapshots = new Map<number, Promise<Uint8Array[]>>();

function snapshotAt(index: number): Promise<Uint8Array[]> {
  const snapshot = snapshots.get(index) ?? snapshotOf(index, index, index);
  snapshots.set(index, snapshot);
  return snapshot;
}

/** A member's life: it applies what is in its log, and installs snapshots. What must be true after a crash is kept beside it. */
class Life {
  disk = new MemoryDisk();
  tables = new MemoryTables();
  readonly random: SeededPrng;
  directory: DataDirectory | undefined;
  /** The applied index, and the records 2..index that go with it, below which nothing may fall. */
  durable = 0;
  newest = 0;
  aheads = 0;

  constructor(random: SeededPrng) {
    this.random = random;
  }

  /** What a member does from one start to its end. Rejects when the power goes. */
  async run(steps: number): Promise<void> {
    let backend = present(this.directory, 'an open directory').backend;
    const { wal } = present(this.directory, 'an open directory');
    for (let step = 0; step < steps; step++) {
      const kind = below(this.random, 5);
      if (kind === 0) {
        const staged = await this.#stage();
        if (below(this.random, 4) === 0) {
          await staged.discard();
          continue;
        }
        await staged.activate();
        const { index, term } = staged.backend.applied;
        this.durable = index;
        this.newest = index;
        await wal.resetTo({ index, term, confState: present(staged.backend.getState(CONFIGURATION), CONFIGURATION) });
        await backend.close();
        backend = staged.backend;
        await present(this.directory, 'an open directory').removeReplaced();
      } else if (kind === 1) {
        const { index } = await backend.checkpoint();
        this.durable = Math.max(this.durable, index);
      } else {
        const index = wal.lastIndex + 1;
        await wal.append(entries(index, index, index), hardState(index, index));
        // Entries that were in the log and not in the store come first.
        fill(backend, this.newest + 1 + (this.newest === 0 ? 1 : 0), index, index, index);
        this.newest = index;
      }
    }
  }

  async #stage(): Promise<StagedSnapshot> {
    const index = this.newest + 1 + below(this.random, 10);
    return present(this.directory, 'an open directory').stageSnapshot(given(await snapshotAt(index)));
  }

  async crash(): Promise<void> {
    this.disk = this.disk.crash(this.random);
    this.tables = this.tables.crash(this.random);
    await this.open();
  }

  async open(): Promise<void> {
    // What an earlier life hears of its end is of no interest.
    this.directory = await openSmall({ disk: this.disk, tables: this.tables, path: '/data' }, () => undefined);
    const { backend, wal, installedAhead } = this.directory;
    const { index, term } = backend.applied;
    expect(index).toBeGreaterThanOrEqual(this.durable);
    expect(await scanned(backend)).toEqual(index < 2 ? [] : filled(2, index));
    if (installedAhead) {
      this.aheads++;
      expect(index).toBe(this.directory.backend.applied.index);
      await wal.resetTo({ index, term, confState: present(backend.getState(CONFIGURATION), CONFIGURATION) });
    }
    expect(wal.lastIndex).toBeGreaterThanOrEqual(index);
    this.durable = 0;
    this.newest = index;
    const stores = (await this.tables.list('/data/member')).filter((name) => name.startsWith('db'));
    expect(stores).toHaveLength(1);
  }
}

test('a crash at any moment leaves the store as it was or the snapshot, whole, and a log that fits', async () => {
  let aheads = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const life = new Life(new SeededPrng(seed));
      await life.open();
      for (let lives = 0; lives < 4; lives++) {
        let failure: unknown;
        const running = life.run(12).catch((error: unknown) => {
          failure = error;
        });
        const ticks = below(life.random, 500);
        for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
        expect(failure, 'nothing fails while there is power').toBeUndefined();
        await life.crash();
        await running;
      }
      aheads += life.aheads;
    }),
    { seed: SEED, numRuns: RUNS },
  );
  expect(aheads, 'crashes between the switch and the log').toBeGreaterThan(3);
}, 60_000);
