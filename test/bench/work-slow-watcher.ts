/**
 * One watcher whose client has stopped reading, among a hundred that read, while puts go on at a steady rate (open loop): the
 * others must not notice, and the server must not keep all that the one has not taken.
 *
 *     without | alone on its connection | on a connection that others share | without
 *
 * The two runs without surround the others, because a store under puts changes meanwhile; p99 is compared with their mean.
 * Memory is measured right before and after each run: what it has grown by in the same run without, the history of the store,
 * is subtracted.
 */

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

interface Run {
  readonly p99Ms: number;
  readonly grownBytes: number;
}

export const slowWatcher: Work = {
  name: 'slow-watcher',
  run(stage) {
    return stage.withServer(async (server) => {
      // Warms the server up.
      await runLoad(jobOf(stage, server, 'none', WARM_UP_MS));
      const before = await run(stage, server, 'none');
      const alone = await run(stage, server, 'alone');
      const shared = await run(stage, server, 'shared');
      const after = await run(stage, server, 'none');
      const without = {
        p99Ms: (before.p99Ms + after.p99Ms) / 2,
        grownBytes: (before.grownBytes + after.grownBytes) / 2,
      };
      return [
        less('delay p99 of 100 watchers, none stuck', 'ms', without.p99Ms),
        ...compared('one stuck, alone on its connection', alone, without),
        ...compared('one stuck, on a shared connection', shared, without),
      ];
    });
  },
};

function compared(name: string, run: Run, without: Run): Measured[] {
  return [
    less(`delay p99 of the others, ${name}`, 'ms', run.p99Ms),
    plain(`that p99 over the one with none stuck, ${name}`, 'times', run.p99Ms / Math.max(without.p99Ms, 0.001)),
    plain(`memory kept for it, ${name}`, 'MB', (run.grownBytes - without.grownBytes) / 1e6),
  ];
}

function jobOf(stage: Stage, server: BenchServer, stuck: WatchJob['stuck'], measureMs: number): WatchJob {
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

async function run(stage: Stage, server: BenchServer, stuck: WatchJob['stuck']): Promise<Run> {
  const memoryBytesBefore = await server.settledMemoryBytes();
  let grownBytes = 0;
  const result = await runLoad(jobOf(stage, server, stuck, MEASURE_MS), {
    drained: async () => {
      grownBytes = (await server.settledMemoryBytes()) - memoryBytesBefore;
    },
  });
  return { p99Ms: result.delayP99Ms, grownBytes };
}
