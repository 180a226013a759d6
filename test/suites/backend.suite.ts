/** What a backend must do, on LevelDB and on its twin. */

import { expect, test } from 'vitest';
import { type Bytes, equalBytes } from '../../src/base/index.ts';
import type { ScannedRecord } from '../../src/mvcc/index.ts';
import type { BackendOptions, DurableBackend } from '../../src/storage/index.ts';

export interface BackendUnderTest {
  /** Opens the same store again; the one before must have been closed. */
  readonly open: (options?: Partial<BackendOptions>) => Promise<DurableBackend>;
  readonly dispose: () => Promise<void>;
}

export const bytes = (text: string): Bytes => new TextEncoder().encode(text);
export const text = (value: Bytes | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);

/** For large values: to show the difference of two would take the runner minutes. */
const isSame = (a: Bytes | undefined, b: Bytes): boolean => a !== undefined && equalBytes(a, b);

export const MARK = { currentRevision: 7, compactRevision: 3, finishedCompactRevision: -1 };

/** All records, as `main.sub value`, a tombstone with a cross. */
export async function scanned(backend: DurableBackend): Promise<string[]> {
  const all: ScannedRecord[] = [];
  for await (const chunk of backend.scan()) all.push(...chunk);
  return all.map(({ main, sub, tombstone, keyValue }) => `${main}.${sub}${tombstone ? ' †' : ''} ${text(keyValue)}`);
}

