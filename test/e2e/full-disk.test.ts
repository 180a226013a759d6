/** A member whose store is on a disk that runs full: it refuses writes, answers reads, and takes writes again when there is room. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Client, connect } from '../../src/client/index.ts';
import { watchraft } from '../support/servers.ts';
import { SmallFileSystem } from '../support/small-file-system.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

const PORT = 24_860;
const MiB = 1024 * 1024;
const VALUE = 'v'.repeat(50_000);
/** Many times what there is room for. */
const PUTS_MAX = 1000;

async function countOf(client: Client): Promise<number> {
  return (await client.get('key-', { prefix: true, countOnly: true })).count;
}

/** Puts one after the other until one is refused. Returns how many were not. */
async function putUntilRefused(client: Client, from: number): Promise<number> {
  for (let count = from; count < from + PUTS_MAX; count++) {
    try {
      // Nothing of which two are alike can be compressed.
      await client.put(`key-${count}`, Array.from({ length: 4000 }, () => Math.random()).join(''));
    } catch (error) {
      expect((error as Error).message).toContain('the log cannot be written');
      return count;
    }
  }
  return expect.unreachable('the disk was never full');
}

test('writes are refused while the disk below the store is full, and taken when it is not; nothing acknowledged is lost', async () => {
  const files = await SmallFileSystem.mount(64 * MiB);
  if (files === undefined) return;
  const wal = await makeTemporaryDirectory();
  const start = () => watchraft.start(PORT, join(files.path, 'data'), { flags: [`--wal-dir=${wal}`] });
  let server = await start();
  const client = connect({ endpoints: [server.endpoint] });
  try {
    await client.put('key-0', VALUE);
    await files.leaveFree(MiB);
    const count = await putUntilRefused(client, 1);
    expect(await countOf(client)).toBe(count);
    expect((await client.get('key-0')).kvs[0]?.value).toHaveLength(VALUE.length);

    await files.free();
    await expect.poll(() => client.put('after', 'it').then(() => 'taken', String), { timeout: 20_000 }).toBe('taken');
    expect(server.output).toContain('there is space for the store again');
    await server.kill('SIGKILL');
    server = await start();
    expect(await countOf(client)).toBe(count);
    expect((await client.get('after')).count).toBe(1);
  } finally {
    client.close();
    await server.kill('SIGKILL');
    await files.unmount();
    rmSync(wal, { recursive: true, force: true });
  }
});
