/**
 * The bench works: every number comes out, nothing fails, nothing is left behind. How large the numbers are is not asserted:
 * a busy machine is no broken program.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { etcdserverpb } from '../../src/gen/etcd.js';
import { hasEtcd } from '../support/servers.ts';
import { longestHoldMs } from './event-loop-hold.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { hasH2Load } from './load-h2load.ts';
import { call, PUT_PATH, revisionOf } from './raw-call.ts';
import { type Row, rowsOf, tableOf, timesOf, withTable } from './report.ts';
import { less, more } from './sample.ts';
import { BenchServer, type Side } from './server-process.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const NODE_ENTRY = resolve(import.meta.dirname, '../../dist/cli/main.js');
const BENCH_WITHIN_MS = 600_000;
/** A hundred ports, that others who run this test at the same time are unlikely to use. */
const PORT = 25_000 + 100 * (process.pid % 70);

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchraft-bench-test-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function bench(...args: string[]): ChildProcess {
  const options = [
    '--import',
    import.meta.resolve('tsx'),
    MAIN,
    '--quick',
    '--dir',
    directory,
    '--port',
    String(PORT),
    ...args,
  ];
  return spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function missing(): string | undefined {
  if (!hasEtcd()) return 'etcd is not installed: apt-get install etcd-server etcd-client';
  return hasH2Load() ? undefined : 'h2load is not installed: apt-get install nghttp2-client';
}

/** Those that keep to a rate whatever the machine does (delay, slow-watcher) fail on one that is overloaded: they are for quiet ones. */
const WORKS = ['puts', 'cluster', 'ranges', 'fanout', 'secure', 'leases', 'lease-ends', 'memory', 'startup', 'million'];
const IS_OURS_ALONE = /event loop|a million watchers/;

test('a quick run measures every work on every side', { timeout: BENCH_WITHIN_MS }, async ({ skip }) => {
  const why = missing();
  if (why !== undefined) skip(why);
  const sides: readonly Side[] = existsSync(NODE_ENTRY) ? ['etcd', 'ours'] : ['etcd'];
  const json = join(directory, 'result.json');
  const child = bench('--only', WORKS.join(), '--json', json, ...(sides.length === 1 ? ['--side', 'etcd'] : []));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => (output += String(bytes)));
  const [code] = await once(child, 'close');
  expect(code, output).toBe(0);

  const { rows, failures } = JSON.parse(await readFile(json, 'utf8')) as { rows: Row[]; failures: string[] };
  expect(failures).toEqual([]);
  for (const row of rows) {
    for (const side of IS_OURS_ALONE.test(row.measure) ? ['ours' as const] : sides) {
      expect(Number.isFinite(row[side]?.median), `${row.measure}, ${side}`).toBe(true);
      if (row.unit === '1/s') expect(row[side]?.least, `${row.measure}, ${side}`).toBeGreaterThan(0);
    }
  }
  for (const word of [
    'puts',
    'three members',
    'catch-up',
    'after the leader is killed',
    'ranges',
    'events',
    'over TLS',
    'by a user',
    'leases granted',
    'leases that have ended',
    'keepalives',
    'memory',
    'start',
    'a million watchers',
  ]) {
    expect(
      rows.some(({ measure }) => measure.includes(word)),
      word,
    ).toBe(true);
  }
  await rm(json);
  expect(await readdir(directory)).toEqual([]);
});

test('a bench that is ended ends its server and removes its files', async ({ skip }) => {
  const why = missing();
  if (why !== undefined) skip(why);
  const child = bench('--only', 'delay', '--side', 'etcd');
  const closed = once(child, 'close');
  while (!(await listens(PORT))) await sleep(10);
  child.kill('SIGTERM');
  await closed;
  expect(await readdir(directory)).toEqual([]);
  // The kernel may take a moment to end a process that waits for the disk.
  while (await listens(PORT)) await sleep(10);
});

test('a call that the server refuses with HTTP 200 is no success', async ({ skip }) => {
  const why = missing();
  if (why !== undefined) skip(why);
  await using server = await BenchServer.start({
    side: 'etcd',
    command: ['etcd'],
    dataDir: join(directory, 'calls'),
    clientPort: PORT,
    processor: undefined,
    settleMs: 10,
  });
  const before = await revisionOf(server.port);
  const empty = etcdserverpb.PutRequest.encode({ value: Buffer.from('a') }).finish();
  await expect(call(server.port, PUT_PATH, empty)).rejects.toThrow('/etcdserverpb.KV/Put: the call failed');
  expect(await revisionOf(server.port)).toBe(before);
  const put = etcdserverpb.PutRequest.encode({ key: Buffer.from('a'), value: Buffer.alloc(100_000) }).finish();
  await call(server.port, PUT_PATH, put);
  expect(await revisionOf(server.port)).toBe(before + 1);
});

