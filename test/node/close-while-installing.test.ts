/** A member that is asked to stop while a snapshot takes the place of its state ends in good order, with the snapshot in its log. */

import { expect, test } from 'vitest';
import { EMPTY_BYTES, SeededPrng, SimulatedClock } from '../../src/base/index.ts';
import type { LogOwner } from '../../src/node/log.ts';
import { RaftLog } from '../../src/node/raft-log.ts';
import { MemoryNetwork } from '../../src/peer/index.ts';
import { configurationOf, JOINING, LIMITS_DEFAULT, Raft } from '../../src/raft/index.ts';
import { MemoryDisk, Wal } from '../../src/storage/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('the log closes when the snapshot is installed', async () => {
  const clock = new SimulatedClock();
  const disk = new MemoryDisk();
  await disk.makeDirectory('/wal');
  const wal = await Wal.create(disk, '/wal', { nodeId: 2n, clusterId: 1n }, { segmentBytes: 65_536, clock });
  const raft = new Raft({ id: '2', limits: LIMITS_DEFAULT, prng: new SeededPrng(1), stored: JOINING, applied: 0 });
  const failures: Error[] = [];
  let install: (() => void) | undefined;
  const owner: LogOwner = {
    committed: () => undefined,
    logged: () => undefined,
    takeSnapshot: () => Promise.reject(new Error('none')),
    installSnapshot: () => new Promise((resolve) => (install = resolve)),
    snapshotNotSent: () => undefined,
    leadershipChanged: () => undefined,
    failed: (error) => void failures.push(error),
  };
  const noOne = {
    receive: () => undefined,
    receiveSnapshot: () => Promise.resolve(),
    answer: async () => EMPTY_BYTES,
  };
  const transport = new MemoryNetwork(clock, new SeededPrng(1)).join('2', noOne);
  const log = new RaftLog({ clock, raft, wal, transport, owner, tickMs: 100, catchUpEntries: 10, leaderlessMs: 1000 });

  const snapshot = { index: 7, term: 2, configuration: configurationOf(['1', '2']) };
  const received = log.receiveSnapshot({ from: '1', to: '2', term: 2, kind: 'installSnapshot', snapshot });
  // What comes behind it waits for it.
  const entries = [{ kind: 'normal', index: 8, term: 2, data: EMPTY_BYTES } as const];
  log.receive({
    from: '1',
    to: '2',
    term: 2,
    kind: 'appendEntries',
    prevIndex: 7,
    prevTerm: 2,
    entries,
    commit: 7,
    quiet: false,
  });
  clock.advance(0);
  await turn();
  const closed = log.close();
  await turn();
  install?.();
  await Promise.all([received, closed]);
  await turn();
  expect(failures).toEqual([]);

  const after = await Wal.open(disk, '/wal');
  expect(after.snapshotMark.index).toBe(7);
  await after.wal.close();
});
