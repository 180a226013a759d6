/**
 * Memory of a watcher that waits: by how much the server grows, after a forced collection of garbage, when as many again come as are there.
 * The first ones pay for what a server has once, however many there are: room for garbage, compiled code, growing tables.
 *
 *     fresh server | 5000 streams, a watcher each | 5000 more           a further stream: the difference between the last two
 *     fresh server | 50 streams of 1000 watchers  | 50 more             a further watcher
 */

import { runLoad } from './load-child.ts';
import { less, type Measured } from './sample.ts';
import type { Stage, Work } from './work.ts';

interface Many {
  readonly measure: string;
  /** So many, and then as many again. */
  readonly streams: number;
  readonly watchersPerStream: number;
  readonly goal: number;
}

const FULL: readonly Many[] = [
  { measure: 'memory for each watch stream (of 10,000)', streams: 5000, watchersPerStream: 1, goal: 20 },
  { measure: 'memory for each watcher on a shared stream (of 100,000)', streams: 50, watchersPerStream: 1000, goal: 2 },
];

const QUICK: readonly Many[] = FULL.map((many, i) => ({
  ...many,
  streams: i === 0 ? 100 : 10,
  watchersPerStream: i === 0 ? 1 : 100,
}));

export const memory: Work = {
  name: 'memory',
  roundsMax: 2,
  async run(stage) {
    const measured: Measured[] = [];
    for (const many of stage.isQuick ? QUICK : FULL) measured.push(await hold(stage, many));
    return measured;
  },
};

function hold(stage: Stage, many: Many): Promise<Measured> {
  const { measure, streams, watchersPerStream, goal } = many;
  return stage.withServer(async (server) => {
    const watchers = { connections: 10, streams, watchersPerStream, keys: ['memory'], valueBytes: 300 };
    let before = 0;
    let after = 0;
    await runLoad(
      { kind: 'hold', port: server.port, watchers },
      {
        open: async () => {
          before = await server.settledMemoryBytes();
        },
        doubled: async () => {
          after = await server.settledMemoryBytes();
        },
      },
    );
    return less(measure, 'bytes', (after - before) / (streams * watchersPerStream), goal);
  });
}
