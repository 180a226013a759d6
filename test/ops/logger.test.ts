import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SILENT_LOGGER } from '../../src/base/index.ts';
import { createLogger, formatTime, type LoggerOptions, MemoryLogger, type RootLogger } from '../../src/ops/index.ts';

let folder = '';
let opened: RootLogger[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logger-'));
});

afterEach(() => {
  for (const logger of opened) logger.close();
  opened = [];
  rmSync(folder, { recursive: true });
});

const WALL = Date.UTC(2026, 10, 20, 23, 44, 50, 760);

function open(options: Partial<LoggerOptions> = {}): { logger: RootLogger; lines: () => string[] } {
  const path = join(folder, 'log');
  const logger = createLogger({ level: 'info', format: 'json', outputs: [path], wall: () => WALL, ...options });
  opened.push(logger);
  return { logger, lines: () => readFileSync(path, 'utf8').trimEnd().split('\n') };
}

test('a line has the keys of zap, in its order, and is written before the call returns', () => {
  const { logger, lines } = open();
  logger.info('ready to serve client requests', {
    'member-id': 0x8e9e05c52164694dn,
    took: '1ms',
    urls: ['a', 'b'],
    n: 3,
  });
  const ts = formatTime(WALL);
  const [line = ''] = lines();
  expect(line.replace(/logger\.test\.ts:\d+/, 'logger.test.ts:0')).toBe(
    `{"level":"info","ts":"${ts}","caller":"ops/logger.test.ts:0","msg":"ready to serve client requests",` +
      '"member-id":"8e9e05c52164694d","took":"1ms","urls":["a","b"],"n":3}',
  );
});

test('each level has its name, and what is below the level is not written', () => {
  const { logger, lines } = open();
  const sayAll = (): void => {
    for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) logger[level](level);
  };
  sayAll();
  logger.level = 'error';
  sayAll();
  logger.level = 'debug';
  sayAll();
  logger.level = 'panic';
  sayAll();
  expect(logger.level).toBe('panic');
  const levels = lines().map((line) => (JSON.parse(line) as { level: string }).level);
  expect(levels.join(' ')).toBe('info warn error fatal error fatal debug info warn error fatal fatal');
});

test('children add fields, names are joined, and both follow the level of the root', () => {
  const { logger, lines } = open();
  const child = logger.child({ a: 1 }).named('node').named('log').child({ b: 2 });
  child.warn('x', { b: 3 });
  expect(JSON.parse(lines()[0] ?? '')).toMatchObject({ logger: 'node.log', a: 1, b: 3 });
  expect(Object.keys(JSON.parse(lines()[0] ?? '') as object)).toEqual([
    'level',
    'ts',
    'logger',
    'caller',
    'msg',
    'a',
    'b',
  ]);
  logger.level = 'error';
  child.warn('y');
  expect(lines()).toHaveLength(1);
});

test('errors show their message and causes; the names of the line are kept; data of clients is censored', () => {
  const { logger, lines } = open();
  const error = new Error('cannot write', { cause: new Error('disk full') });
  logger.error('failed', {
    error,
    err: new Error('other'),
    msg: 'mine',
    password: 'secret',
    value: 'secret',
    key: 'secret',
    ids: [255n],
  });
  const line = lines()[0] ?? '';
  expect(line).not.toContain('secret');
  expect(JSON.parse(line)).toMatchObject({
    msg: 'failed',
    error: 'cannot write: disk full',
    err: 'other',
    'field.msg': 'mine',
    password: '[censored]',
    ids: ['ff'],
  });
});

test('console lines are columns', () => {
  const { logger, lines } = open({ format: 'console' });
  logger.named('node').info('started', { a: 1, b: 'x' });
  logger.warn('stopped');
  const columns = lines().map((line) => line.split('\t'));
  expect(columns[0]?.toSpliced(3, 1)).toEqual([formatTime(WALL), 'info', 'node', 'started', '{"a":1,"b":"x"}']);
  expect(columns[0]?.[3]).toMatch(/^ops\/logger\.test\.ts:\d+$/);
  expect(columns[1]).toHaveLength(4);
});

test('several outputs all get each line; a file is appended to', () => {
  const paths = [join(folder, 'one'), join(folder, 'two')];
  for (const message of ['first', 'second']) {
    const { logger } = open({ outputs: paths });
    logger.info(message);
  }
  for (const path of paths) {
    const messages = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(['first', 'second']);
  }
});

test('a file that cannot be opened is an error', () => {
  expect(() => open({ outputs: [folder] })).toThrow(/EISDIR/);
  expect(() => open({ outputs: [join(folder, 'none/log')] })).toThrow(/ENOENT/);
});

const inZone = (zone: string): string => {
  process.env['TZ'] = zone;
  return [0, 100, 120, 123].map((ms) => formatTime(Date.UTC(2026, 0, 2, 3, 4, 5, ms))).join(' ');
};

test('the time is written as Go writes it, in the zone of the host', () => {
  const before = process.env['TZ'];
  const utc = inZone('UTC');
  const [kolkata] = inZone('Asia/Kolkata').split(' ');
  const [newYork] = inZone('America/New_York').split(' ');
  if (before === undefined) delete process.env['TZ'];
  else process.env['TZ'] = before;
  expect(utc).toBe('2026-01-02T03:04:05Z 2026-01-02T03:04:05.1Z 2026-01-02T03:04:05.12Z 2026-01-02T03:04:05.123Z');
  expect(kolkata).toBe('2026-01-02T08:34:05+0530');
  expect(newYork).toBe('2026-01-01T22:04:05-0500');
});

test('standard outputs are written to, and nothing is lost when the process ends at once', () => {
  const program = `
    const { createLogger } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/ops/logger.ts'))});
    const logger = createLogger({ level: 'info', format: 'json', outputs: ['stdout', 'stderr'] });
    for (let n = 0; n < 2000; n++) logger.info('line', { n });
    process.kill(process.pid, 'SIGKILL');`;
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  for (const text of [run.stdout, run.stderr]) {
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { n: number });
    expect(lines).toHaveLength(2000);
    expect(lines.at(-1)?.n).toBe(1999);
  }
});

test('an output that is gone does not end the process, and is said once on stderr', () => {
  const program = `
    const { createLogger } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/ops/logger.ts'))});
    const logger = createLogger({ level: 'info', format: 'json', outputs: ['/dev/full'] });
    for (let n = 0; n < 3; n++) logger.info('line', { n });
    console.log('alive');`;
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  expect(run.stdout).toBe('alive\n');
  expect(run.stderr).toMatch(/^cannot write the log \/dev\/full: ENOSPC[^\n]*\n$/);
  expect(run.status).toBe(0);
});

test('the twins: one keeps what was said, the other says nothing', () => {
  const logger = new MemoryLogger();
  logger.child({ a: 1 }).named('x').named('y').warn('hello', { b: 2 });
  logger.debug('low');
  expect(logger.entries).toEqual([
    { level: 'warn', name: 'x.y', message: 'hello', fields: { a: 1, b: 2 } },
    { level: 'debug', name: '', message: 'low', fields: {} },
  ]);
  const silent = SILENT_LOGGER.child({ a: 1 }).named('x');
  for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) expect(silent[level]('x')).toBeUndefined();
});
