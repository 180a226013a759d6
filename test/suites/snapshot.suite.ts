/** What snapshots of the applied state must do, on LevelDB and on its twin: taken, staged beside the store, switched to. */

import { expect, test } from 'vitest';
import { type Bytes, present } from '../../src/base/index.ts';
import {
  type DataDirectory,
  type Disk,
  type DurableBackend,
  openDataDirectory,
  SNAPSHOTS_OPEN_MAX,
  SNAPSHOTS_STAGED_MAX,
  SnapshotDamagedError,
  SnapshotRefusedError,
  STATE_CHUNK_BYTES_MAX,
  type StateSnapshot,
  type Tables,
} from '../../src/storage/index.ts';
import { entries, hardState, METADATA } from '../support/wal-entry.ts';
import { bytes, MARK, scanned, text } from './backend.suite.ts';

export interface TablesUnderTest {
  readonly disk: Disk;
  readonly tables: Tables;
  /** Of a data directory that may be made. */
  readonly path: string;
  readonly dispose: () => Promise<void>;
}

export const CONFIGURATION = 'configuration';

export async function chunksOf(snapshot: StateSnapshot): Promise<Bytes[]> {
  const chunks: Bytes[] = [];
  for await (const chunk of snapshot.chunks) chunks.push(new Uint8Array(chunk));
  return chunks;
}

export async function* given(chunks: readonly Bytes[]): AsyncIterable<Bytes> {
  await Promise.resolve();
  yield* chunks;
}

/** Opens a data directory of small files. */
export function openSmall(
  { disk, tables, path }: Omit<TablesUnderTest, 'dispose'>,
  onFailure: (error: Error) => void = (error) => {
    throw error;
  },
): Promise<DataDirectory> {
  return openDataDirectory({
    disk,
    tables,
    path,
    metadata: METADATA,
    wal: { segmentBytes: 4096 },
    backend: { onFailure },
  });
}

export async function closeAll(directory: DataDirectory, backend: DurableBackend = directory.backend): Promise<void> {
  await backend.close();
  await directory.wal.close();
}

/** Puts records from..to and says that this is the state after entry `index`. */
export function fill(backend: DurableBackend, from: number, to: number, index: number, term = 1): void {
  for (let main = from; main <= to; main++) backend.putRecord(main, 0, main % 7 === 0, bytes(`value ${main}`));
  backend.putStoreMark({ ...MARK, currentRevision: to });
  backend.putState(CONFIGURATION, bytes(`as of ${index}`));
  backend.commit({ index, term });
}

