import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Chaos } from '../../../cluster/chaos/chaos.ts';
import { parseOptions } from '../../../cluster/chaos/options.ts';
import { clock, passed, type Results, report } from '../../../cluster/chaos/report.ts';
import { check } from '../../../cluster/checker/index.ts';
import { Findings } from '../../../cluster/report/index.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';

test('the command line', () => {
  expect(parseOptions(['--seed', '7', '--minutes', '0.5', '--server', 'etcd --logger=zap'])).toMatchObject({
    seed: 7,
    minutes: 0.5,
    server: ['etcd', '--logger=zap'],
    progress: true,
  });
  expect(parseOptions(['--without-progress'])?.progress).toBe(false);
  expect(parseOptions(['--failpoints'])?.failpoints).toBe(true);
  expect(parseOptions(['--help'])).toBeUndefined();
  expect(() => parseOptions(['--minutes', 'x'])).toThrow('--minutes');
  expect(() => parseOptions(['--seed', '-1'])).toThrow();
  expect(() => parseOptions(['--minutes', '60', '--rate', '300'])).toThrow('at most 111 a second can be recorded');
});

function results(change: Partial<Results> = {}): Results {
  const findings = new Findings();
  for (let i = 1; i <= 7; i++) findings.add(`finding ${i}`);
  return {
    command: 'npm run chaos -- --seed 7',
    server: 'etcd',
    seconds: 61,
    checks: [
      check('fine', 12, new Findings()),
      check('large', 9, new Findings(), 'some was not decided'),
      check('wrong', 3, findings),
    ],
    timeline: [
      { atMs: 3_000, text: 'kill n1' },
      { atMs: 67_350, text: 'n2 leads in term 3' },
    ],
    faults: 1,
    leaders: 2,
    snapshots: 1,
    writesPerSecond: Array.from({ length: 25 }, (_, i) => i),
    longestStall: { fromMs: 3_000, ms: 1_234 },
    tallies: new Map([
      ['put ok', 10],
      ['put unknown', 2],
      ['read ok', 4],
    ]),
    watchers: 16,
    eventsTold: 99,
    streamsLost: 3,
    compactionGaps: 1,
    peaks: { slowWatchers: 2, pendingEvents: 8 },
    memoryBytesMax: 2 ** 27,
    ...change,
  };
}

test('the report tells what happened when, and what was found', () => {
  const text = report(results());
  expect(text).toContain('# Chaos run: FAILED');
  expect(text).toContain('Longest time without an acknowledged write: 1.23 s, from  0:03.0.');
  expect(text).toMatch(/fine +12 +passed\n/);
  expect(text).toMatch(/large +9 +passed, but some was not decided\n/);
  expect(text).toMatch(/wrong +3 +FAILED \(7\)\n/);
  expect(text).toContain('wrong:\n- finding 1\n');
  expect(text).toContain('- and 2 more');
  expect(text).toContain(' 0:03.0  kill n1\n 1:07.3  n2 leads in term 3\n');
  expect(text).toContain(' 0:20.0   20  21  22  23  24\n');
  expect(text).toMatch(/put +10 +0 +2\n/);
  expect(text).toContain('Again: `npm run chaos -- --seed 7`');
});

test('a run passes when nothing was found', () => {
  const [fine, large, wrong] = results().checks;
  expect(passed([fine, large].flatMap((each) => each ?? []))).toBe(true);
  expect(passed([fine, wrong].flatMap((each) => each ?? []))).toBe(false);
  expect(report(results({ checks: [] }))).toContain('# Chaos run: passed');
});

test('the clock', () => {
  expect([0, 999, 60_000, 3_599_990].map(clock)).toEqual([' 0:00.0', ' 0:00.9', ' 1:00.0', '59:59.9']);
});

test('a short run on three members of this project passes, and says so', () =>
  withTemporaryDirectory(async (directory) => {
    // Seed 60 draws that all members are killed once.
    const reportFile = join(directory, 'chaos.md');
    const args = ['--seed', '60', '--minutes', '0.185', '--rate', '100', '--port', '25060', '--report', reportFile];
    const options = parseOptions(args);
    if (options === undefined) throw new Error('options are wanted');
    let written = '';
    const output = { write: (text: string) => (written += text) };
    const isGood = await new Chaos(options, output).run(new AbortController().signal);
    expect(isGood, written).toBe(true);
    const text = await readFile(reportFile, 'utf8');
    expect(text).toContain('# Chaos run: passed');
    expect(text).toContain('kill all members');
    expect(written).toContain(text);
  }));
