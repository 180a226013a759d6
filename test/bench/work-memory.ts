/**
 * Memory of a watcher: what the server has more, after a forced collection of garbage, when so many watchers are there that wait.
 * 5000 streams with a watcher each, then a hundred streams that share 100,000 watchers, each with a fresh server.
 */

import { runLoad } from './load-child.ts';
import { less, type Measured } from './sample.ts';
import type { Stage, Work } from './work.ts';

interface Many {
  readonly measure: string;
  readonly streams: number;
  readonly watchersPerStream: number;
}

const FULL: readonly Many[] = [
  { measure: 'memory for each watch stream (of 5000)', streams: 5000, watchersPerStream: 1 },
  { measure: 'memory for each watcher on a shared stream (of 100,000)', streams: 100, watchersPerStream: 1000 },
];

const QUICK: readonly Many[] = FULL.map(({ measure }, i) => ({
  measure,
  streams: i === 0 ? 100 : 10,
  watchersPerStream: i === 0 ? 1 : 100,
}));

export const memory: Work = {
  name: 'memory',
  roundsMax: 3,
  async run(stage) {
    const measured: Measured[] = [];
    for (const many of stage.isQuick ? QUICK : FULL) measured.push(await hold(stage, many));
    return measured;
  },
};

function hold(stage: Stage, many: Many): Promise<Measured> {
  const { measure, streams, watchersPerStream } = many;
  return stage.withServer(async (server) => {
    const watchers = { connections: 10, streams, watchersPerStream, keys: ['memory'], valueBytes: 300 };
    const before = await server.settledMemoryBytes();
    let after = before;
    await runLoad(
      { kind: 'hold', port: server.port, watchers },
      {
        open: async () => {
          after = await server.settledMemoryBytes();
        },
      },
    );
    return less(measure, 'bytes', (after - before) / (streams * watchersPerStream));
  });
}