export const filled = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i}.0${(from + i) % 7 === 0 ? ' †' : ''} value ${from + i}`);

export function snapshotSuite(name: string, make: () => Promise<TablesUnderTest>): void {
  const withTables = (what: string, run: (under: TablesUnderTest) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const under = await make();
      try {
        await run(under);
      } finally {
        await under.dispose();
      }
    });
  };
  /** The chunks of a snapshot of records 2..50 after entry 40 of term 3. */
  const sent = async ({ disk, tables, path }: TablesUnderTest): Promise<Bytes[]> => {
    const sender = await openSmall({ disk, tables, path: `${path}/sender` });
    fill(sender.backend, 2, 50, 40, 3);
    const snapshot = await sender.backend.snapshot();
    const chunks = await chunksOf(snapshot);
    snapshot.close();
    await closeAll(sender);
    return chunks;
  };

  withTables('it is the state of one moment, whatever is written afterwards', async (under) => {
    const directory = await openSmall(under);
    const { backend } = directory;
    fill(backend, 2, 3000, 77);
    const snapshot = await backend.snapshot();
    expect(snapshot.applied).toEqual({ index: 77, term: 1 });
    for (let main = 2; main < 100; main++) backend.deleteRecord(main, 0);
    fill(backend, 3001, 4000, 78);
    await backend.checkpoint();
    const chunks = await chunksOf(snapshot);
    const size = chunks.reduce((sum, { length }) => sum + length, 0);
    expect(Math.abs(size - snapshot.sizeBytesEstimate)).toBeLessThan(size / 10);
    snapshot.close();
    snapshot.close();

    const staged = await directory.stageSnapshot(given(chunks));
    expect(staged.backend.applied).toEqual({ index: 77, term: 1 });
    expect(staged.backend.mark).toEqual({ ...MARK, currentRevision: 3000 });
    expect(text(staged.backend.getState(CONFIGURATION))).toBe('as of 77');
    expect(await scanned(staged.backend)).toEqual(filled(2, 3000));
    await staged.discard();
    await closeAll(directory);
  });

  withTables('what gathers is in it, and what is not committed is waited for', async (under) => {
    const directory = await openSmall(under);
    fill(directory.backend, 2, 9, 5);
    fill(directory.backend, 10, 11, 6);
    let isOpen = false;
    const asked = directory.backend.snapshot().finally(() => {
      isOpen = true;
    });
    directory.backend.putRecord(12, 0, false, bytes('value 12'));
    for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    expect(isOpen).toBe(false);
    directory.backend.commit({ index: 7, term: 1 });
    const snapshot = await asked;
    directory.backend.putRecord(13, 0, false, bytes('later'));
    expect(snapshot.applied.index).toBe(7);
    const staged = await directory.stageSnapshot(snapshot.chunks);
    expect(await scanned(staged.backend)).toEqual(filled(2, 12));
    await staged.discard();
    await closeAll(directory);
  });

  withTables('chunks are bounded, and any size of value passes; so does an empty state', async (under) => {
    const directory = await openSmall(under);
    const empty = await directory.stageSnapshot((await directory.backend.snapshot()).chunks);
    expect(empty.backend.applied).toEqual({ index: 0, term: 0 });
    expect(await scanned(empty.backend)).toEqual([]);
    await empty.discard();

    const sizes = [0, 1, STATE_CHUNK_BYTES_MAX - 1, STATE_CHUNK_BYTES_MAX, 3 * STATE_CHUNK_BYTES_MAX + 5, 2];
    for (const [at, size] of sizes.entries()) {
      directory.backend.putRecord(at + 2, at, false, new Uint8Array(size).fill(at));
    }
    directory.backend.putState('empty', new Uint8Array(0));
    directory.backend.commit({ index: 1, term: 1 });
    const chunks = await chunksOf(await directory.backend.snapshot());
    expect(chunks.slice(0, -1).map(({ length }) => length)).toEqual(
      Array.from({ length: chunks.length - 1 }, () => STATE_CHUNK_BYTES_MAX),
    );
    // However they are cut on the way.
    const cut = chunks.flatMap((chunk) => [chunk.subarray(0, 1), chunk.subarray(1, 1), chunk.subarray(1)]);
    const staged = await directory.stageSnapshot(given(cut));
    for (const [at, size] of sizes.entries()) expect(staged.backend.getRecord(at + 2, at)).toHaveLength(size);
    expect(staged.backend.getState('empty')).toHaveLength(0);
    await staged.discard();
    await closeAll(directory);
  });

  withTables(
    'what is staged changes nothing, and is gone when it is discarded, or at the next start',
    async (under) => {
      const chunks = await sent(under);
      const directory = await openSmall(under);
      fill(directory.backend, 2, 9, 0);
      const discarded = await directory.stageSnapshot(given(chunks));
      expect(await under.tables.list(`${under.path}/member`)).toContain('db-1');
      await discarded.discard();
      expect(await under.tables.list(`${under.path}/member`)).not.toContain('db-1');
      const left = await directory.stageSnapshot(given(chunks));
      await directory.removeReplaced();
      expect(await scanned(left.backend)).toEqual(filled(2, 50));
      await left.backend.close();
      await closeAll(directory);

      const again = await openSmall(under);
      expect(again.installedAhead).toBe(false);
      expect(await scanned(again.backend)).toEqual(filled(2, 9));
      expect((await under.tables.list(`${under.path}/member`)).filter((each) => each.startsWith('db'))).toEqual(['db']);
      await closeAll(again);
    },
  );

  withTables('what is activated takes the place of the store, and the log begins anew behind it', async (under) => {
    const chunks = await sent(under);
    const directory = await openSmall(under);
    await directory.wal.append(entries(1, 60), hardState(3, 9));
    fill(directory.backend, 2, 9, 9);
    const staged = await directory.stageSnapshot(given(chunks));
    await staged.activate();
    // The one that was replaced can still be read.
    expect(text(directory.backend.getRecord(8, 0))).toBe('value 8');
    await closeAll(directory);
    await staged.backend.close();

    const ahead = await openSmall(under);
    expect(ahead.installedAhead).toBe(true);
    expect(ahead.backend.applied).toEqual({ index: 40, term: 3 });
    expect(ahead.hardState).toEqual(hardState(3, 9));
    expect(await scanned(ahead.backend)).toEqual(filled(2, 50));
    await ahead.wal.resetTo({
      index: 40,
      term: 3,
      confState: present(ahead.backend.getState(CONFIGURATION), CONFIGURATION),
    });
    await closeAll(ahead);

    const after = await openSmall(under);
    expect(after.installedAhead).toBe(false);
    expect(after.snapshotMark).toEqual({ index: 40, term: 3, confState: bytes('as of 40') });
    expect(after.entries).toEqual([]);
    await after.wal.append(entries(41, 42, 3));
    fill(after.backend, 51, 52, 42, 3);
    await closeAll(after);
    const last = await openSmall(under);
    expect(last.installedAhead).toBe(false);
    expect(await scanned(last.backend)).toEqual(filled(2, 52));
    expect((await under.tables.list(`${under.path}/member`)).filter((each) => each.startsWith('db'))).toEqual(['db-1']);
    await closeAll(last);
  });

  withTables(
    'the store that was replaced is removed while the new one serves, and may be replaced again',
    async (under) => {
      const chunks = await sent(under);
      const directory = await openSmall(under);
      let { backend } = directory;
      for (const expected of ['db-1', 'db-2', 'db-3']) {
        const staged = await directory.stageSnapshot(given(chunks));
        await staged.activate();
        await backend.close();
        await directory.removeReplaced();
        backend = staged.backend;
        expect(await under.tables.list(`${under.path}/member`)).toContain(expected);
        expect((await under.tables.list(`${under.path}/member`)).filter((each) => each.startsWith('db'))).toHaveLength(
          1,
        );
        expect(text(backend.getRecord(8, 0))).toBe('value 8');
      }
      await closeAll(directory, backend);
    },
  );

  withTables('one that is damaged or cut short is refused, and nothing is left of it', async (under) => {
    const whole = present((await sent(under))[0], 'a chunk');
    const directory = await openSmall(under);
    const refused = async (chunks: AsyncIterable<Bytes>): Promise<void> => {
      await expect(directory.stageSnapshot(chunks)).rejects.toThrow(SnapshotDamagedError);
    };
    for (let part = 0; part < 12; part++) {
      const damaged = whole.slice();
      const at = Math.floor(((whole.length - 1) * part) / 11);
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      await refused(given([damaged]));
      await refused(given([whole.subarray(0, at)]));
    }
    await refused(given([whole, Uint8Array.of(1)]));
    // A file is padded to whole pages.
    await (await directory.stageSnapshot(given([whole, Uint8Array.of(0)]))).discard();
    await refused(given([]));
    const broken = async function* (): AsyncIterable<Bytes> {
      yield* given([whole.subarray(0, 100)]);
      throw new Error('the sender is gone');
    };
    await expect(directory.stageSnapshot(broken())).rejects.toThrow('the sender is gone');
    expect((await under.tables.list(`${under.path}/member`)).filter((each) => each.startsWith('db'))).toEqual(['db']);
    await closeAll(directory);
  });

  withTables('so many may be open, and so many staged, and no more', async (under) => {
    const chunks = await sent(under);
    const directory = await openSmall(under);
    fill(directory.backend, 2, 9, 0);
    const open = await Promise.all(Array.from({ length: SNAPSHOTS_OPEN_MAX }, () => directory.backend.snapshot()));
    await expect(directory.backend.snapshot()).rejects.toThrow(SnapshotRefusedError);
    open.pop()?.close();
    open.push(await directory.backend.snapshot());
    await expect(directory.backend.snapshot()).rejects.toThrow(SnapshotRefusedError);

    const staged = await Promise.all(
      Array.from({ length: SNAPSHOTS_STAGED_MAX }, () => directory.stageSnapshot(given(chunks))),
    );
    await expect(directory.stageSnapshot(given(chunks))).rejects.toThrow(SnapshotRefusedError);
    await staged.pop()?.discard();
    staged.push(await directory.stageSnapshot(given(chunks)));
    for (const each of staged) await each.discard();
    await closeAll(directory);
  });

  withTables('one that is closed, or whose store is, ends with an error and not as if it were whole', async (under) => {
    const directory = await openSmall(under);
    for (let main = 2; main < 50; main++) directory.backend.putRecord(main, 0, false, new Uint8Array(100_000));
    directory.backend.commit({ index: 1, term: 1 });
    const read = async (snapshot: StateSnapshot, close: () => unknown): Promise<void> => {
      let chunks = 0;
      for await (const _ of snapshot.chunks) if (++chunks === 2) await close();
    };
    const closed = await directory.backend.snapshot();
    await expect(read(closed, () => closed.close())).rejects.toThrow('closed');
    const unread = await directory.backend.snapshot();
    unread.close();
    await expect(chunksOf(unread)).rejects.toThrow('closed');
    await expect(read(await directory.backend.snapshot(), () => directory.backend.close())).rejects.toThrow('closed');
    await expect(directory.backend.snapshot()).rejects.toThrow('closed');
    await directory.wal.close();
  });
}
