import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { below, present, SeededPrng, SimulatedClock } from '../../src/base/index.ts';
import {
  BATCH_BYTES_ENOUGH,
  BATCH_INTERVAL_MS,
  BackendDamagedError,
  BackendFailedError,
  DataDirectoryError,
  LevelTable,
  MemoryTable,
  RecordBackend,
  ROOM_RETRY_MS,
} from '../../src/storage/index.ts';
import { encodeChecked, recordKey, SUMMARY_KEY } from '../../src/storage/record-encoding.ts';
import { backendSuite, bytes, scanned, text } from '../suites/backend.suite.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';

const onFailure = (error: Error): void => {
  throw error;
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

backendSuite('LevelDB', async () => {
  const directory = await makeTemporaryDirectory();
  return {
    open: async (options) => RecordBackend.open(await LevelTable.open(directory), { onFailure, ...options }),
    dispose: () => removeDirectory(directory),
  };
});

backendSuite('memory', async () => {
  const table = new MemoryTable();
  return { open: (options) => RecordBackend.open(table, { onFailure, ...options }), dispose: async () => undefined };
});

const SEED = Number(process.env['BACKEND_SEED'] ?? 20_260_102);

test('batches pile up behind one that is being written, and go together', async () => {
  const table = new MemoryTable();
  const commits: number[] = [];
  const backend = await RecordBackend.open(table, { onFailure, onCommit: (seconds) => commits.push(seconds) });
  const release = table.holdWrites();
  for (let main = 2; main < 102; main++) {
    backend.putRecord(main, 0, false, bytes('v'));
    backend.commit({ index: main, term: 1 });
  }
  expect(table.keys()).toEqual([]);
  release();
  await backend.checkpoint();
  expect(commits).toHaveLength(2);
  expect(table.keys()).toHaveLength(101);
  await backend.close();
});

test('an open batch is never written in part: not before it is committed', async () => {
  const table = new MemoryTable();
  const backend = await RecordBackend.open(table, { onFailure });
  const release = table.holdWrites();
  backend.putRecord(2, 0, false, bytes('a'));
  backend.commit({ index: 1, term: 1 });
  backend.putRecord(3, 0, false, bytes('b'));
  release();
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  expect(table.keys()).toEqual(['r0000000000000200000000', 'summary']);
  backend.commit({ index: 2, term: 1 });
  await backend.checkpoint();
  expect(table.keys()).toHaveLength(3);
  await backend.close();
});

test('with too much unwritten it asks to wait, until half of it is written', async () => {
  const table = new MemoryTable();
  const backend = await RecordBackend.open(table, { onFailure });
  const release = table.holdWrites();
  const value = new Uint8Array(1_000_000);
  let main = 2;
  for (; backend.pressure() === undefined; main++) {
    backend.putRecord(main, 0, false, value);
    backend.commit({ index: main, term: 1 });
  }
  expect(main).toBeGreaterThan(15);
  expect(main).toBeLessThan(22);
  let relieved = false;
  const waiting = (async () => {
    await backend.pressure();
    relieved = true;
  })();
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(relieved).toBe(false);
  release();
  await waiting;
  expect(backend.pressure()).toBeUndefined();
  for (let at = 2; at < main; at++) expect(backend.getRecord(at, 0)).toHaveLength(value.length);
  await backend.close();
});

test('a batch that cannot be written ends it: the owner is told once, and every later call fails', async () => {
  const table = new MemoryTable();
  const failures: Error[] = [];
  const backend = await RecordBackend.open(table, { onFailure: (error) => failures.push(error) });
  table.failWrites(new Error('no space left'));
  backend.putRecord(2, 0, false, bytes('a'));
  backend.commit({ index: 1, term: 1 });
  await expect(backend.checkpoint()).rejects.toThrow('no space left');
  expect(failures).toHaveLength(1);
  expect(failures[0]).toBeInstanceOf(BackendFailedError);
  expect(() => backend.putRecord(3, 0, false, bytes('b'))).toThrow(BackendFailedError);
  expect(() => backend.commit({ index: 2, term: 1 })).toThrow(BackendFailedError);
  await expect(backend.pressure()).rejects.toThrow(BackendFailedError);
  // What it holds can still be read.
  expect(text(backend.getRecord(2, 0))).toBe('a');
  await backend.close();
  expect(failures).toHaveLength(1);
});

test('whether nothing but room is missing is told', () => {
  const level = Object.assign(new Error('IO error: /d/db/000003.log: No space left on device'), {
    code: 'LEVEL_IO_ERROR',
  });
  const disk = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(new BackendFailedError(level).isOutOfSpace).toBe(true);
  expect(new BackendFailedError(disk).isOutOfSpace).toBe(true);
  expect(new BackendFailedError(new Error('IO error: /d/db/000003.log: Input/output error')).isOutOfSpace).toBe(false);
  expect(new BackendFailedError('it is closed').isOutOfSpace).toBe(false);
});

test('after a crash it holds the state after some commit, at least that of the last checkpoint', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 60 }), fc.nat(), async (steps, seed) => {
      const random = new SeededPrng(seed);
      let table = new MemoryTable();
      // What an earlier life hears of its end is of no interest.
      let backend = await RecordBackend.open(table, { onFailure: () => undefined });
      /** What it held after each commit, by applied index. */
      let states = [['']];
      let records = new Map<string, string>();
      let main = 2;
      let durable = 0;
      const state = (): string[] => [...records.values()].sort();
      states[0] = state();
      for (const step of steps) {
        if (step < 6) {
          for (let sub = 0; sub <= below(random, 3); sub++) {
            const key = `${String(main).padStart(6, '0')}.${sub}`;
            backend.putRecord(main, sub, false, bytes(`v${main}`));
            records.set(key, `${key.replace(/^0+/, '')} v${main}`);
          }
          main++;
          if (records.size > 0 && below(random, 3) === 0) {
            const key = present([...records.keys()][below(random, records.size)], 'a key');
            const [at, sub] = key.split('.').map(Number);
            backend.deleteRecord(present(at, 'main'), present(sub, 'sub'));
            records.delete(key);
          }
          backend.commit({ index: states.length, term: 1 });
          states.push(state());
        } else if (step < 8) {
          for (let turn = 0; turn < below(random, 4); turn++) await Promise.resolve();
        } else if (step === 8) {
          durable = (await backend.checkpoint()).index;
        } else {
          table = table.crash(random);
          backend = await RecordBackend.open(table, { onFailure: () => undefined });
          const { index } = backend.applied;
          expect(index).toBeGreaterThanOrEqual(durable);
          expect((await scanned(backend)).sort()).toEqual(states[index]);
          states = states.slice(0, index + 1);
          records = new Map(
            present(states[index], 'a state').map((each) => [`${each.split(' ')[0]}`.padStart(8, '0'), each]),
          );
        }
      }
    }),
    { seed: SEED, numRuns: 300 },
  );
});

