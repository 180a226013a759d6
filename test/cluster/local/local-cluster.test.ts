import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { LocalCluster } from '../../../cluster/local/index.ts';
import { commandOf } from '../../../cluster/process/index.ts';
import { connect } from '../../../src/client/index.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';

const READY_WITHIN_MS = 30_000;
const FIRST_PORT = 25020;
/** Members that all run on one small machine need a moment longer to be sure that the leader is gone. */
const FLAGS = ['--heartbeat-interval=50', '--election-timeout=500'];

/** Resolves when the look satisfies. */
async function until(cluster: LocalCluster, holds: (view: Awaited<ReturnType<LocalCluster['look']>>) => boolean) {
  const giveUpAt = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const view = await cluster.look();
    if (holds(view)) return view;
    if (Date.now() > giveUpAt) throw new Error(JSON.stringify(view.members.map(({ name, role }) => [name, role])));
  }
}

test('a leader that is cut off is replaced, and obeys the new one when the links are whole', () =>
  withTemporaryDirectory(async (directory) => {
    const options = { command: commandOf(undefined), flags: FLAGS, directory, size: 3, firstPort: FIRST_PORT };
    const cluster = await LocalCluster.start(options);
    try {
      const { leader: first = '' } = await cluster.untilReady(READY_WITHIN_MS);
      const others = cluster.members.map(({ name }) => name).filter((name) => name !== first);
      for (const other of others) cluster.cut(first, other);
      expect(cluster.faults).toHaveLength(2);
      const second = await until(cluster, ({ leader }) => leader !== undefined && leader !== first);
      expect(second.members.find(({ name }) => name === first)?.role).not.toBe('follower');
      await using client = connect({ endpoints: cluster.endpoints.filter((_, i) => `n${i + 1}` !== first) });
      const { revision } = await client.put('key', 'value');
      cluster.heal();
      const healed = await until(cluster, ({ members }) =>
        members.every(({ status }) => status?.revision === revision),
      );
      expect(healed.members.find(({ name }) => name === first)?.role).toBe('follower');

      // Started again from what cluster.json says, it is the same cluster.
      await cluster.kill(others[0] ?? '');
      await cluster.down();
      const again = await LocalCluster.start(options);
      try {
        await again.untilReady(READY_WITHIN_MS);
        await using reader = connect({ endpoints: again.endpoints });
        expect((await reader.get('key')).kvs).toHaveLength(1);
      } finally {
        await again.down();
      }
    } finally {
      await cluster.down();
    }
  }));

test('a paused member is told from one that is gone; both come back', () =>
  withTemporaryDirectory(async (directory) => {
    const options = { command: commandOf(undefined), flags: FLAGS, directory, size: 3, firstPort: FIRST_PORT };
    const cluster = await LocalCluster.start(options);
    try {
      await cluster.untilReady(READY_WITHIN_MS);
      cluster.pause('n1');
      expect(() => cluster.pause('n1')).toThrow('n1 is paused');
      const paused = await cluster.look();
      expect(paused.members[0]?.role).toBe('paused');
      cluster.resume('n1');
      await cluster.kill('n2');
      expect((await cluster.look()).members[1]?.role).toBe('down');
      await cluster.start('n2');
      await cluster.untilReady(READY_WITHIN_MS);
      await expect(cluster.start('n2')).rejects.toThrow('n2 is running already');
      expect(() => cluster.member('n9')).toThrow('no member n9: there are n1, n2, n3');

      // One that has no place to be is not taken in: the others would count it.
      const taken = createServer().listen(FIRST_PORT + 7, '127.0.0.1');
      await once(taken, 'listening');
      await expect(cluster.add()).rejects.toThrow('EADDRINUSE');
      taken.close();
      await using client = connect({ endpoints: cluster.endpoints });
      expect((await client.memberList()).members).toHaveLength(3);
    } finally {
      await cluster.down();
    }
  }));
