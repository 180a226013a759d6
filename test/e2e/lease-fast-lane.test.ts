/**
 * Ten thousand leases on one stream, kept alive while puts take all that the node can give: none of them ends, and every keepalive is answered
 * with its TTL. The clients are processes of their own that cost little.
 */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { runLoad } from '../bench/load-child.ts';
import type { PutResult } from '../bench/load-job.ts';
import { type Running, running, watchraft } from '../support/servers.ts';

const PORT = 25_900;
const LEASES = 10_000;
const TTL_SECONDS = 6;
/** Three a TTL, for three TTLs. */
const EVERY_MS = (1000 * TTL_SECONDS) / 3;
const ROUNDS = 9;
const PUTS_IN_FLIGHT = 500;

let node: Running;
beforeEach(async () => {
  node = await running(watchraft, PORT);
});
afterEach(() => node[Symbol.asyncDispose]());

async function expired(): Promise<string | undefined> {
  const metrics = await (await fetch(`http://127.0.0.1:${PORT}/metrics`)).text();
  return /^etcd_debugging_server_lease_expired_total (\d+)/m.exec(metrics)?.[1];
}

test('10,000 leases on one stream stay alive while puts saturate the node', async () => {
  await using client = connect({ endpoints: [node.server.endpoint] });
  const plan = { port: PORT, leases: LEASES, ttlSeconds: TTL_SECONDS, inFlight: 100 };
  let puts: Promise<PutResult> | undefined;
  let alive: number | undefined;
  let ended: string | undefined;
  const kept = await runLoad(
    { kind: 'keepAlive', plan, rounds: ROUNDS, everyMs: EVERY_MS },
    {
      open: async () => {
        puts = runLoad({ kind: 'put', port: PORT, putsInFlight: PUTS_IN_FLIGHT, measureMs: ROUNDS * EVERY_MS });
        puts.catch(() => {});
      },
      drained: async () => {
        alive = (await client.leaseList()).length;
        ended = await expired();
      },
    },
  );
  expect({ alive, ended, answered: kept.answered }).toEqual({
    alive: LEASES,
    ended: '0',
    answered: LEASES * (ROUNDS + 1),
  });
  const put = await puts;
  expect(put?.putsPerSecond).toBeGreaterThan(0);
});
