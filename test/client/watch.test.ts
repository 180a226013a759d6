import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  type Client,
  CompactedError,
  connect,
  put,
  type Watch,
  WatchCanceledError,
  type WatchEvent,
} from '../../src/client/index.ts';
import { installed, type Running, running } from '../support/servers.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const describeEvent = (event: WatchEvent): string =>
  `${event.type} ${text(event.kv.key)}=${text(event.kv.value).slice(0, 8)}`;

/** The first `count` events of a watch, as text. Leaves the watch open. */
async function take(watch: Watch, count: number): Promise<string[]> {
  const seen: string[] = [];
  const batches = watch.batches();
  while (seen.length < count) {
    const next = await batches.next();
    if (next.done === true) break;
    seen.push(...next.value.events.map(describeEvent));
  }
  return seen;
}

describe.each(installed())('a watch on $name', (target) => {
  let server: Running;
  let client: Client;
  let prefix = '';
  let count = 0;

  beforeAll(async () => {
    server = await running(target, 24_604);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    client = connect({ endpoints: [server.server.endpoint] });
    prefix = `w${++count}/`;
  });
  afterEach(() => {
    client.close();
  });

  test('reports what comes after it, in order, and what was there before', async () => {
    await client.put(`${prefix}a`, 'before');
    const watch = client.watch(prefix, { prefix: true, prevKv: true });
    const revision = await watch.created;
    expect(watch.nextRevision).toBe(revision + 1);
    await client.put(`${prefix}a`, 'after');
    await client.del(`${prefix}a`);
    const events: WatchEvent[] = [];
    for await (const event of watch) {
      events.push(event);
      if (events.length === 2) break;
    }
    expect(events.map((event) => event.type)).toEqual(['put', 'delete']);
    expect(events.map((event) => text(event.previous?.value ?? Buffer.of()))).toEqual(['before', 'after']);
    expect(watch.ended).toBe(true);
  });

  test('reads history from a revision on, the events of one revision in one batch', async () => {
    const { revision } = await client.put(`${prefix}a`, '1');
    await client.txn({ success: [put(`${prefix}b`, '2'), put(`${prefix}c`, '3')] });
    const watch = client.watch(prefix, { prefix: true, startRevision: revision + 1 });
    const first = await watch.batches().next();
    expect(first.done === false && first.value.events.map(describeEvent)).toEqual([
      `put ${prefix}b=2`,
      `put ${prefix}c=3`,
    ]);
    expect(watch.nextRevision).toBe(revision + 2);
  });

  test('is one of many on a stream, each with its own keys and filters', async () => {
    const stream = client.watchStream();
    const keys = Array.from({ length: 50 }, (_, i) => stream.watch(`${prefix}${i}`));
    const deletes = stream.watch(prefix, { prefix: true, filters: ['noPut'] });
    await Promise.all([...keys, deletes].map((watch) => watch.created));
    for (let i = 0; i < 50; i++) await client.put(`${prefix}${i}`, String(i));
    await client.del(`${prefix}7`);
    expect(await take(deletes, 1)).toEqual([`delete ${prefix}7=`]);
    for (const [i, watch] of keys.entries()) expect(await take(watch, 1)).toEqual([`put ${prefix}${i}=${i}`]);
  });

  test('puts fragments together', async () => {
    const value = Buffer.alloc(600_000, 'x');
    for (let i = 0; i < 6; i++) await client.put(`${prefix}${i}`, value);
    const watch = client.watch(prefix, { prefix: true, prevKv: true, fragment: true, bufferBytesMax: 16_000_000 });
    await watch.created;
    // With what was there before, this one revision is 3.6 MB. The server sends some 2 MiB at once.
    await client.del(prefix, { prefix: true });
    const first = await watch.batches().next();
    expect(first.done === false && first.value.events.map(({ previous }) => previous?.value.length)).toEqual(
      Array.from({ length: 6 }, () => 600_000),
    );
  });

  test('fails with the oldest revision there is when its own is gone', async () => {
    const { revision } = await client.put(`${prefix}a`, '1');
    await client.put(`${prefix}a`, '2');
    await client.compact(revision + 1);
    const error = await take(client.watch(`${prefix}a`, { startRevision: revision }), 1).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(CompactedError);
    expect(error).toMatchObject({ compactRevision: revision + 1 });
  });

  test('fails with the reason when the server refuses it, and the others go on', async () => {
    const stream = client.watchStream();
    const refused = stream.watch('b', { end: 'a' });
    const accepted = stream.watch(`${prefix}a`);
    await expect(refused.created).rejects.toThrow(WatchCanceledError);
    await accepted.created;
    await client.put(`${prefix}a`, '1');
    expect(await take(accepted, 1)).toEqual([`put ${prefix}a=1`]);
  });

  test('ends when it is cancelled, with the reason when it is aborted', async () => {
    const watch = client.watch(`${prefix}a`);
    await watch.created;
    watch.cancel();
    expect(await take(watch, 1)).toEqual([]);
    const abort = new AbortController();
    const aborted = client.watch(`${prefix}a`, { signal: abort.signal });
    await aborted.created;
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(take(aborted, 1)).rejects.toBe(reason);
  });

  test('holds the stream back while it is not read, and loses nothing by it', async () => {
    const watch = client.watchStream().watch(prefix, { prefix: true, bufferBytesMax: 64 * 1024 });
    const revision = await watch.created;
    const value = Buffer.alloc(64 * 1024, 'x');
    const puts = 400;
    for (let i = 0; i < puts; i++) await client.put(`${prefix}${i}`, value);
    // 26 MB were written; what was received stays near the buffer's size and what HTTP/2 holds on the way.
    const received = watch.nextRevision - 1 - revision;
    expect(received).toBeLessThan(puts / 2);
    const seen = await take(watch, puts);
    expect(seen).toEqual(Array.from({ length: puts }, (_, i) => `put ${prefix}${i}=xxxxxxxx`));
  });

  test('asks for progress and hears how far the server is', async () => {
    const watch = client.watchStream().watch(`${prefix}a`);
    await watch.created;
    const { revision } = await client.put(`${prefix}other`, '1');
    const stream = client.watchStream();
    const asked = stream.watch(`${prefix}a`);
    await asked.created;
    stream.requestProgress();
    const next = await asked.batches().next();
    expect(next.done === false && next.value).toEqual({ revision, events: [] });
    expect(asked.nextRevision).toBe(revision + 1);
  });
});

describe.each(installed())('a watch across a crash of $name', (target) => {
  test('goes on where it was, with nothing lost and nothing twice', async () => {
    const port = 24_606;
    const first = await running(target, port);
    onTestFinished(() => first[Symbol.asyncDispose]());
    const client = connect({ endpoints: [first.server.endpoint] });
    try {
      const stream = client.watchStream();
      const watch = stream.watch('k', { prefix: true, startRevision: 1 });
      const idle = stream.watch('never');
      await idle.created;
      for (let i = 0; i < 20; i++) await client.put(`k${i}`, String(i));
      expect((await take(watch, 20)).length).toBe(20);
      await first.server.kill('SIGKILL');
      const second = target.start(port, first.dataDir);
      onTestFinished(async () => void (await (await second).kill('SIGKILL')));
      await second;
      for (let i = 20; i < 40; i++) await client.put(`k${i}`, String(i));
      expect(await take(watch, 20)).toEqual(Array.from({ length: 20 }, (_, i) => `put k${i + 20}=${i + 20}`));
      expect(stream.reconnections).toBeGreaterThan(0);
      expect(watch.nextRevision).toBe(42);
    } finally {
      client.close();
    }
  });
});
