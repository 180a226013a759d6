/**
 * Three members: what one is not enough for. Puts go to the leader, as etcd's own benchmark has it; linearizable ranges to all;
 * events are awaited on a follower while the puts go through the leader. Then a follower that missed many writes comes back, and
 * then leaders are killed. Processor time is that of all three.
 */

import type { BenchCluster } from './bench-cluster.ts';
import { timeWithoutLeader } from './failover.ts';
import { runLoad } from './load-child.ts';
import { type Clients, putRows } from './put-run.ts';
import { rangeRows } from './range-run.ts';
import { hashOf, revisionOf } from './raw-call.ts';
import { less, type Measured, plain } from './sample.ts';
import type { Stage, Work } from './work.ts';

const SECONDS = 3;
const VALUE_BYTES = 256;

const CLIENTS: readonly Clients[] = [
  {
    name: 'three members, puts, 100 connections x 10 in flight',
    connections: 100,
    inFlightPerConnection: 10,
    isTimed: false,
    goal: 2.5,
  },
  { name: 'three members, puts, 1 client', connections: 1, inFlightPerConnection: 1, isTimed: true },
];

/** So that a follower that is away for them may not be able to catch up by the log, with the default --snapshot-count of either. */
const MISSED = 100_000;
const MISSED_VALUE_BYTES = 16;
const MISSED_IN_FLIGHT = 500;
const KILLS = 3;

export const cluster: Work = {
  name: 'cluster',
  run(stage) {
    return stage.withCluster(async (members) => {
      const measured: Measured[] = [];
      const target = { port: (await members.leader()).port, server: members };
      for (const clients of CLIENTS) measured.push(...(await putRows(stage, target, clients, SECONDS)));
      await runLoad({ kind: 'fill', port: target.port, keys: 1, valueBytes: VALUE_BYTES });
      const ports = members.members.map(({ port }) => port);
      const kind = { where: 'three members, ', keys: 1, serializable: false, inFlightPerConnection: 100, goal: 3 };
      measured.push(...(await rangeRows(stage, { ports, server: members }, kind, SECONDS)));
      measured.push(...(await eventDelay(stage, members)));
      measured.push(...(await catchUp(stage, members)));
      for (let kill = 0; kill < (stage.isQuick ? 1 : KILLS); kill++) {
        const ms = await timeWithoutLeader(members);
        measured.push(less('three members, no put acknowledged after the leader is killed', 'ms', ms));
      }
      return measured;
    });
  },
};

/** Far below what either can do: what delay has an event when nobody is busy? */
const WATCHERS = 100;
const PUTS_PER_SECOND = 100;

async function eventDelay(stage: Stage, members: BenchCluster): Promise<Measured[]> {
  const leader = await members.leader();
  const [follower = leader] = members.others(leader);
  const { delayP50Ms, delayP99Ms } = await runLoad({
    kind: 'watch',
    port: follower.port,
    putPort: leader.port,
    pid: follower.pid,
    watchers: {
      connections: 10,
      streams: WATCHERS,
      watchersPerStream: 1,
      keys: Array.from({ length: WATCHERS }, (_, i) => `delay/${i}`),
      valueBytes: VALUE_BYTES,
    },
    pace: { putsPerSecond: PUTS_PER_SECOND },
    warmMs: stage.isQuick ? 50 : 1000,
    measureMs: stage.isQuick ? 150 : 3000,
    stuck: 'none',
  });
  const name = 'from a put through the leader to a watcher on a follower, 100 puts/s';
  return [less(`delay p50 ${name}`, 'ms', delayP50Ms), less(`delay p99 ${name}`, 'ms', delayP99Ms)];
}

const SNAPSHOTS_RECEIVED = /^etcd_network_snapshot_receive_success\{.*?\} (\S+)/gm;

/** From the start of its process until its revision is the leader's; then their hashes must be equal. */
async function catchUp(stage: Stage, members: BenchCluster): Promise<Measured[]> {
  const leader = await members.leader();
  const [follower = leader] = members.others(leader);
  await follower.stop();
  await runLoad({
    kind: 'fill',
    port: leader.port,
    keys: stage.isQuick ? 200 : MISSED,
    valueBytes: MISSED_VALUE_BYTES,
    putsPerTxn: 1,
    txnsInFlight: MISSED_IN_FLIGHT,
  });
  const revision = await revisionOf(leader.port);
  const again = await members.restart(follower, (status) => status.revision >= revision);
  const hashes = [await hashOf(leader.port, revision), await hashOf(again.port, revision)];
  if (hashes[0] !== hashes[1]) throw new Error('the follower that caught up has another hash than the leader');
  let snapshots = 0;
  for (const [, value = ''] of (await again.metrics()).matchAll(SNAPSHOTS_RECEIVED)) snapshots += Number(value);
  return [
    less('catch-up of a follower that missed 100,000 writes, from the start of its process', 's', again.startMs / 1000),
    plain('snapshots it received for that (0: it caught up by the log)', '', snapshots),
  ];
}
