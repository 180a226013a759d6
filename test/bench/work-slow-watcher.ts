/**
 * One watcher whose client has stopped reading, among a hundred that read, while puts go on at a steady rate (open loop): the
 * others must not notice, and the server must not keep all that the one has not taken.
 *
 *     none stuck | one alone on its connection | one on a connection that others share | one on a … | one alone … | none | none | …
 *
 * A p99 of some hundred puts is made by four of them: by whatever the disk or the collector of garbage did just then. So the three
 * kinds of run take turns, in changing order, and each kind's delays are put together. In the first turn, memory is measured right
 * before and after each run; what has grown in the run without, the history of the store, is subtracted.
 */

import { type LatencyCounts, LatencyHistogram } from './latency-histogram.ts';
import { runLoad } from './load-child.ts';
import type { WatchJob } from './load-job.ts';
import { less, type Measured, plain } from './sample.ts';
import type { BenchServer } from './server-process.ts';
import type { Stage, Work } from './work.ts';

/** Far below what either server can do: a busy server is late for other reasons. */
const PUTS_PER_SECOND = 100;
/** Large, so that what is kept for the one that does not read would show. */
const VALUE_BYTES = 12_000;

const WARM_UP_MS = 1000;
const MEASURE_MS = 4000;
const TURNS = 4;

const KINDS = ['none', 'alone', 'shared'] as const;
type Kind = (typeof KINDS)[number];

export const slowWatcher: Work = {
  name: 'slow-watcher',
  run(stage) {
    return stage.withServer(async (server) => {
      // Warms the server up.
      await runLoad(jobOf(stage, server, 'none', WARM_UP_MS));
      const grown = new Map<Kind, number>();
      for (const kind of KINDS) grown.set(kind, await grownBytes(stage, server, kind));
      const delays = new Map<Kind, LatencyCounts[]>(KINDS.map((kind) => [kind, []]));
      for (let turn = 0; turn < (stage.isQuick ? 1 : TURNS); turn++) {
        for (const kind of turn % 2 === 0 ? KINDS : KINDS.toReversed()) {
          const result = await runLoad(jobOf(stage, server, kind, MEASURE_MS));
          delays.get(kind)?.push(result.delays);
        }
      }
      const p99Ms = (kind: Kind): number => LatencyHistogram.of(...(delays.get(kind) ?? [])).quantileMs(0.99);
      const rowsOf = (kind: Kind, name: string): Measured[] => [
        less(`delay p99 of the others, ${name}`, 'ms', p99Ms(kind)),
        plain(`that p99 over the one with none stuck, ${name}`, 'times', p99Ms(kind) / Math.max(p99Ms('none'), 0.001)),
        plain(`memory kept for it, ${name}`, 'MB', ((grown.get(kind) ?? 0) - (grown.get('none') ?? 0)) / 1e6),
      ];
      return [
        less('delay p99 of 100 watchers, none stuck', 'ms', p99Ms('none')),
        ...rowsOf('alone', 'one stuck, alone on its connection'),
        ...rowsOf('shared', 'one stuck, on a shared connection'),
      ];
    });
  },
};

function jobOf(stage: Stage, server: BenchServer, stuck: Kind, measureMs: number): WatchJob {
  return {
    kind: 'watch',
    port: server.port,
    pid: server.pid,
    watchers: { connections: 10, streams: 100, watchersPerStream: 1, keys: ['slow'], valueBytes: VALUE_BYTES },
    pace: { putsPerSecond: PUTS_PER_SECOND },
    warmMs: stage.isQuick ? 50 : 1000,
    measureMs: stage.isQuick ? 150 : measureMs,
    stuck,
  };
}

/** By how much the server's memory grew in a run, the stuck watcher still there. */
async function grownBytes(stage: Stage, server: BenchServer, kind: Kind): Promise<number> {
  const before = await server.settledMemoryBytes();
  let after = before;
  await runLoad(jobOf(stage, server, kind, MEASURE_MS), {
    drained: async () => {
      after = await server.settledMemoryBytes();
    },
  });
  return after - before;
}
