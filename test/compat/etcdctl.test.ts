/** Debian's etcdctl 3.4, unchanged, says the same of this node as of Debian's etcd. The commands run in order against both, each beginning empty. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { etcd, hasEtcd, type Running, running, type Target, watchraft } from '../support/servers.ts';
import { differences, Etcdctl } from './etcdctl.ts';
import { CHAPTERS } from './etcdctl-chapters.ts';

const REFERENCE_PORT = 24_620;
const OTHER_PORT = 24_622;

const other: Target = process.env['COMPAT_OTHER'] === 'etcd' ? etcd : watchraft;

describe.skipIf(!hasEtcd())(`etcdctl against ${other.name}`, () => {
  const servers: Running[] = [];
  let reference: Etcdctl;
  let tested: Etcdctl;
  beforeAll(async () => {
    servers.push(await running(etcd, REFERENCE_PORT));
    servers.push(await running(other, OTHER_PORT));
    [reference, tested] = servers.map(({ server }) => new Etcdctl([server.endpoint])) as [Etcdctl, Etcdctl];
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });

  test.each(Object.entries(CHAPTERS))('%s', async (_name, commands) => {
    expect(await differences(commands, reference, tested)).toEqual([]);
  });
});
