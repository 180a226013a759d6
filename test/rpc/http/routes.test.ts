import { expect, test } from 'vitest';
import { RequestError } from '../../../src/base/index.ts';
import { httpRoutes } from '../../../src/rpc/index.ts';
import type { HttpAnswer } from '../../../src/wire/index.ts';
import { FakeMember } from '../../support/fake-member.ts';

interface Setup {
  readonly member: FakeMember;
  readonly told: string[];
  get(url: string, method?: string): Promise<HttpAnswer>;
}

function setup(): Setup {
  const member = new FakeMember();
  const told: string[] = [];
  const routes = httpRoutes({
    member,
    observer: {
      health: (isHealthy) => told.push(`health ${isHealthy}`),
      check: (type, name, isHealthy) => told.push(`${type} ${name} ${isHealthy}`),
    },
    metrics: async () => ({ contentType: 'text/x', text: 'up 1\n' }),
    watchers: () => [{ id: 1 }],
  });
  return {
    member,
    told,
    async get(url, method = 'GET') {
      const [path = '', query = ''] = url.split('?');
      const handler = routes.get(path);
      if (handler === undefined) throw new Error(`no route to ${path}`);
      return handler({ method, path, query: new URLSearchParams(query) });
    },
  };
}

const NOSPACE = { memberId: 5n, type: 'nospace' } as const;
const CORRUPT = { memberId: 5n, type: 'corrupt' } as const;
const ill = (reason: string): object => ({ status: 503, body: `{"health":"false","reason":"${reason}"}\n` });
const WELL = { status: 200, body: '{"health":"true","reason":""}' };

test('/health of a member that is well', async () => {
  const it = setup();
  expect(await it.get('/health')).toMatchObject(WELL);
  expect(it.member.asked).toEqual(['readIndex', 'range']);
  expect(it.told).toEqual(['health true']);
});

test('/health?serializable=true asks nobody else', async () => {
  const it = setup();
  it.member.now = { ...it.member.now, leader: 0n };
  expect(await it.get('/health?serializable=true')).toMatchObject(WELL);
  expect(it.member.asked).toEqual(['range']);
});

test('/health without a leader', async () => {
  const it = setup();
  it.member.now = { ...it.member.now, leader: 0n };
  expect(await it.get('/health')).toMatchObject(ill('RAFT NO LEADER'));
  expect(it.told).toEqual(['health false']);
});

test('/health with alarms, and without those that are excluded', async () => {
  const it = setup();
  it.member.now = { ...it.member.now, alarms: [NOSPACE, CORRUPT] };
  expect(await it.get('/health')).toMatchObject(ill('ALARM NOSPACE'));
  expect(await it.get('/health?exclude=NOSPACE')).toMatchObject(ill('ALARM CORRUPT'));
  expect(await it.get('/health?exclude=NOSPACE&exclude=CORRUPT')).toMatchObject(WELL);
  expect(await it.get('/health?exclude=')).toMatchObject(ill('ALARM NOSPACE'));
});

test('/health where reads fail', async () => {
  const it = setup();
  it.member.read = () => Promise.reject(new RequestError('timeout'));
  expect(await it.get('/health')).toMatchObject(ill('RANGE ERROR:etcdserver: request timed out'));
  expect(await it.get('/health?serializable=true')).toMatchObject(WELL);
});

test.each(['/health', '/livez', '/readyz', '/readyz/non_learner', '/version', '/debug/watchers'])(
  '%s is for GET only',
  async (path) => {
    expect(await setup().get(path, 'POST')).toMatchObject({
      status: 405,
      headers: { Allow: 'GET' },
      body: 'Method Not Allowed\n',
    });
  },
);

test('/livez and /readyz of a member that is well', async () => {
  const it = setup();
  expect(await it.get('/livez')).toMatchObject({ status: 200, body: 'ok\n' });
  expect(await it.get('/readyz')).toMatchObject({ status: 200, body: 'ok\n' });
  expect(await it.get('/livez?verbose')).toMatchObject({ status: 200, body: '[+]serializable_read ok\nok\n' });
  expect((await it.get('/readyz?verbose=')).body.split('\n')).toEqual([
    '[+]data_corruption ok',
    '[+]serializable_read ok',
    '[+]linearizable_read ok',
    '[+]non_learner ok',
    'ok',
    '',
  ]);
});

test('/readyz says what failed, and /livez does not mind', async () => {
  const it = setup();
  it.member.read = () => Promise.reject(new RequestError('noLeader'));
  it.member.now = { ...it.member.now, isLearner: true, alarms: [NOSPACE, CORRUPT] };
  const { status, body } = await it.get('/readyz');
  expect(status).toBe(503);
  expect(body.trimEnd().split('\n')).toEqual([
    '[-]data_corruption failed: alarm activated: CORRUPT',
    '[+]serializable_read ok',
    '[-]linearizable_read failed: etcdserver: no leader',
    '[-]non_learner failed: the member is a learner',
  ]);
  expect(it.told).toEqual(
    [
      'readyz data_corruption false',
      'readyz serializable_read true',
      'readyz linearizable_read false',
      'readyz non_learner false',
    ].sort((a, b) => it.told.indexOf(a) - it.told.indexOf(b)),
  );
  expect(await it.get('/livez')).toMatchObject({ status: 200 });
});

test('checks can be left out, and asked one by one', async () => {
  const it = setup();
  it.member.read = () => Promise.reject(new RequestError('noLeader'));
  expect(await it.get('/readyz?exclude=linearizable_read')).toMatchObject({ status: 200 });
  expect(await it.get('/readyz?exclude=nonsense')).toMatchObject({ status: 503 });
  expect(await it.get('/readyz/linearizable_read')).toMatchObject({ status: 503 });
  expect(await it.get('/readyz/serializable_read?verbose')).toMatchObject({ body: '[+]serializable_read ok\nok\n' });
  expect(await it.get('/livez/serializable_read')).toMatchObject({ status: 200 });
});

test('/livez fails where not even this member can be read', async () => {
  const it = setup();
  it.member.ranges = () => Promise.reject(new RequestError('stopped'));
  expect(await it.get('/livez')).toMatchObject({
    status: 503,
    body: '[-]serializable_read failed: etcdserver: server stopped\n\n',
  });
});

test('/version, /metrics and /debug/watchers', async () => {
  const it = setup();
  expect(await it.get('/version')).toEqual({
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    body: '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}',
  });
  expect(await it.get('/metrics', 'POST')).toEqual({
    status: 200,
    headers: { 'Content-Type': 'text/x' },
    body: 'up 1\n',
  });
  expect((await it.get('/debug/watchers')).body).toBe('[{"id":1}]');
});
