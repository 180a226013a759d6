import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, ClientError, connect, del, type GetOptions, get, put, txn } from '../../src/client/index.ts';
import { installed, type Running, running } from '../support/servers.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const keysOf = async (client: Client, key: string, options: GetOptions): Promise<string[]> =>
  (await client.get(key, options)).kvs.map((kv) => text(kv.key));

describe.each(installed())('the client against $name', (target) => {
  let server: Running;
  let client: Client;

  beforeAll(async () => {
    server = await running(target, 24_602);
    client = connect({ endpoints: [server.server.endpoint] });
  });
  afterAll(async () => {
    client.close();
    await server[Symbol.asyncDispose]();
  });

  test('puts, gets and deletes', async () => {
    const first = await client.put('kv/a', '1');
    const second = await client.put('kv/a', '2', { prevKv: true });
    expect(second.revision).toBe(first.revision + 1);
    expect(text(second.previous?.value ?? Buffer.of())).toBe('1');
    const read = await client.get('kv/a');
    expect(read.count).toBe(1);
    expect(read.kvs[0]).toMatchObject({ createRevision: first.revision, modRevision: second.revision, version: 2 });
    const old = await client.get('kv/a', { revision: first.revision });
    expect(old.kvs.map((kv) => text(kv.value))).toEqual(['1']);
    const gone = await client.del('kv/', { prefix: true, prevKv: true });
    expect(gone.deleted).toBe(1);
    expect(gone.previous.map((kv) => text(kv.value))).toEqual(['2']);
    expect((await client.get('kv/a')).kvs).toEqual([]);
  });

  test('names ranges by end, prefix and from-key', async () => {
    for (const key of ['r/a', 'r/b', 'r/c', 'r0']) await client.put(key, key);
    expect(await keysOf(client, 'r/a', { end: 'r/c' })).toEqual(['r/a', 'r/b']);
    expect(await keysOf(client, 'r/', { prefix: true })).toEqual(['r/a', 'r/b', 'r/c']);
    expect(await keysOf(client, 'r/c', { fromKey: true })).toEqual(['r/c', 'r0']);
    expect(await keysOf(client, 'r/', { prefix: true, sort: { by: 'key', order: 'descend' }, limit: 2 })).toEqual([
      'r/c',
      'r/b',
    ]);
    expect((await keysOf(client, '', { prefix: true })).length).toBeGreaterThanOrEqual(4);
  });

  test('carries out one branch of a transaction, and transactions within it', async () => {
    const results = await client.txn({
      compare: [{ key: 'txn/a', target: 'create', result: '=', to: 0 }],
      success: [put('txn/a', 'new'), txn({ success: [put('txn/b', 'inner'), get('txn/a')] }), del('txn/none')],
      failure: [get('txn/a')],
    });
    expect(results.succeeded).toBe(true);
    expect(results.results.map((result) => result.kind)).toEqual(['put', 'txn', 'del']);
    const inner = results.results[1];
    expect(inner?.kind === 'txn' && inner.results.map((result) => result.kind)).toEqual(['put', 'get']);
    const again = await client.txn({
      compare: [{ key: 'txn/', prefix: true, target: 'value', result: '=', to: 'new' }],
      failure: [get('txn/', { prefix: true })],
    });
    expect(again.succeeded).toBe(false);
    const read = again.results[0];
    expect(read?.kind === 'get' && read.count).toBe(2);
  });

  test('scans a range a page at a time, at one revision', async () => {
    for (let i = 10; i < 35; i++) await client.put(`scan/${i}`, 'before');
    const seen: string[] = [];
    for await (const kv of client.scan('scan/', { prefix: true, pageKeys: 10 })) {
      if (seen.length === 0) await client.put('scan/30', 'after');
      seen.push(`${text(kv.key)}=${text(kv.value)}`);
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `scan/${i + 10}=before`));
  });

  test('rejects with the status, the text and the code of the table', async () => {
    const error = await client.get('a', { revision: 1_000_000 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ status: 11, code: 'futureRevision', definite: true });
    await expect(client.put('', 'v')).rejects.toThrow('etcdserver: key is not provided');
  });

  test('aborts a call with the reason of its signal', async () => {
    const reason = new Error('enough');
    await expect(client.get('a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const call = client.get('a', { signal: abort.signal });
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  test('finds the endpoint that answers', async () => {
    const failover = connect({ endpoints: ['127.0.0.1:24699', server.server.endpoint] });
    try {
      const { revision } = await failover.put('failover', 'works');
      expect((await failover.get('failover')).kvs[0]?.modRevision).toBe(revision);
    } finally {
      failover.close();
    }
  });

  test('says that a write was never sent when nobody is there', async () => {
    const lonely = connect({ endpoints: ['127.0.0.1:24699'], deadlineMs: 300 });
    try {
      const error = await lonely.put('a', 'b').catch((reason: unknown) => reason);
      expect(error).toMatchObject({ status: 14, definite: true });
    } finally {
      lonely.close();
    }
  });

  test('tells what the member says of itself, and its hash', async () => {
    const status = await client.status();
    expect(status.leader).toBe(status.memberId);
    const { hash } = await client.hashKv();
    expect((await client.hashKv()).hash).toBe(hash);
    await client.put('hash', String(hash));
    expect((await client.hashKv()).hash).not.toBe(hash);
  });
});
