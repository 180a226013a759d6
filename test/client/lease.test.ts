import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, connect, LeaseLostError } from '../../src/client/index.ts';
import { installed, type Running, running } from '../support/servers.ts';

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });

describe.each(installed())('leases of the client against $name', (target) => {
  let server: Running;
  let client: Client;

  beforeAll(async () => {
    server = await running(target, 25_150);
    client = connect({ endpoints: [server.server.endpoint] });
  });
  afterAll(async () => {
    client.close();
    await server[Symbol.asyncDispose]();
  });

  test('grants, tells, lists and revokes', async () => {
    const { id, ttl } = await client.leaseGrant(100);
    expect([id > 0n, ttl]).toEqual([true, 100]);
    expect(await client.leaseGrant(60, { id: -5n })).toEqual({ id: -5n, ttl: 60 });
    await client.put('a', '1', { lease: id });
    expect((await client.get('a')).kvs[0]?.lease).toBe(id);
    const time = await client.leaseTimeToLive(id, { keys: true });
    expect(time).toMatchObject({ grantedTtl: 100, keys: [Buffer.from('a')] });
    expect(time.ttl).toBeGreaterThan(90);
    expect(new Set(await client.leaseList())).toEqual(new Set([id, -5n]));
    await client.leaseRevoke(id);
    await client.leaseRevoke(-5n);
    expect((await client.get('a')).count).toBe(0);
    expect(await client.leaseTimeToLive(id)).toEqual({ ttl: -1, grantedTtl: 0, keys: [] });
    await expect(client.leaseRevoke(id)).rejects.toMatchObject({ code: 'leaseNotFound' });
    await expect(client.put('a', '1', { lease: id })).rejects.toMatchObject({ code: 'leaseNotFound' });
  });

  test('a lease lives while it is kept alive, and ends when that is stopped', async () => {
    const { id } = await client.leaseGrant(1);
    await client.put('b', '1', { lease: id });
    await using stream = { [Symbol.asyncDispose]: async () => watch.cancel() };
    const watch = client.watch('b', { startRevision: 1, filters: ['noPut'] });
    void stream;
    const alive = client.keepAlive(id);
    const ttl = await alive.begun;
    await sleep(2500 * ttl);
    expect(alive.signal.aborted).toBe(false);
    expect((await client.get('b')).count).toBe(1);
    alive.stop();
    for await (const event of watch) {
      expect(event.type).toBe('delete');
      break;
    }
    expect(alive.signal.aborted).toBe(false);
  });

  test('it is told when the lease is gone, or never was', async () => {
    const { id } = await client.leaseGrant(2);
    const alive = client.keepAlive(id);
    await alive.begun;
    await client.leaseRevoke(id);
    const reason = await aborted(alive.signal);
    expect(reason).toBeInstanceOf(LeaseLostError);
    expect(String(reason)).toContain('the server says that it is gone');
    const never = client.keepAlive(12_345n);
    await expect(never.begun).rejects.toThrow('the lease 3039 is lost');
    expect(never.signal.aborted).toBe(true);
  });

  test('one that nobody answers for is lost when its TTL has passed', async () => {
    const alone = await running(target, 25_154);
    const cut = connect({ endpoints: [alone.server.endpoint] });
    try {
      const { id, ttl } = await cut.leaseGrant(2);
      const alive = cut.keepAlive(id);
      await alive.begun;
      await alone.server.kill('SIGKILL');
      const from = performance.now();
      expect(String(await aborted(alive.signal))).toContain('no server has answered in time');
      expect(performance.now() - from).toBeLessThanOrEqual(1000 * ttl + 5000);
    } finally {
      cut.close();
      await alone[Symbol.asyncDispose]();
    }
  });
});
