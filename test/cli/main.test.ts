/** The process itself: which stream, which exit code, and that it needs nothing of its environment. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

function run(...argv: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...argv], {
    env: {},
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('it can be started by name', () => {
  expect(readFileSync(MAIN, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
});

test('the version is on stdout', () => {
  const { status, stdout, stderr } = run('--version');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.split('\n').map((line) => line.split(':')[0])).toEqual([
    'etcd Version',
    'Git SHA',
    'Go Version',
    'Go OS/Arch',
    'watchraft Version',
    '',
  ]);
});

test('an unknown flag: usage on stderr, 2', () => {
  const { status, stdout, stderr } = run('--nope');
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/^flag provided but not defined: -nope\nUsage:\n/);
});

test('a contradiction: a line of the log on stderr, 1', () => {
  const { status, stdout, stderr } = run('--election-timeout=200');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(
    stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toMatchObject([
    { level: 'error', msg: 'failed to verify flags', error: expect.stringContaining('--election-timeout[200ms]') },
  ]);
});

test('a log that cannot be opened: said on stderr, 1', () => {
  const { status, stderr } = run('--log-outputs=/none/log');
  expect(status).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({
    level: 'error',
    msg: 'cannot open the log',
    error: expect.stringContaining('/none/log'),
  });
});