async function filled(): Promise<MemoryTable> {
  const table = new MemoryTable();
  const backend = await RecordBackend.open(table, { onFailure });
  for (let main = 2; main < 12; main++) backend.putRecord(main, 0, main === 5, bytes(`value ${main}`));
  backend.putState('alarms', bytes('none'));
  backend.commit({ index: 3, term: 1 });
  await backend.close();
  return table;
}

async function scanOf(table: MemoryTable): Promise<string[]> {
  return scanned(await RecordBackend.open(table, { onFailure: () => undefined }));
}

test('whatever bit of a record or of the summary changes is found at the start', async () => {
  for (const key of (await filled()).keys()) {
    const length = present((await filled()).get(key), key).length;
    for (let at = 0; at < length; at++) {
      const table = await filled();
      const value = present(table.get(key), key);
      value[at] = (value[at] ?? 0) ^ (1 << (at % 8));
      table.tamper(key, value);
      if (key.startsWith('state/')) {
        const backend = await RecordBackend.open(table, { onFailure: () => undefined });
        expect(() => backend.getState('alarms')).toThrow(BackendDamagedError);
      } else await expect(scanOf(table), `${key} at ${at}`).rejects.toThrow(BackendDamagedError);
    }
  }
});

test('a record that is missing, or has another one’s key, or comes back, is found at the start', async () => {
  const records = (await filled()).keys().filter((key) => key.startsWith('r'));
  for (const key of records) {
    const missing = await filled();
    missing.tamper(key, undefined);
    await expect(scanOf(missing), key).rejects.toThrow('it should hold 10 records, but there are 9');
    for (const other of records) {
      if (other === key) continue;
      const swapped = await filled();
      swapped.tamper(key, swapped.get(other));
      await expect(scanOf(swapped), `${key} ${other}`).rejects.toThrow('not as it was written');
    }
  }

  const table = new MemoryTable();
  const backend = await RecordBackend.open(table, { onFailure });
  backend.putRecord(2, 0, false, bytes('a'));
  backend.putRecord(3, 0, false, bytes('b'));
  backend.commit({ index: 1, term: 1 });
  await backend.checkpoint();
  const deleted = table.get('r0000000000000200000000');
  backend.deleteRecord(2, 0);
  backend.commit({ index: 2, term: 1 });
  await backend.close();
  expect(await scanOf(table)).toEqual(['3.0 b']);
  table.tamper('r0000000000000200000000', deleted);
  await expect(scanOf(table)).rejects.toThrow('it should hold 1 records, but there are 2');
  table.tamper('r0000000000000300000000', undefined);
  await expect(scanOf(table)).rejects.toThrow('long deleted, have come back');
});

