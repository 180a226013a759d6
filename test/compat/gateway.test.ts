/** The JSON gateway beside that of Debian's etcd: the same requests, and what comes of them. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerProcess } from '../../cluster/process/index.ts';
import { etcd, hasEtcd, type Running, running, watchraft } from '../support/servers.ts';

const ETCD_PORT = 24_880;
const OUR_PORT = 24_884;

interface Said {
  readonly status: number;
  readonly lines: readonly unknown[];
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function post(server: ServerProcess, path: string, body: string, token?: string): Promise<Said> {
  const response = await fetch(`http://${server.endpoint}${path}`, {
    method: 'POST',
    body,
    ...(token === undefined ? {} : { headers: { Authorization: token } }),
  });
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return { status: response.status, lines: lines.map((line): unknown => JSON.parse(line)) };
}

/** What must differ is left out; of errors in reading JSON only the code is told. */
function comparable({ status, lines }: Said): Said {
  const left = JSON.stringify(lines, (name, value: unknown) => {
    if (name === 'error' || name === 'message') {
      return typeof value === 'string' && !/^(?:etcdserver|election): /.test(value) ? 'in other words' : value;
    }
    return ['cluster_id', 'member_id', 'raft_term', 'details'].includes(name) ? undefined : value;
  });
  // grpc-gateway has changed its mind about one code since.
  return { status: status === 412 ? 400 : status, lines: JSON.parse(left) as unknown[] };
}

const KEY = base64('key');
const EXCHANGES: readonly (readonly [path: string, body: string])[] = [
  ['/v3/kv/put', JSON.stringify({ key: KEY, value: base64('value') })],
  ['/v3/kv/put', JSON.stringify({ key: KEY, value: base64('\u0000ü'), prev_kv: true })],
  ['/v3beta/kv/range', JSON.stringify({ key: KEY })],
  ['/v3/kv/range', JSON.stringify({ key: KEY, rangeEnd: base64('\0'), keysOnly: true, limit: '1' })],
  ['/v3/kv/range', JSON.stringify({ key: KEY, revision: 2, sort_order: 'DESCEND', sort_target: 4 })],
  ['/v3/kv/range', `{"key":"${KEY}"} and more`],
  ['/v3/kv/range', `{"key":"${KEY}","unknown":{"field":1}}`],
  ['/v3/kv/range', ''],
  ['/v3/kv/range', 'null'],
  ['/v3/kv/range', '{'],
  ['/v3/kv/range', '[]'],
  ['/v3/kv/range', '{"key":5}'],
  ['/v3/kv/range', '{"key":"!!"}'],
  ['/v3/kv/range', `{"key":"${KEY}","limit":"x"}`],
  ['/v3/kv/range', `{"key":"${KEY}","sort_order":"NOPE"}`],
  ['/v3/kv/range', JSON.stringify({ key: KEY, revision: 999 })],
  [
    '/v3/kv/txn',
    JSON.stringify({
      compare: [{ key: KEY, target: 'VERSION', result: 'GREATER', version: 1 }],
      success: [
        { request_range: { key: KEY } },
        { requestPut: { key: base64('other'), value: base64('1') } },
        { request_delete_range: { key: KEY, prev_kv: true } },
        { request_txn: { failure: [] } },
      ],
    }),
  ],
  ['/v3/kv/txn', JSON.stringify({ compare: [{ key: KEY, target: 'CREATE' }], failure: [] })],
  ['/v3/kv/deleterange', JSON.stringify({ key: base64('a'), range_end: base64('\0'), prev_kv: true })],
  ['/v3/kv/compaction', JSON.stringify({ revision: 99 })],
  ['/v3/kv/compaction', JSON.stringify({ revision: '3' })],
  ['/v3/kv/range', JSON.stringify({ key: KEY, revision: 2 })],
  ['/v3/lease/grant', '{"ID":7587862094245888123,"TTL":60}'],
  ['/v3/lease/grant', '{"ID":"7587862094245888123","TTL":"60"}'],
  ['/v3/kv/put', JSON.stringify({ key: KEY, lease: '7587862094245888123' })],
  ['/v3/kv/range', JSON.stringify({ key: KEY })],
  ['/v3/kv/lease/timetolive', '{"ID":8,"keys":true}'],
  ['/v3/lease/leases', '{}'],
  ['/v3/lease/keepalive', '{"ID":"7587862094245888123"}\n{"ID":8}'],
  ['/v3/lease/keepalive', '{"ID":"x"}'],
  ['/v3/kv/lease/revoke', '{"ID":9}'],
  ['/v3/lease/revoke', '{"ID":"7587862094245888123"}'],
  ['/v3/cluster/member/remove', '{"ID":9}'],
  ['/v3/maintenance/transfer-leadership', '{"targetID":9}'],
  ['/v3/lock/unlock', JSON.stringify({ key: base64('nobody has it') })],
  ['/v3/election/leader', JSON.stringify({ name: base64('election') })],
  ['/v3/auth/role/add', '{"name":"reader"}'],
  ['/v3/auth/role/add', '{"name":"reader"}'],
  ['/v3/auth/role/grant', JSON.stringify({ name: 'reader', perm: { permType: 'READWRITE', key: KEY } })],
  ['/v3/auth/role/get', '{"role":"reader"}'],
  ['/v3/auth/user/add', '{"name":"u","password":"the-password-of-u"}'],
  ['/v3/auth/user/grant', '{"user":"u","role":"reader"}'],
  ['/v3/auth/user/get', '{"name":"u"}'],
  ['/v3/auth/user/list', ''],
  ['/v3/auth/enable', '{}'],
  ['/v3/auth/authenticate', '{"name":"u","password":"the-password-of-nobody"}'],
];