export function backendSuite(name: string, make: () => Promise<BackendUnderTest>): void {
  const withBackend = (what: string, run: (open: BackendUnderTest['open']) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const { open, dispose } = await make();
      try {
        await run(open);
      } finally {
        await dispose();
      }
    });
  };

  withBackend('a new one is empty', async (open) => {
    const backend = await open();
    expect(backend.applied).toEqual({ index: 0, term: 0 });
    expect(backend.mark).toEqual({ currentRevision: 1, compactRevision: -1, finishedCompactRevision: -1 });
    expect(await scanned(backend)).toEqual([]);
    expect(backend.getRecord(1, 0)).toBeUndefined();
    expect(backend.getState('alarms')).toBeUndefined();
    expect(backend.sizeInUseBytes()).toBe(0);
    await backend.close();
  });

  withBackend('a read sees every write before it, written or not, committed or not', async (open) => {
    const backend = await open();
    backend.putRecord(2, 0, false, bytes('a'));
    backend.putState('alarms', bytes('nospace'));
    expect(text(backend.getRecord(2, 0))).toBe('a');
    expect(text(backend.getState('alarms'))).toBe('nospace');
    backend.commit({ index: 1, term: 1 });
    backend.deleteRecord(2, 0);
    expect(backend.getRecord(2, 0)).toBeUndefined();
    backend.commit({ index: 2, term: 1 });
    await backend.checkpoint();
    expect(backend.getRecord(2, 0)).toBeUndefined();
    backend.putState('alarms', bytes(''));
    expect(text(backend.getState('alarms'))).toBe('');
    await backend.close();
  });

  withBackend('what was committed is there again', async (open) => {
    const before = await open();
    for (let main = 2; main < 50; main++) {
      before.putRecord(main, 0, false, bytes(`value ${main}`));
      if (main % 5 === 0) before.putRecord(main, 1, true, bytes('gone'));
      before.putStoreMark({ ...MARK, currentRevision: main });
      before.putState('members', bytes(`${main}`));
      before.commit({ index: main + 100, term: 3, confState: Uint8Array.of(8, 1) });
    }
    await before.close();
    const backend = await open();
    expect(backend.applied).toEqual({ index: 149, term: 3, confState: Uint8Array.of(8, 1) });
    expect(backend.mark).toEqual({ ...MARK, currentRevision: 49 });
    expect(text(backend.getState('members'))).toBe('49');
    const expected: string[] = [];
    for (let main = 2; main < 50; main++) {
      expected.push(`${main}.0 value ${main}`);
      if (main % 5 === 0) expected.push(`${main}.1 † gone`);
    }
    expect(await scanned(backend)).toEqual(expected);
    expect(text(backend.getRecord(30, 0))).toBe('value 30');
    await backend.close();
  });

  withBackend('items are there again, by kind and in order of their names, as they were put last', async (open) => {
    const before = await open();
    for (const name of ['b', 'a', 'c', 'd']) before.putItem('lease', name, bytes(`old ${name}`));
    before.putItem('leaser', 'a', bytes('another kind'));
    before.commit({ index: 1, term: 1 });
    before.putItem('lease', 'a', bytes('new a'));
    before.deleteItem('lease', 'c');
    before.deleteItem('lease', 'none');
    before.commit({ index: 2, term: 1 });
    await before.checkpoint();
    before.deleteItem('lease', 'b');
    await before.close();
    const backend = await open();
    const found: string[] = [];
    for await (const items of backend.items('lease')) {
      for (const { name, value } of items) found.push(`${name}: ${text(value)}`);
    }
    expect(found).toEqual(['a: new a', 'b: old b', 'd: old d']);
    await backend.close();
  });

  withBackend('what was not committed is not', async (open) => {
    const before = await open();
    before.putRecord(2, 0, false, bytes('a'));
    before.commit({ index: 1, term: 1 });
    await before.checkpoint();
    before.putRecord(3, 0, false, bytes('b'));
    before.putState('x', bytes('y'));
    await before.close();
    const backend = await open();
    expect(await scanned(backend)).toEqual(['2.0 a']);
    expect(backend.getState('x')).toBeUndefined();
    await backend.close();
  });

  withBackend('records come in order of main, then sub', async (open) => {
    const keys: (readonly [number, number])[] = [
      [2, 0],
      [9, 0],
      [10, 0],
      [10, 2],
      [10, 10],
      [255, 0],
      [256, 0],
      [2 ** 32, 5],
      [2 ** 32 + 1, 0],
      [Number.MAX_SAFE_INTEGER, 2 ** 32 - 1],
    ];
    const before = await open();
    for (const [main, sub] of keys.toReversed()) before.putRecord(main, sub, false, bytes('v'));
    before.commit({ index: 1, term: 1 });
    await before.close();
    const backend = await open();
    expect(await scanned(backend)).toEqual(keys.map(([main, sub]) => `${main}.${sub} v`));
    for (const [main, sub] of keys) expect(text(backend.getRecord(main, sub))).toBe('v');
    await backend.close();
  });

  withBackend('bytes that were handed out stay as they are, however much is written after them', async (open) => {
    const backend = await open({ cacheBytes: 2 * 1024 * 1024 });
    backend.putRecord(2, 0, false, bytes('first'));
    const first = backend.getRecord(2, 0);
    const large = new Uint8Array(100_000).fill(1);
    for (let main = 3; main < 103; main++) {
      backend.putRecord(main, 0, false, large);
      backend.commit({ index: main, term: 1 });
      await backend.pressure();
    }
    await backend.checkpoint();
    expect(text(first)).toBe('first');
    expect(text(backend.getRecord(2, 0))).toBe('first');
    for (let main = 3; main < 103; main++) expect(isSame(backend.getRecord(main, 0), large)).toBe(true);
    await backend.close();
  });

  withBackend('a value may be larger than a slab of the cache, and empty', async (open) => {
    const large = new Uint8Array(3_000_000).fill(7);
    const before = await open();
    before.putRecord(2, 0, false, large);
    before.putRecord(3, 0, true, new Uint8Array(0));
    before.commit({ index: 1, term: 1 });
    expect(isSame(before.getRecord(2, 0), large)).toBe(true);
    expect(before.getRecord(3, 0)).toHaveLength(0);
    await before.close();
    const backend = await open();
    expect(isSame(backend.getRecord(2, 0), large)).toBe(true);
    expect(backend.getRecord(3, 0)).toHaveLength(0);
    await backend.close();
  });

  withBackend('a checkpoint says what it covers', async (open) => {
    const backend = await open();
    expect(await backend.checkpoint()).toEqual({ index: 0, term: 0 });
    backend.putRecord(2, 0, false, bytes('a'));
    backend.commit({ index: 5, term: 2 });
    backend.putRecord(3, 0, false, bytes('b'));
    expect(await backend.checkpoint()).toEqual({ index: 5, term: 2 });
    backend.commit({ index: 6, term: 2 });
    expect(await backend.checkpoint()).toEqual({ index: 6, term: 2 });
    await backend.close();
  });

  withBackend('sizes follow what is put and deleted', async (open) => {
    const backend = await open();
    for (let main = 2; main < 102; main++) backend.putRecord(main, 0, false, new Uint8Array(1000));
    backend.commit({ index: 1, term: 1 });
    await backend.checkpoint();
    expect(backend.sizeInUseBytes()).toBeGreaterThan(100_000);
    expect(backend.sizeInUseBytes()).toBeLessThan(120_000);
    expect(backend.sizeBytes()).toBeGreaterThan(0);
    for (let main = 2; main < 52; main++) backend.deleteRecord(main, 0);
    backend.commit({ index: 2, term: 1 });
    expect(backend.sizeInUseBytes()).toBeGreaterThan(50_000);
    expect(backend.sizeInUseBytes()).toBeLessThan(60_000);
    await backend.close();
    const again = await open();
    expect((await scanned(again)).length).toBe(50);
    expect(again.sizeInUseBytes()).toBeGreaterThan(50_000);
    expect(again.sizeInUseBytes()).toBeLessThan(60_000);
    await again.close();
  });

  withBackend('each batch that is written is timed', async (open) => {
    const seconds: number[] = [];
    const backend = await open({ onCommit: (each) => seconds.push(each) });
    backend.commit({ index: 1, term: 1 });
    await backend.checkpoint();
    backend.commit({ index: 2, term: 1 });
    await backend.checkpoint();
    expect(seconds).toHaveLength(2);
    await backend.close();
  });
}
