import { afterEach, expect, test } from 'vitest';
import { FAILPOINTS } from '../../../src/base/index.ts';
import { ArmedFailpoints } from '../../../src/ops/failpoints/armed-failpoints.ts';
import { FailpointServer } from '../../../src/ops/failpoints/failpoint-server.ts';
import { MemoryLogger, openGofail } from '../../../src/ops/index.ts';

const logger = new MemoryLogger();
const failpoints = new ArmedFailpoints(logger, { die: () => {}, holdThread: () => {}, chance: () => 0 });
const server = await FailpointServer.listen('127.0.0.1:0', failpoints, logger);

afterEach(() => {
  for (const name of FAILPOINTS) failpoints.disarm(name);
});

async function ask(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
  const url = `http://127.0.0.1:${server.port}${path}`;
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body }) });
  return { status: response.status, text: await response.text() };
}

test('a failpoint is armed, looked at, counted and turned off', async () => {
  expect(await ask('GET', '/beforeCommit')).toEqual({ status: 200, text: '\n' });
  expect(await ask('PUT', '/beforeCommit', '2*return("x")')).toEqual({ status: 204, text: '' });
  expect(await ask('GET', '/beforeCommit')).toEqual({ status: 200, text: '2*return("x")\n' });
  for (let i = 0; i < 3; i++) failpoints.hit('beforeCommit');
  expect(await ask('GET', '/beforeCommit/count')).toEqual({ status: 200, text: '2' });
  expect(await ask('DELETE', '/beforeCommit')).toEqual({ status: 204, text: '' });
  expect(failpoints.terms('beforeCommit')).toBeUndefined();
  expect(await ask('GET', '/beforeCommit/count')).toEqual({ status: 200, text: '0' });
});

test('the list has every name, in order, with its terms', async () => {
  await ask('PUT', '/walBeforeSync', 'sleep(10)');
  const { text } = await ask('GET', '/');
  const lines = text.split('\n').slice(0, -1);
  expect(lines).toHaveLength(FAILPOINTS.length);
  expect(lines).toEqual([...lines].sort());
  expect(lines).toContain('walBeforeSync=sleep(10)');
  expect(lines).toContain('beforeCommit=');
});

test('several at once', async () => {
  expect((await ask('PUT', '/failpoints', 'beforeCommit=off;afterCommit=sleep(1)')).status).toBe(204);
  expect(failpoints.terms('afterCommit')?.text).toBe('sleep(1)');
  expect((await ask('PUT', '/failpoints', 'nowhere=off')).status).toBe(400);
});

test('what is wrong is refused, and changes nothing', async () => {
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const body = method === 'PUT' ? 'off' : undefined;
    expect((await ask(method, '/nowhere', body)).status).toBe(404);
    expect((await ask(method, '/constructor', body)).status).toBe(404);
  }
  expect(await ask('PUT', '/beforeCommit', 'fly')).toEqual({
    status: 400,
    text: "fail to set failpoint: failpoint: the terms 'fly' cannot be read up to 'fly'\n",
  });
  expect((await ask('PUT', '/beforeCommit', 'x'.repeat(100_000))).status).toBe(413);
  expect((await ask('POST', '/beforeCommit', 'off')).status).toBe(405);
  expect(failpoints.terms('beforeCommit')).toBeUndefined();
});

test('without the variables there are no failpoints', async () => {
  expect((await openGofail({}, logger)).failpoints).toBeUndefined();
});

test('the variables: armed from the start; an endpoint', async () => {
  const armed = await openGofail({ GOFAIL_FAILPOINTS: 'beforeCommit=return("x")' }, logger);
  expect(armed.failpoints?.hit('beforeCommit')).toBe('x');
  armed.close();
  const taken = openGofail({ GOFAIL_HTTP: `127.0.0.1:${server.port}` }, logger);
  await expect(taken).rejects.toThrow('EADDRINUSE');
  await expect(openGofail({ GOFAIL_FAILPOINTS: 'nowhere=panic' }, logger)).rejects.toThrow('nowhere');
});
