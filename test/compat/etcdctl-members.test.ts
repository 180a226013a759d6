/**
 * Debian's etcdctl 3.4 says the same of three members as of one etcd, whichever of them it asks: each command goes to another member than the one
 * before, so that what was done through one must be seen through the next at once; one of them hears from the leader late. Three times over, that every
 * command has been to every member. (An etcd 3.4 with three members would fail here: it lists the leases that the member asked knows of.)
 */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalCluster } from '../../cluster/local/index.ts';
import { commandOf } from '../../cluster/process/index.ts';
import { present } from '../../src/base/index.ts';
import { hasEtcd } from '../support/servers.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';
import { differences, Etcdctl } from './etcdctl.ts';
import { CHAPTERS } from './etcdctl-chapters.ts';

const REFERENCE_PORT = 24_640;
const FIRST_PORT = 24_642;
const READY_WITHIN_MS = 60_000;
/** Longer than etcdctl takes to start. */
const LATE_MS = 100;
const ETCD = 'etcd --logger=zap';

const other = process.env['COMPAT_OTHER'] === 'etcd' ? ETCD : undefined;

/** But for what is about the members, and not about what all of them hold. */
const chapters = Object.entries(CHAPTERS).map(
  ([name, commands]) => [name, commands.filter(({ line }) => !/^(endpoint|member list)/.test(line))] as const,
);

describe.skipIf(!hasEtcd()).each([0, 1, 2])('etcdctl, beginning %i members after the leader', (first) => {
  let directory = '';
  const clusters: LocalCluster[] = [];
  let reference: Etcdctl;
  let tested: Etcdctl;

  /** Resolves to its endpoints, the leader's first. */
  const start = async (server: string | undefined, size: number, firstPort: number): Promise<readonly string[]> => {
    const cluster = await LocalCluster.start({
      command: commandOf(server),
      flags: ['--bcrypt-cost=4', '--max-txn-ops=128'],
      directory: join(directory, `${size}`),
      size,
      firstPort,
    });
    clusters.push(cluster);
    const { leader } = await cluster.untilReady(READY_WITHIN_MS);
    const names = cluster.members.map(({ name }) => name);
    const leading = names.indexOf(present(leader, 'the leader'));
    const last = present(names.at(leading - 1), 'the last one');
    if (last !== leader) cluster.link(names[leading] ?? '', last).set({ delayMs: LATE_MS });
    return [...cluster.endpoints.slice(leading), ...cluster.endpoints.slice(0, leading)];
  };

  beforeAll(async () => {
    directory = await makeTemporaryDirectory();
    reference = new Etcdctl(await start(ETCD, 1, REFERENCE_PORT));
    const endpoints = await start(other, 3, FIRST_PORT);
    tested = new Etcdctl([...endpoints.slice(first), ...endpoints.slice(0, first)]);
  });
  afterAll(async () => {
    await Promise.all(clusters.map((cluster) => cluster.down()));
    await removeDirectory(directory);
  });

  test.each(chapters)(
    '%s',
    async (_name, commands) => {
      expect(await differences(commands, reference, tested)).toEqual([]);
    },
    180_000,
  );
});