test('a key that reads as the same number but is not the same is found', async () => {
  const table = await filled();
  const value = table.get('r0000000000000a00000000');
  table.tamper('r0000000000000a00000000', undefined);
  table.tamper('r0000000000000A00000000', value);
  await expect(scanOf(table)).rejects.toThrow('not as it was written');
});

test('a damaged record that is read later ends the backend', async () => {
  const table = await filled();
  const failures: Error[] = [];
  const backend = await RecordBackend.open(table, { onFailure: (error) => failures.push(error) });
  const value = present(table.get('r0000000000000300000000'), 'the record');
  value[7] = (value[7] ?? 0) ^ 1;
  table.tamper('r0000000000000300000000', value);
  expect(() => backend.getRecord(3, 0)).toThrow(BackendDamagedError);
  expect(failures).toHaveLength(1);
  expect(() => backend.commit({ index: 9, term: 1 })).toThrow(BackendDamagedError);
});

test('a store without a summary, and one of another format, are refused', async () => {
  const bare = await filled();
  bare.tamper('summary', undefined);
  await expect(RecordBackend.open(bare, { onFailure })).rejects.toThrow(BackendDamagedError);

  const other = await filled();
  const numbers = new Uint8Array(new Float64Array([2, 0, 0]).buffer);
  other.tamper('summary', encodeChecked('summary', numbers));
  await expect(RecordBackend.open(other, { onFailure })).rejects.toThrow(DataDirectoryError);
});

