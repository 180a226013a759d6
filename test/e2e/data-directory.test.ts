/**
 * What a member does with a data directory that is not as it should be: says what is wrong, where, and what to do, and exits
 * with 1; or copes, if nothing acknowledged is lost by it.
 */

import { spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { runProgram, type Said } from '../support/run-program.ts';
import { watchraft } from '../support/servers.ts';

const ENTRY = resolve(import.meta.dirname, '../../dist/cli/main.js');
const PORT = 24_800;
const KEYS = 200;

/** Everything is made below it. */
const root = mkdtempSync(join(tmpdir(), 'watchraft-e2e-'));
/** The data of a member that was killed after KEYS acknowledged puts. */
const killed = join(root, 'killed');

beforeAll(async () => {
  const server = await watchraft.start(PORT, killed);
  const client = connect({ endpoints: [server.endpoint] });
  for (let i = 0; i < KEYS; i++) await client.put(`key-${i}`, `value-${i}`.padEnd(300, '.'));
  client.close();
  await server.kill('SIGKILL');
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A copy to damage. */
function copy(name: string): string {
  const directory = join(root, name);
  cpSync(killed, directory, { recursive: true });
  return directory;
}

const segmentOf = (directory: string): string => {
  const wal = join(directory, 'member/wal');
  return join(wal, readdirSync(wal).find((name) => name.endsWith('.wal')) ?? 'none');
};

/** Runs a member that is expected to refuse, to its end. */
function refused(directory: string): Promise<Said> {
  const url = `http://127.0.0.1:${PORT}`;
  return runProgram(process.execPath, [
    ENTRY,
    `--data-dir=${directory}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
  ]);
}

/** Starts a member and counts what it holds. */
async function keysServed(directory: string): Promise<{ count: number; output: string }> {
  const server = await watchraft.start(PORT, directory);
  const client = connect({ endpoints: [server.endpoint] });
  try {
    return { count: (await client.get('key-', { prefix: true })).count, output: server.output };
  } finally {
    client.close();
    await server.kill('SIGKILL');
  }
}

/** Where the next record would go. Each begins with its length, of which the top byte tells the padding (etcd's framing). */
function endOfRecords(bytes: Buffer): number {
  let at = 0;
  while (bytes.readUIntLE(at, 6) > 0) {
    const top = bytes[at + 7] ?? 0;
    at += 8 + bytes.readUIntLE(at, 6) + (top >= 0x80 ? top & 7 : 0);
  }
  return at;
}

/** Flips bits in the middle of a file, between `from` and the end of what is not zero. */
function damage(path: string, at: (size: number) => number): void {
  const bytes = readFileSync(path);
  const position = at(bytes.length);
  for (let i = 0; i < 64; i++) bytes[position + i] = (bytes[position + i] ?? 0) ^ 0x5a;
  writeFileSync(path, bytes);
}

test('SIGKILL takes nothing that was acknowledged', async () => {
  expect((await keysServed(copy('again'))).count).toBe(KEYS);
});

test('without its store a member rebuilds it from the log', async () => {
  const directory = copy('no-store');
  rmSync(join(directory, 'member/db'), { recursive: true });
  expect((await keysServed(directory)).count).toBe(KEYS);
});

test('a torn end of the log is cut, and that is said', async () => {
  const directory = copy('torn');
  const segment = segmentOf(directory);
  const bytes = readFileSync(segment);
  // A record of 4000 bytes of which the disk has only what goes to the end of its first sector.
  const start = endOfRecords(bytes);
  bytes.fill(0x55, start, Math.ceil((start + 64) / 512) * 512);
  bytes.set([0xa0, 0x0f, 0, 0, 0, 0, 0, 0, 8, 2, 16], start);
  writeFileSync(segment, bytes);
  const { count, output } = await keysServed(directory);
  expect(count).toBe(KEYS);
  expect(output).toContain('cut a torn write off the end of the write-ahead log');
});

test('a log damaged in its middle is refused, by name', async () => {
  const directory = copy('damaged-log');
  const segment = segmentOf(directory);
  const used = readFileSync(segment).findLastIndex((byte) => byte !== 0);
  damage(segment, () => Math.floor(used / 2));
  const { code, stderr } = await refused(directory);
  expect(code).toBe(1);
  expect(stderr).toContain('the write-ahead log is damaged');
  expect(stderr).toContain(segment);
  expect(stderr).toContain('Restore the data directory');
});

test('a damaged store is refused, by name, and the log can rebuild it', async () => {
  const directory = copy('damaged-store');
  const db = join(directory, 'member/db');
  const log = readdirSync(db).find((name) => name.endsWith('.log')) ?? 'none';
  damage(join(db, log), (size) => Math.floor(size / 2));
  const { code, stderr } = await refused(directory);
  expect(code).toBe(1);
  expect(stderr).toContain('the store is damaged');
  expect(stderr).toContain(db);
});

test('a directory of another program is refused', async () => {
  const directory = join(root, 'foreign');
  mkdirSync(join(directory, 'member/snap'), { recursive: true });
  writeFileSync(join(directory, 'member/snap/db'), 'bolt');
  const { code, stderr } = await refused(directory);
  expect(code).toBe(1);
  expect(stderr).toContain('the data directory cannot be used');
});

test('a path that is a file is refused', async () => {
  const path = join(root, 'file');
  appendFileSync(path, 'not a directory');
  const { code, stderr } = await refused(path);
  expect(code).toBe(1);
  expect(stderr).toContain('the data directory cannot be used');
});

test('a directory in use is refused, and its owner goes on', async () => {
  const directory = copy('in-use');
  const server = await watchraft.start(PORT, directory);
  const client = connect({ endpoints: [server.endpoint] });
  try {
    const url = `http://127.0.0.1:${PORT + 2}`;
    const flags = [`--data-dir=${directory}`, `--listen-client-urls=${url}`, `--advertise-client-urls=${url}`];
    const { code, stderr } = await runProgram(process.execPath, [ENTRY, ...flags]);
    expect(code).toBe(1);
    expect(stderr).toContain('the data directory cannot be used');
    await client.put('still', 'here');
    expect((await client.get('still')).count).toBe(1);
  } finally {
    client.close();
    await server.kill('SIGKILL');
  }
});

test('a port in use is refused', async () => {
  const server = await watchraft.start(PORT, copy('port-owner'));
  try {
    const { code, stderr } = await refused(join(root, 'port-other'));
    expect(code).toBe(1);
    expect(stderr).toContain('cannot listen on');
  } finally {
    await server.kill('SIGKILL');
  }
});

test('SIGTERM ends it cleanly: the store then holds all of the log', async () => {
  const directory = copy('term');
  const server = await watchraft.start(PORT, directory);
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  const { count, output } = await keysServed(directory);
  expect(count).toBe(KEYS);
  const found = /"applied-index":(?<applied>\d+),"log-ends-at":(?<end>\d+)/.exec(output)?.groups;
  expect(found?.['applied']).toBe(found?.['end']);
});

test('it is started directly: the pid that was started is the server', async () => {
  const url = `http://127.0.0.1:${PORT}`;
  const flags = [ENTRY, '--data-dir', copy('direct'), '--listen-client-urls', url, '--advertise-client-urls', url];
  const child = spawn(process.execPath, flags, { env: {}, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  await new Promise<void>((ready, failed) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('ready to serve client requests')) ready();
    });
    child.on('exit', () => failed(new Error(said)));
  });
  child.removeAllListeners('exit');
  const exited = new Promise((resolveExit) => child.on('exit', (code) => resolveExit(code)));
  process.kill(child.pid ?? 0, 'SIGTERM');
  expect(await exited).toBe(0);
});
