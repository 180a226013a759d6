/**
 * Real LevelDB files are damaged, cut and taken away. What comes of it is found out, or what is left is the state after some
 * earlier commit, not older than the last checkpoint: then the log has the rest.
 */

import { copyFile, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../src/base/index.ts';
import { BackendDamagedError, DataDirectoryError, LevelTable, RecordBackend } from '../../src/storage/index.ts';
import { findLevelLogDamage } from '../../src/storage/level-log.ts';
import { bytes, scanned } from '../suites/backend.suite.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';

const COMMITS = 1500;
const CHECKPOINT = 1000;

let root: string;
let intact: string;

beforeAll(async () => {
  root = await makeTemporaryDirectory();
  intact = `${root}/intact`;
  const backend = await RecordBackend.open(await LevelTable.open(intact), {
    onFailure: (error) => {
      throw error;
    },
  });
  for (let index = 1; index <= COMMITS; index++) {
    backend.putRecord(index + 1, 0, false, bytes(`value ${index} ${'x'.repeat(200)}`));
    backend.commit({ index, term: 1 });
    // Each in a batch of its own, so that any may be the last.
    if (index % 10 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    if (index === CHECKPOINT) expect(await backend.checkpoint()).toEqual({ index: CHECKPOINT, term: 1 });
  }
  await backend.close();
}, 60_000);

afterAll(() => removeDirectory(root));

let copies = 0;

async function copy(): Promise<string> {
  const to = `${root}/copy-${copies++}`;
  await mkdir(to);
  for (const name of await readdir(intact)) await copyFile(`${intact}/${name}`, `${to}/${name}`);
  return to;
}

/** `damaged`, or the applied index of a store that is whole as of then. */
async function verdict(directory: string): Promise<'damaged' | number> {
  let backend: RecordBackend | undefined;
  let table: LevelTable | undefined;
  try {
    table = await LevelTable.open(directory);
    backend = await RecordBackend.open(table, { onFailure: () => undefined });
    const { index } = backend.applied;
    const records = await scanned(backend);
    const expected = Array.from({ length: index }, (_, i) => `${i + 2}.0 value ${i + 1} ${'x'.repeat(200)}`);
    expect(records.join() === expected.join(), `the records as of commit ${index}`).toBe(true);
    return index;
  } catch (error) {
    if (error instanceof BackendDamagedError) return 'damaged';
    throw error;
  } finally {
    await (backend ?? table)?.close();
  }
}

async function filesOf(directory: string, ending: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith(ending)).map((name) => `${directory}/${name}`);
}

async function flip(path: string, at: number, length: number): Promise<void> {
  const content = await readFile(path);
  for (let i = at; i < Math.min(content.length, at + length); i++) content[i] = (content[i] ?? 0) ^ 0xff;
  await writeFile(path, content);
}

test('an intact one is', async () => {
  expect(await verdict(await copy())).toBe(COMMITS);
});

test('64 bytes of a log file are flipped: it is refused before LevelDB has touched it, and the remedy works', async () => {
  const size = (await readFile(present((await filesOf(intact, '.log'))[0], 'a log'))).length;
  expect(size).toBeGreaterThan(50_000);
  for (const part of [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999]) {
    const directory = await copy();
    const log = present((await filesOf(directory, '.log'))[0], 'a log');
    await flip(log, Math.floor(size * part), 64);
    const damaged = await readFile(log);
    const error: unknown = await LevelTable.open(directory).catch((failure: unknown) => failure);
    expect(error, `at ${part}`).toBeInstanceOf(BackendDamagedError);
    if (!(error instanceof BackendDamagedError)) return;
    expect(error.path).toBe(log);
    expect(error.remedy).toContain('Move this one file away');
    expect(damaged.equals(await readFile(log))).toBe(true);

    await rename(log, `${directory}/aside`);
    const index = await verdict(directory);
    expect(index).not.toBe('damaged');
    expect(index).toBeGreaterThanOrEqual(CHECKPOINT);
  }
});

test('64 bytes of a table are flipped: it is refused, unless they mean nothing', async () => {
  const tables = await filesOf(intact, '.ldb');
  expect(tables.length).toBeGreaterThan(0);
  for (const table of tables) {
    const size = (await readFile(table)).length;
    let refused = 0;
    for (let part = 0; part < 24; part++) {
      const directory = await copy();
      await flip(table.replace(intact, directory), Math.floor(((size - 64) * part) / 23), 64);
      const found = await verdict(directory);
      if (found === 'damaged') refused++;
      else expect(found, `${table} part ${part}`).toBe(COMMITS);
      await rm(directory, { recursive: true });
    }
    // What means nothing: summaries that a newer one has taken the place of, and at the end a list of filters, which there are none of.
    expect(refused).toBeGreaterThanOrEqual(16);
  }
});

test('a file is missing: it is refused, unless it is the log', async () => {
  for (const name of await readdir(intact)) {
    if (name === 'LOCK' || name === 'LOG' || name === 'LOG.old') continue;
    const directory = await copy();
    await rm(`${directory}/${name}`);
    const found = await verdict(directory);
    if (name.endsWith('.log')) expect(found).toBeGreaterThanOrEqual(CHECKPOINT);
    else if (name === 'CURRENT')
      expect(found === 'damaged' || found === 0, 'then it is empty, and the log is not').toBe(true);
    else expect(found, name).toBe('damaged');
  }
});

test('a log that ends anywhere is a crash: what is left is the state after some commit', async () => {
  const size = (await readFile(present((await filesOf(intact, '.log'))[0], 'a log'))).length;
  for (let part = 0; part <= 20; part++) {
    const directory = await copy();
    const log = present((await filesOf(directory, '.log'))[0], 'a log');
    await truncate(log, Math.floor((size * part) / 20));
    // Some file systems lengthen the file before they write to it.
    if (part % 2 === 0) await truncate(log, size);
    const index = await verdict(directory);
    expect(index).toBeGreaterThanOrEqual(CHECKPOINT);
    expect(index).toBeLessThanOrEqual(COMMITS);
    await rm(directory, { recursive: true });
  }
});

test('no byte of a log can change unseen', async () => {
  const log = await readFile(present((await filesOf(intact, '.log'))[0], 'a log'));
  const part = new Uint8Array(log.subarray(0, 40_000));
  expect(findLevelLogDamage(part)).toBeUndefined();
  for (let at = 0; at < 4000; at++) {
    part[at] = (part[at] ?? 0) ^ (1 << (at % 8));
    expect(findLevelLogDamage(part), `byte ${at}`).toBeDefined();
    part[at] = (part[at] ?? 0) ^ (1 << (at % 8));
  }
});

test('a store that is open cannot be opened a second time', async () => {
  const directory = await copy();
  const table = await LevelTable.open(directory);
  await expect(LevelTable.open(directory)).rejects.toThrow(DataDirectoryError);
  await expect(LevelTable.open(directory)).rejects.toThrow('in use by another process');
  await table.close();
  expect(await verdict(directory)).toBe(COMMITS);
});