test('with a clock, what is committed gathers until it is due, enough, or waited for', async () => {
  const clock = new SimulatedClock();
  const table = new MemoryTable();
  const backend = await RecordBackend.open(table, { onFailure: () => expect.unreachable(), clock });
  let written = 0;
  const commit = async (main: number, bytes = 10): Promise<number> => {
    backend.putRecord(main, 0, false, new Uint8Array(bytes));
    backend.commit({ index: main, term: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    written = table.get(recordKey(main, 0)) === undefined ? written : main;
    return written;
  };
  expect([await commit(2), await commit(3)]).toEqual([0, 0]);
  clock.advance(BATCH_INTERVAL_MS - 1);
  expect(await commit(4)).toBe(0);
  clock.advance(1);
  expect(await commit(5), 'a new batch, and a new while').toBe(0);
  expect(table.get(recordKey(4, 0))).toBeDefined();
  expect(await commit(6, BATCH_BYTES_ENOUGH), 'enough').toBe(6);
  expect(await commit(7)).toBe(6);
  expect((await backend.checkpoint()).index, 'waited for').toBe(7);
  expect(table.get(recordKey(7, 0))).toBeDefined();
  expect(await commit(8)).toBe(6);
  await backend.close();
  expect(table.get(recordKey(8, 0)), 'nothing committed is left behind').toBeDefined();
});

const NO_SPACE = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

test('a full disk is waited for: what is written and read goes on in memory, and is on disk when there is room again', async () => {
  const clock = new SimulatedClock();
  const table = new MemoryTable();
  const told: boolean[] = [];
  const backend = await RecordBackend.open(table, {
    onFailure,
    onSpaceChange: (isFull) => void told.push(isFull),
    clock,
  });
  const put = (main: number): void => {
    backend.putRecord(main, 0, false, bytes(`v${main}`));
    backend.commit({ index: main, term: 1 });
  };
  put(2);
  await backend.checkpoint();
  put(3);
  table.failWrites(NO_SPACE);
  await expect(backend.checkpoint()).rejects.toThrow('no space left');
  expect(told).toEqual([true]);
  await expect(backend.snapshot(), 'nobody knows how long it would take').rejects.toThrow(BackendFailedError);
  for (let main = 4; main < 10; main++) put(main);
  for (const main of [2, 3, 9]) expect(text(backend.getRecord(main, 0))).toBe(`v${main}`);

  clock.advance(ROOM_RETRY_MS);
  await turn();
  expect(told).toEqual([true]);
  table.failWrites(undefined);
  await turn();
  expect(table.get(recordKey(3, 0)), 'it is not looked all the time').toBeUndefined();
  clock.advance(ROOM_RETRY_MS);
  await turn();
  expect(told).toEqual([true, false]);
  expect((await backend.checkpoint()).index).toBe(9);
  await backend.close();
  expect(await scanOf(table)).toEqual([2, 3, 4, 5, 6, 7, 8, 9].map((main) => `${main}.0 v${main}`));
});

test('closing does not wait for a full disk: the log has it', async () => {
  const clock = new SimulatedClock();
  const table = new MemoryTable();
  const backend = await RecordBackend.open(table, { onFailure, clock });
  table.failWrites(NO_SPACE);
  backend.putRecord(2, 0, false, bytes('a'));
  backend.commit({ index: 1, term: 1 });
  await expect(backend.checkpoint()).rejects.toThrow('no space left');
  await backend.close();
  expect(clock.nextAt(), 'no timer is left').toBeUndefined();
  expect(await scanOf(table)).toEqual([]);
});

test('a store that has lost a batch while the disk was full ends the backend', async () => {
  const clock = new SimulatedClock();
  const table = new MemoryTable();
  const failures: Error[] = [];
  const backend = await RecordBackend.open(table, { onFailure: (error) => failures.push(error), clock });
  backend.putRecord(2, 0, false, bytes('a'));
  backend.commit({ index: 1, term: 1 });
  await backend.checkpoint();
  const before = table.get(SUMMARY_KEY);
  backend.putRecord(3, 0, false, bytes('b'));
  backend.commit({ index: 2, term: 1 });
  await backend.checkpoint();
  table.failWrites(NO_SPACE);
  backend.putRecord(4, 0, false, bytes('c'));
  backend.commit({ index: 3, term: 1 });
  await expect(backend.checkpoint()).rejects.toThrow('no space left');
  table.tamper(SUMMARY_KEY, before);
  table.failWrites(undefined);
  clock.advance(ROOM_RETRY_MS);
  await turn();
  expect(failures.map(({ name }) => name)).toEqual(['BackendDamagedError']);
  await backend.close();
});