/** The lines of a stream, as they come. */
async function* streamed(server: ServerProcess, path: string, body: string): AsyncGenerator<unknown, void> {
  const response = await fetch(`http://${server.endpoint}${path}`, { method: 'POST', body });
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const lines = `${rest}${Buffer.from(chunk as Uint8Array).toString('latin1')}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
}

async function linesOf(stream: AsyncGenerator<unknown, void>, count: number): Promise<unknown[]> {
  const lines: unknown[] = [];
  while (lines.length < count) lines.push((await stream.next()).value);
  return lines;
}

describe.skipIf(!hasEtcd())('beside etcd', () => {
  let theirs: Running;
  let ours: Running;
  beforeAll(async () => {
    [theirs, ours] = await Promise.all([running(etcd, ETCD_PORT), running(watchraft, OUR_PORT)]);
  });
  afterAll(async () => {
    await theirs[Symbol.asyncDispose]();
    await ours[Symbol.asyncDispose]();
  });

  const both = async <T>(ask: (server: ServerProcess) => Promise<T>): Promise<[T, T]> =>
    await Promise.all([ask(theirs.server), ask(ours.server)]);

  test.each(EXCHANGES)('%s %s', async (path, body) => {
    const [expected, actual] = await both((server) => post(server, path, body));
    expect(comparable(actual)).toEqual(comparable(expected));
  });

  test('a watch tells what happens for as long as its client stays, though it has said all it wants', async () => {
    const watched = async (server: ServerProcess): Promise<unknown[]> => {
      const create = { key: base64('w'), range_end: base64('x'), prev_kv: true };
      const stream = streamed(server, '/v3/watch', JSON.stringify({ create_request: create }));
      const [created] = await linesOf(stream, 1);
      await post(server, '/v3/kv/put', JSON.stringify({ key: base64('w1'), value: base64('1') }));
      const [put] = await linesOf(stream, 1);
      await post(server, '/v3/kv/deleterange', JSON.stringify({ key: base64('w1') }));
      const [deleted] = await linesOf(stream, 1);
      await stream.return();
      return [created, put, deleted];
    };
    const [expected, actual] = await both(watched);
    expect(comparable({ status: 200, lines: actual })).toEqual(comparable({ status: 200, lines: expected }));
  });

  test('a watch of what is compacted is cancelled with the revision to go on from', async () => {
    const cancelled = (server: ServerProcess): Promise<unknown[]> =>
      linesOf(streamed(server, '/v3/watch', `{"create_request":{"key":"${KEY}","start_revision":"1"}}`), 2);
    const [expected, actual] = await both(cancelled);
    expect(JSON.stringify(actual[1])).toContain('"canceled":true,"compact_revision":"3"');
    expect(JSON.stringify(expected[1])).toContain('"canceled":true,"compact_revision":"3"');
  });

  test('a snapshot comes in pieces', async () => {
    const pieces = (await post(ours.server, '/v3/maintenance/snapshot', '{}')).lines as { result: { blob: string } }[];
    expect(Buffer.from(pieces.at(-1)?.result.blob ?? '', 'base64')).toHaveLength(32);
  });

  test('with auth, whoever calls is told by the token in Authorization', async () => {
    const asked = async (server: ServerProcess): Promise<Said[]> => {
      for (const [path, body] of [
        ['user/add', '{"name":"root","password":"the-password-of-root"}'],
        ['user/grant', '{"user":"root","role":"root"}'],
        ['role/add', '{"name":"root"}'],
        ['user/grant', '{"user":"root","role":"root"}'],
        ['enable', '{}'],
      ] as const) {
        await post(server, `/v3/auth/${path}`, body);
      }
      const signedIn = await post(server, '/v3/auth/authenticate', '{"name":"u","password":"the-password-of-u"}');
      const { token } = signedIn.lines[0] as { token: string };
      const range = JSON.stringify({ key: KEY });
      return [
        await post(server, '/v3/auth/authenticate', '{"name":"u","password":"the-password-of-nobody"}'),
        await post(server, '/v3/kv/range', range),
        await post(server, '/v3/kv/range', range, 'a-token-of-nobody'),
        await post(server, '/v3/kv/range', range, token),
        await post(server, '/v3/kv/range', JSON.stringify({ key: base64('beyond') }), token),
      ];
    };
    const [expected, actual] = await both(asked);
    expect(actual.map(comparable)).toEqual(expected.map(comparable));
  });
});

test('what is open when the member is told to stop ends with a status', async () => {
  await using ours = await running(watchraft, OUR_PORT);
  const stream = streamed(ours.server, '/v3/watch', `{"create_request":{"key":"${KEY}"}}`);
  await linesOf(stream, 1);
  const exit = ours.server.kill('SIGTERM');
  const [ending] = await linesOf(stream, 1);
  expect(ending).toMatchObject({ error: { code: 14, message: 'etcdserver: server stopped' } });
  expect((await stream.next()).done).toBe(true);
  expect(await exit).toEqual({ code: 0, signal: null });
});
