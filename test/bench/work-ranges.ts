/**
 * Ranges of one key and of a thousand keys with 256-byte values, serializable (the member answers from its own store) and
 * linearizable (it makes sure of its leader first).
 */

import { eventLoopHold } from './event-loop-hold.ts';
import { runLoad } from './load-child.ts';
import { type RangeKind, rangeRows } from './range-run.ts';
import type { Measured } from './sample.ts';
import type { Work } from './work.ts';

const KEYS = 1000;
const VALUE_BYTES = 256;
const SECONDS = 3;

const KINDS: readonly RangeKind[] = [
  { keys: 1, serializable: true, inFlightPerConnection: 100, goal: 15 },
  { keys: 1, serializable: false, inFlightPerConnection: 100 },
  { keys: KEYS, serializable: true, inFlightPerConnection: 1, goal: 3 },
  { keys: KEYS, serializable: false, inFlightPerConnection: 1, goal: 3 },
];

export const ranges: Work = {
  name: 'ranges',
  run(stage) {
    return stage.withServer(async (server) => {
      await runLoad({ kind: 'fill', port: server.port, keys: KEYS, valueBytes: VALUE_BYTES });
      const measured: Measured[] = [];
      const target = { ports: [server.port], server };
      for (const kind of KINDS) measured.push(...(await rangeRows(stage, target, kind, SECONDS)));
      return [...measured, ...(await eventLoopHold(server, 'ranges'))];
    });
  },
};
