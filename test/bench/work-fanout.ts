/**
 * Events to many: a thousand watchers of one key, as a thousand streams, as ten on each of a hundred streams, as a hundred on
 * each of ten; values of 300 bytes; the next put when the last is answered, then eight puts in flight. A put of these is a
 * thousand events. After each run all watchers must have received all events.
 *
 * The last two works are no race but an everyday load (open loop): what delay has an event when the server is not busy?
 */

import { eventLoopHold } from './event-loop-hold.ts';
import { runLoad } from './load-child.ts';
import type { WatchResult } from './load-job.ts';
import type { Pace } from './put-load.ts';
import { less, type Measured, more, plain } from './sample.ts';
import type { BenchServer } from './server-process.ts';
import type { Stage, Work } from './work.ts';

const WATCHERS = 1000;
const CONNECTIONS = 10;
const VALUE_BYTES = 300;

const STREAMS = [1000, 100, 10] as const;
const PUTS_IN_FLIGHT = [1, 8] as const;
/** Of the rate, by streams and puts in flight: how many times etcd's. */
const GOALS: Readonly<Record<string, number>> = { '1000/1': 15, '10/1': 8, '10/8': 3 };

export const fanout: Work = {
  name: 'fanout',
  run(stage) {
    return stage.withServer(async (server) => {
      const measured: Measured[] = [];
      for (const streams of STREAMS) {
        for (const putsInFlight of PUTS_IN_FLIGHT) {
          const name = `1000 watchers on ${streams} streams, ${putsInFlight} ${putsInFlight === 1 ? 'put' : 'puts'} in flight`;
          const result = await watch(stage, server, streams, ['fanout'], { putsInFlight });
          measured.push(
            more(`events, ${name}`, '1/s', result.eventsPerSecond, GOALS[`${streams}/${putsInFlight}`]),
            less(`delay p50, ${name}`, 'ms', result.delayP50Ms),
            less(`delay p99, ${name}`, 'ms', result.delayP99Ms),
            less(`server's processor time for each event, ${name}`, 'us', result.serverUsPerEvent),
            plain(`client busy, ${name}`, 'of a processor', result.clientBusy),
          );
        }
      }
      return [...measured, ...(await eventLoopHold(server, 'fanout'))];
    });
  },
};

interface Everyday {
  readonly name: string;
  readonly keys: number;
  readonly putsPerSecond: number;
  /** Of the p99: how many times less than etcd's. */
  readonly goal?: number;
}

const EVERYDAY: readonly Everyday[] = [
  { name: '1000 puts/s, a watcher each', keys: WATCHERS, putsPerSecond: 1000, goal: 2 },
  { name: '20 puts/s, 1000 watchers each', keys: 1, putsPerSecond: 20 },
];

export const delay: Work = {
  name: 'delay',
  run(stage) {
    return stage.withServer(async (server) => {
      const measured: Measured[] = [];
      for (const { name, keys, putsPerSecond, goal } of EVERYDAY) {
        const watched = Array.from({ length: keys }, (_, i) => `delay/${i}`);
        const result = await watch(stage, server, WATCHERS, watched, { putsPerSecond });
        measured.push(
          less(`delay p50, ${name}`, 'ms', result.delayP50Ms),
          less(`delay p99, ${name}`, 'ms', result.delayP99Ms, goal),
        );
      }
      return [...measured, ...(await eventLoopHold(server, 'everyday delay'))];
    });
  },
};

function watch(
  stage: Stage,
  server: BenchServer,
  streams: number,
  keys: readonly string[],
  pace: Pace,
): Promise<WatchResult> {
  return runLoad({
    kind: 'watch',
    port: server.port,
    pid: server.pid,
    watchers: {
      connections: CONNECTIONS,
      streams,
      watchersPerStream: WATCHERS / streams,
      keys,
      valueBytes: VALUE_BYTES,
    },
    pace,
    warmMs: stage.isQuick ? 50 : 1000,
    measureMs: stage.isQuick ? 150 : 3500,
    stuck: 'none',
  });
}
