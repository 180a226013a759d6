/**
 * Leases: granted and revoked with a thousand calls in flight, kept alive on one stream with a thousand keepalives in flight.
 *
 * The second work, which takes longer: what it is to the clients who put when a hundred thousand leases are at their end at once:
 * the longest time in which none of ten puts in flight was answered, from before that end until well after it.
 *
 *     grant all | renew all, at once | TTL | all are due, and end as fast as the server lets them
 *                                    | puts --------------------------------------------------->
 */

import { connect } from '../../src/client/index.ts';
import { eventLoopHold } from './event-loop-hold.ts';
import { runLoad } from './load-child.ts';
import { less, type Measured, more, plain } from './sample.ts';
import type { BenchServer } from './server-process.ts';
import type { Stage, Work } from './work.ts';

/** For those that are not to end by themselves. */
const TTL_SECONDS_LONG = 3600;
const LEASES = 10_000;
const IN_FLIGHT = 1000;
/** They are granted within this time. */
const TTL_SECONDS_ENDING = 40;
const LEASES_ENDING = 100_000;
const GRANTS_IN_FLIGHT = 500;
const PUTS_IN_FLIGHT = 10;
const AFTER_THE_END_MS = 10_000;

export const leases: Work = {
  name: 'leases',
  run: (stage) => stage.withServer((server) => rates(stage, server)),
};

export const leaseEnds: Work = {
  name: 'lease-ends',
  roundsMax: 1,
  run: (stage) => stage.withServer(ends(stage)),
};

async function rates(stage: Stage, server: BenchServer): Promise<Measured[]> {
  const inFlight = stage.isQuick ? 10 : IN_FLIGHT;
  const plan = { port: server.port, leases: stage.isQuick ? 100 : LEASES, ttlSeconds: TTL_SECONDS_LONG, inFlight };
  const result = await runLoad({
    kind: 'lease',
    plan,
    warmMs: stage.isQuick ? 50 : 1000,
    measureMs: stage.isQuick ? 150 : 3000,
  });
  return [
    more('leases granted, 1 connection x 1000 in flight', '1/s', result.grantsPerSecond),
    more('keepalives, 1 stream, 10,000 leases', '1/s', result.keepAlivesPerSecond),
    more('leases revoked, 1 connection x 1000 in flight', '1/s', result.revokesPerSecond),
    ...(await eventLoopHold(server, 'leases')),
  ];
}

function ends(stage: Stage): (server: BenchServer) => Promise<Measured[]> {
  const ttlSeconds = stage.isQuick ? 2 : TTL_SECONDS_ENDING;
  return async (server) => {
    const { port } = server;
    const plan = { port, leases: stage.isQuick ? 100 : LEASES_ENDING, ttlSeconds, inFlight: GRANTS_IN_FLIGHT };
    await runLoad({ kind: 'keepAlive', plan, rounds: 0, everyMs: 0 });
    const measureMs = 1000 * ttlSeconds + (stage.isQuick ? 1000 : AFTER_THE_END_MS);
    const puts = await runLoad({ kind: 'put', port, putsInFlight: PUTS_IN_FLIGHT, measureMs });
    await using client = connect({ endpoints: [`127.0.0.1:${port}`] });
    const ended = plan.leases - (await client.leaseList()).length;
    if (ended === 0) throw new Error('no lease has ended');
    return [
      less('longest stall of puts while 100,000 leases end', 'ms', puts.longestStallMs),
      plain('leases that have ended 10 s after the end of their TTL', '', ended),
      ...(await eventLoopHold(server, '100,000 leases that end')),
    ];
  };
}
