/**
 * A process that writes through log and backend until it is killed: `tsx storage-child.ts <directory> <checkpoint every>`.
 * After each group that the log has acknowledged it prints the index of the last entry, on a line of its own.
 */

import { argv, stdout } from 'node:process';
import { LevelTables, NodeDisk, openDataDirectory } from '../../src/storage/index.ts';
import { entry, METADATA } from './wal-entry.ts';

const [path = '', every = '100'] = argv.slice(2);
const data = await openDataDirectory({
  disk: new NodeDisk(),
  path,
  metadata: METADATA,
  wal: { segmentBytes: 64 * 1024 },
  tables: new LevelTables(),
  backend: {
    onFailure: (error) => {
      throw error;
    },
  },
});
const { wal, backend } = data;

const apply = (index: number): void => {
  backend.putRecord(index + 1, 0, false, new TextEncoder().encode(`value ${index}`));
  backend.commit({ index, term: 1 });
};

// What the store has lost, the log gives back.
for (const { index } of data.entries) if (index > backend.applied.index) apply(index);

let last = wal.lastIndex;
stdout.write(`${last}\n`);
for (let round = 1; ; round++) {
  const group = Array.from({ length: 1 + (round % 7) }, (_, i) => entry(last + 1 + i, 1, 100));
  await wal.append(group);
  for (const { index } of group) apply(index);
  last += group.length;
  stdout.write(`${last}\n`);
  if (round % Number(every) !== 0) continue;
  const stored = await backend.checkpoint();
  await wal.markSnapshot({ ...stored, confState: new Uint8Array(0) });
  await wal.release(stored.index);
}
