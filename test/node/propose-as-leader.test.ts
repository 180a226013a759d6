/** What only the leader of one term may want is refused by everybody else, and never reaches the log. */

import { expect, test } from 'vitest';
import { type RequestError, SeededPrng, SimulatedClock } from '../../src/base/index.ts';
import { storedEntry, storedHardState } from '../../src/codec/index.ts';
import type { LogOwner } from '../../src/node/log.ts';
import { RaftLog } from '../../src/node/raft-log.ts';
import { MemoryNetwork } from '../../src/peer/index.ts';
import { bootstrapped, type Entry, LIMITS_DEFAULT, Raft } from '../../src/raft/index.ts';
import { MemoryDisk, MemoryTables, openDataDirectory } from '../../src/storage/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('a proposal as the leader of a term is taken in that term only', async () => {
  const clock = new SimulatedClock();
  const { wal, backend } = await openDataDirectory({
    disk: new MemoryDisk(),
    path: '/data',
    metadata: { nodeId: 1n, clusterId: 1n },
    wal: { segmentBytes: 65_536, clock },
    tables: new MemoryTables(),
    backend: { onFailure: () => undefined },
  });
  const first = bootstrapped(['1'], Uint8Array.of());
  await wal.append(first.entries.map(storedEntry), storedHardState(first.hardState));
  const raft = new Raft({ id: '1', limits: LIMITS_DEFAULT, prng: new SeededPrng(1), stored: first, applied: 0 });
  const committed: Entry[] = [];
  const owner: LogOwner = {
    committed: (entries) => void committed.push(...entries),
    logged: () => undefined,
    takeSnapshot: () => Promise.reject(new Error('none')),
    installSnapshot: () => Promise.resolve(),
    snapshotNotSent: () => undefined,
    leadershipChanged: () => undefined,
    failed: (error) => {
      throw error;
    },
  };
  const noOne = {
    receive: () => undefined,
    receiveSnapshot: () => Promise.resolve(),
    answer: async () => Uint8Array.of(),
  };
  const transport = new MemoryNetwork(clock, new SeededPrng(1)).join('1', noOne);
  const log = new RaftLog({ clock, raft, wal, transport, owner, tickMs: 100, catchUpEntries: 10, leaderlessMs: 1000 });
  log.campaign();
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      clock.advance(10);
      await turn();
    }
  };
  await settle();
  expect(log.isLeader).toBe(true);
  const failures: string[] = [];
  const failed = (error: RequestError): void => void failures.push(error.code);
  log.proposeAsLeader(log.term - 1, Uint8Array.of(1), failed);
  log.proposeAsLeader(log.term, Uint8Array.of(2), failed);
  log.proposeAsLeader(log.term + 1, Uint8Array.of(3), failed);
  await settle();
  expect(failures).toEqual(['notLeader', 'notLeader']);
  expect(committed.filter(({ kind, data }) => kind === 'normal' && data.length > 0).map(({ data }) => data[0])).toEqual(
    [2],
  );
  await log.close();
  await backend.close();
});
