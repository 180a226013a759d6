/**
 * Start-up with many keys (a million, of 256-byte values, unless asked for fewer): from the start of the process to its first
 * answer to a linearizable read. The data is loaded once for each side, outside of what is timed, and the server stopped in
 * good order each time. The files are in the page cache, for both.
 */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { fillKey } from './fill-load.ts';
import { runLoad } from './load-child.ts';
import { call, RANGE_PATH } from './raw-call.ts';
import { less } from './sample.ts';
import type { BenchServer, Side } from './server-process.ts';
import type { Work } from './work.ts';

const VALUE_BYTES = 256;
const DATA_DIR = 'startup';

export function startup(): Work {
  const loaded = new Set<Side>();
  return {
    name: 'startup',
    roundsMax: 2,
    async run(stage) {
      const { keys, side } = stage;
      if (!loaded.has(side)) {
        await stage.withServerOn(DATA_DIR, async ({ port }) => {
          await runLoad({ kind: 'fill', port, keys, valueBytes: VALUE_BYTES });
        });
        loaded.add(side);
      }
      return stage.withServerOn(DATA_DIR, async (server) => {
        const found = await countOf(server, keys);
        if (found !== keys) throw new Error(`${keys} keys were loaded, ${found} are there after the start`);
        const memoryBytes = await server.settledMemoryBytes();
        const name = `start with ${keys.toLocaleString('en')} keys`;
        return [less(name, 's', server.startMs / 1000), less(`${name}, memory then`, 'MB', memoryBytes / 1e6)];
      });
    },
  };
}

async function countOf(server: BenchServer, keys: number): Promise<number> {
  const request = etcdserverpb.RangeRequest.encode({
    key: Buffer.from(fillKey(0)),
    range_end: Buffer.from(fillKey(keys)),
    count_only: true,
  }).finish();
  return Number(etcdserverpb.RangeResponse.decode(await call(server.port, RANGE_PATH, request)).count);
}