test('quantiles of the histogram are those of the sorted delays, to one part in 64', () => {
  const histogram = new LatencyHistogram();
  const delays = Array.from({ length: 10_000 }, (_, i) => Math.round((i + 1) ** 2 / 7) / 1000);
  for (const ms of delays) histogram.add(ms, 1);
  for (const share of [0.001, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = delays[Math.ceil(share * delays.length) - 1] ?? 0;
    const quantile = histogram.quantileMs(share);
    expect(quantile, String(share)).toBeLessThanOrEqual(exact);
    expect(quantile, String(share)).toBeGreaterThanOrEqual(exact * (1 - 1 / 64) - 0.001);
  }
  expect(new LatencyHistogram().quantileMs(0.5)).toBe(0);
});

test('the longest hold of the event loop is bounded by its bucket and by the sum', () => {
  const name = 'watchraft_event_loop_delay_seconds';
  const metrics = (counts: readonly number[], sum: number): string =>
    [
      ...['0.001', '0.002', '0.004', '+Inf'].map((le, i) => `${name}_bucket{le="${le}"} ${counts[i]}`),
      `${name}_sum ${sum}`,
    ].join('\n');
  expect(longestHoldMs(metrics([5, 7, 7, 7], 0.009))).toBe(2);
  expect(longestHoldMs(metrics([5, 7, 8, 8], 1))).toBe(4);
  expect(longestHoldMs(metrics([5, 7, 8, 9], 1.5))).toBe(1500);
  expect(longestHoldMs(metrics([6, 8, 9, 9], 1.003), metrics([5, 7, 8, 8], 1))).toBe(1);
  expect(longestHoldMs(metrics([5, 8, 9, 9], 1.003), metrics([5, 7, 8, 8], 1))).toBe(2);
  expect(longestHoldMs('etcd_server_has_leader 1\n')).toBeUndefined();
});

test('the table has medians, spreads and ratios of medians that are above 1 when ours is better', () => {
  const rows = rowsOf([
    { ...more('puts', '1/s', 3000, 1.5), side: 'ours' },
    { ...more('puts', '1/s', 1000), side: 'etcd' },
    { ...more('puts', '1/s', 1000), side: 'ours' },
    { ...more('puts', '1/s', 2000), side: 'ours' },
    { ...less('delay', 'ms', 4), side: 'ours' },
    { ...less('delay', 'ms', 1), side: 'etcd' },
    { ...less('delay', 'ms', 3), side: 'etcd' },
    { ...less('hold', 'ms', 8), side: 'ours' },
  ]);
  const table = [
    '| work | unit | watchraft | etcd | times better | goal |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    '| puts | 1/s | 2,000 (1,000 – 3,000) | 1,000 | 2 | 1.5 |',
    '| delay | ms | 4 | 2 (1 – 3) | 0.5 |  |',
    '| hold | ms | 8 |  |  |  |',
    '',
  ];
  expect(tableOf(rows)).toBe(table.join('\n'));
  const seconds = new Map([
    ['puts', 58.6],
    ['ranges', 61],
  ]);
  expect(timesOf(seconds)).toBe('Seconds, all rounds together: puts 59, ranges 61; in all 2.0 minutes.');
  const end = '<!-- end of the table -->';
  const all = '<!-- table: npm run bench -- --write -->';
  const one = '<!-- table: npm run bench -- --only one --write -->';
  const document = `a\n${all}\nold\n${end}\nb\n${one}\nold\n${end}\nc\n`;
  expect(withTable(document, 'new\n')).toBe(`a\n${all}\n\nnew\n\n${end}\nb\n${one}\nold\n${end}\nc\n`);
  expect(withTable(document, 'new\n', 'one')).toBe(`a\n${all}\nold\n${end}\nb\n${one}\n\nnew\n\n${end}\nc\n`);
  expect(() => withTable(document, 'new\n', 'two')).toThrow('no marks');
  expect(() => withTable('a\n', 'new\n')).toThrow('no marks');
});

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
