/** Three members with mutual TLS on both ports, as etcd's own client, curl and ours find them; and one that makes its certificate itself. */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { LocalCluster } from '../../cluster/local/index.ts';
import { commandOf } from '../../cluster/process/index.ts';
import { connect } from '../../src/client/index.ts';
import { runProgram } from '../support/run-program.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';
import { hasTools } from '../support/tools.ts';

const FIRST_PORT = 25_340;
const READY_WITHIN_MS = 60_000;

test('three members serve whoever shows a certificate, and nobody else', async () => {
  await withTemporaryDirectory(async (directory) => {
    const cluster = await LocalCluster.start({
      command: commandOf(undefined),
      directory,
      size: 3,
      firstPort: FIRST_PORT,
      secure: true,
    });
    try {
      await cluster.untilReady(READY_WITHIN_MS);
      await using client = connect({ endpoints: cluster.endpoints, tls: cluster.tls });
      const watch = client.watch('k');
      const heard = watch[Symbol.asyncIterator]().next();
      await watch.created;
      await client.put('k', 'v');
      expect((await heard).value?.kv.value.toString()).toBe('v');
      for (const endpoint of cluster.endpoints) {
        await using plain = connect({ endpoints: [`http://${endpoint}`], deadlineMs: 1000 });
        await expect(plain.get('k')).rejects.toThrow();
        await using unknown = connect({ endpoints: [endpoint], tls: { ca: cluster.tls?.ca }, deadlineMs: 1000 });
        await expect(unknown.get('k')).rejects.toThrow();
        await using known = connect({ endpoints: [`https://${endpoint}`], tls: cluster.tls });
        expect((await known.get('k')).kvs).toHaveLength(1);
      }
      if (hasTools('etcdctl', 'curl')) await askFromOutside(cluster.endpoints, join(directory, 'tls'));
      const log = readFileSync(join(directory, 'n1.log'), 'utf8');
      expect(log).toContain('plain text on a port that speaks TLS');
      expect(log).toContain('the client has shown no certificate');
      expect(log).not.toContain('PRIVATE KEY');
    } finally {
      await cluster.down();
    }
  });
}, 120_000);

async function askFromOutside(endpoints: readonly string[], certificates: string): Promise<void> {
  const file = (name: string): string => resolve(certificates, name);
  const etcdctl = await runProgram(
    'etcdctl',
    [
      `--endpoints=${endpoints.map((endpoint) => `https://${endpoint}`).join(',')}`,
      `--cacert=${file('ca.pem')}`,
      `--cert=${file('client.pem')}`,
      `--key=${file('client.key')}`,
      'get',
      'k',
    ],
    { env: { ETCDCTL_API: '3' } },
  );
  expect(etcdctl.stdout).toBe('k\nv\n');
  const shown = ['--cacert', file('ca.pem'), '--cert', file('client.pem'), '--key', file('client.key')];
  const curl = await runProgram('curl', ['-s', ...shown, `https://${endpoints[0] ?? ''}/health`]);
  expect(JSON.parse(curl.stdout)).toMatchObject({ health: 'true' });
}
