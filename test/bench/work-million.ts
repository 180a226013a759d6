/**
 * A million watchers on one member: ten thousand streams of a hundred, and a put a second to keys that all, some (one in a hundred) and
 * none of them watch. No race: a run of this node alone, to see what it takes. Nothing may be lost, doubled or out of order for any
 * of them. Not in the table that all works together make: ask for it by --only.
 */

import { eventLoopHold } from './event-loop-hold.ts';
import { runLoad } from './load-child.ts';
import { KINDS, type MillionPlan, type MillionResult } from './million-load.ts';
import { memoryBytes } from './process-usage.ts';
import { type Measured, plain } from './sample.ts';
import type { Work } from './work.ts';

const FULL: MillionPlan = {
  connections: 100,
  streamsPerConnection: 100,
  watchersPerStream: 100,
  oneInSome: 100,
  valueBytes: 300,
  puts: 60,
  everyMs: 1000,
  openWithinMs: 120_000,
};

const QUICK: MillionPlan = { ...FULL, connections: 5, streamsPerConnection: 4, puts: 6, everyMs: 20 };

export const million: Work = {
  name: 'million',
  roundsMax: 1,
  onlySide: 'ours',
  run(stage) {
    return stage.withServer(async (server) => {
      const plan = stage.isQuick ? QUICK : FULL;
      const watchers = plan.connections * plan.streamsPerConnection * plan.watchersPerStream;
      const before = await server.settledMemoryBytes();
      const startedAt = performance.now();
      const cpuBefore = server.processorMs;
      const measured: Measured[] = [];
      const row = (measure: string, unit: string, value: number): void => {
        measured.push(plain(`a million watchers: ${measure}`, unit, value));
      };
      let metrics = '';
      const result = await runLoad(
        { kind: 'million', port: server.port, pid: server.pid, plan },
        {
          open: async () => {
            row('until all are there', 's', (performance.now() - startedAt) / 1000);
            row(
              "server's processor time for each to be there",
              'us',
              (1000 * (server.processorMs - cpuBefore)) / watchers,
            );
            row('memory of the process then, with garbage', 'MB', memoryBytes(server.pid) / 1e6);
            measured.push(...(await eventLoopHold(server, 'a million watchers come')));
            metrics = await server.metrics();
          },
          drained: async () => {
            measured.push(...(await eventLoopHold(server, 'a million watchers, a put a second', metrics)));
            const memory = await server.settledMemoryBytes();
            row('memory of the process at the end, without garbage', 'MB', memory / 1e6);
            row('of that for each watcher', 'bytes', (memory - before) / watchers);
          },
        },
      );
      return [...measured, ...rowsOf(result)];
    });
  },
};

function rowsOf(result: MillionResult): Measured[] {
  const { kinds, events, serverMs, clientMs, elapsedMs, serverBytesMost, clientBytes } = result;
  const row = (measure: string, unit: string, value: number): Measured =>
    plain(`a million watchers: ${measure}`, unit, value);
  return [
    row('the most memory of the process that was seen', 'MB', serverBytesMost / 1e6),
    row('events received, none lost, doubled or out of order', '', events),
    ...KINDS.flatMap((kind, i) => {
      const { answeredP50Ms = 0, delayP50Ms = 0, delayP99Ms = 0, delayMostMs = 0 } = kinds[i] ?? {};
      const put = `a put that ${kind} watch`;
      const answered = row(`${put}: answered, p50`, 'ms', answeredP50Ms);
      if (kind === 'none') return [answered];
      return [
        answered,
        row(`${put}: delay p50`, 'ms', delayP50Ms),
        row(`${put}: delay p99`, 'ms', delayP99Ms),
        row(`${put}: longest delay`, 'ms', delayMostMs),
      ];
    }),
    row("server's processor time for each event", 'us', (1000 * serverMs) / events),
    row("load process's processor time for each event", 'us', (1000 * clientMs) / events),
    row('server busy, with a put a second', 'of a processor', serverMs / elapsedMs),
    row('memory of the load process', 'MB', clientBytes / 1e6),
  ];
}
