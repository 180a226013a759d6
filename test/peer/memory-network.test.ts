/** What the network in memory does to messages, and that it does the same from the same seed. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LinkState, SNAPSHOT_INSTALL_MS_MAX, SNAPSHOT_STALLED_MS_MAX } from '../../src/peer/index.ts';
import type { Message } from '../../src/raft/index.ts';
import {
  append,
  heartbeat,
  Inbox,
  installSnapshot,
  MemoryWorld,
  message,
  type TestMember,
  TestSnapshot,
} from '../support/peer-world.ts';

const COUNT = 1000;

let world: MemoryWorld;
let one: TestMember;
let two: TestMember;

beforeEach(async () => {
  world = new MemoryWorld();
  [one, two] = (await world.start('1', '2')) as [TestMember, TestMember];
});
afterEach(() => world.end());

const rounds = (messages: readonly Message[]): number[] =>
  messages.flatMap((received) => (received.kind === 'heartbeat' ? [received.round] : []));

/** Sends COUNT heartbeats, one each millisecond, and waits until they have arrived. */
function beat(state: Partial<LinkState>, sender = one, within = world): void {
  within.network.setLink('1', '2', state);
  for (let round = 0; round < COUNT; round++) {
    sender.transport.send([heartbeat('1', '2', round)]);
    within.clock.advance(1);
  }
  within.clock.advance(10_000);
}

const all = Array.from({ length: COUNT }, (_, round) => round);
const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

describe('messages', () => {
  test('are late by as much as the link says', () => {
    world.network.setLink('1', '2', { delayMsMin: 20, delayMsMax: 50 });
    const delays = new Set<number>();
    two.inbox.onMessage = (received) => {
      if (received.kind === 'heartbeat') delays.add(world.clock.now() - received.round);
    };
    for (let i = 0; i < COUNT; i++) {
      one.transport.send([heartbeat('1', '2', world.clock.now())]);
      world.clock.advance(100);
    }
    expect(ascending([...delays])).toEqual(Array.from({ length: 31 }, (_, i) => 20 + i));
  });

  test('keep their order, however late they are, unless the link reorders them', () => {
    beat({ delayMsMax: 30 });
    expect(rounds(two.inbox.messages.splice(0))).toEqual(all);
    beat({ reorders: true });
    const reordered = rounds(two.inbox.messages);
    expect(reordered).not.toEqual(all);
    expect(ascending(reordered)).toEqual(all);
  });

  test('are lost at the rate of the link', () => {
    beat({ lossRate: 0.3 });
    const lost = COUNT - two.inbox.messages.length;
    expect(lost).toBeGreaterThan(230);
    expect(lost).toBeLessThan(370);
    expect(rounds(two.inbox.messages)).toEqual(ascending(rounds(two.inbox.messages)));
  });

  test('come twice at the rate of the link, but no proposal does', () => {
    beat({ duplicateRate: 0.3 });
    const twice = two.inbox.messages.splice(0).length - COUNT;
    expect(twice).toBeGreaterThan(230);
    expect(twice).toBeLessThan(370);
    for (let ticket = 0; ticket < COUNT; ticket++) {
      one.transport.send([message('1', '2', { kind: 'propose', ticket, proposals: [] })]);
    }
    world.clock.advance(1);
    expect(two.inbox.messages).toHaveLength(COUNT);
  });

  test('do not pass a cut, which is one way; those on the way are lost as well', () => {
    world.network.setLink('1', '2', { delayMsMin: 10, delayMsMax: 10 });
    one.transport.send([heartbeat('1', '2', 1)]);
    world.clock.advance(5);
    world.network.setLink('1', '2', { isCut: true });
    one.transport.send([heartbeat('1', '2', 2)]);
    two.transport.send([heartbeat('2', '1', 3)]);
    world.clock.advance(100);
    expect(rounds(two.inbox.messages)).toEqual([]);
    expect(rounds(one.inbox.messages)).toEqual([3]);
    world.network.setLink('1', '2', { isCut: false });
    one.transport.send([heartbeat('1', '2', 4)]);
    world.clock.advance(100);
    expect(rounds(two.inbox.messages)).toEqual([4]);
  });

  test('to a member that was started anew meanwhile are lost; those of one that is gone still arrive', async () => {
    world.network.setLink('1', '2', { delayMsMin: 10, delayMsMax: 10 });
    one.transport.send([heartbeat('1', '2', 1)]);
    await two.transport.close();
    const again = new Inbox();
    world.network.join('2', again);
    world.clock.advance(100);
    one.transport.send([heartbeat('1', '2', 2)]);
    await one.transport.close();
    world.clock.advance(100);
    expect(rounds(two.inbox.messages)).toEqual([]);
    expect(rounds(again.messages)).toEqual([2]);
  });

  test('suffer the same from the same seed, and something else from another', async () => {
    const state = { delayMsMax: 40, lossRate: 0.2, duplicateRate: 0.2, reorders: true };
    const run = async (seed: number): Promise<number[]> => {
      const other = new MemoryWorld(seed);
      const [sender, receiver] = (await other.start('1', '2')) as [TestMember, TestMember];
      beat(state, sender, other);
      await other.end();
      return rounds(receiver.inbox.messages);
    };
    expect(await run(5)).toEqual(await run(5));
    expect(await run(5)).not.toEqual(await run(6));
  });
});

describe('a snapshot', () => {
  let received: string;

  beforeEach(() => {
    received = '';
    two.inbox.takeSnapshot = async (_message, chunks) => {
      try {
        for await (const chunk of chunks) received += chunk[0];
        received += ' all';
      } catch (error) {
        received += ` ${String(error)}`;
        throw error;
      }
    };
    world.network.setLink('1', '2', { delayMsMin: 5, delayMsMax: 5 });
  });

  test.each([
    ['there', '1', '2'],
    ['back', '2', '1'],
  ])('breaks on both sides when the way %s is cut', async (_name, from, to) => {
    const snapshot = new TestSnapshot(9);
    const sending = one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot);
    const rejected = expect(sending).rejects.toThrow('the connection broke');
    await world.until(() => received === '012');
    world.network.setLink(from, to, { isCut: true });
    await rejected;
    expect(received).toBe('012 Error: the sender of the snapshot has broken off');
    expect(snapshot.closed).toBe(1);
    const next = one.transport.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(1));
    await expect(next).rejects.toThrow('cannot be reached');
  });

  test('breaks when the receiver is gone', async () => {
    const sending = one.transport.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(9));
    const rejected = expect(sending).rejects.toThrow('the connection broke');
    await world.until(() => received === '012');
    await two.transport.close();
    await rejected;
    expect(received).toContain('broken off');
  });

  test('may have arrived although its sender does not know', async () => {
    two.inbox.takeSnapshot = async (_message, chunks) => {
      for await (const chunk of chunks) received += chunk[0];
      world.network.setLink('2', '1', { isCut: true });
      received += ' installed';
    };
    const sending = one.transport.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(3));
    const rejected = expect(sending).rejects.toThrow('the connection broke');
    await world.until(() => received.includes('installed'));
    await rejected;
    expect(received).toBe('012 installed');
  });

  test('that the receiver does not take is given up after a while', async () => {
    two.inbox.takeSnapshot = async (_message, chunks) => {
      for await (const chunk of chunks) {
        received += chunk[0];
        await new Promise(() => {});
      }
    };
    const snapshot = new TestSnapshot(1000, 256 * 1024);
    const sending = one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot);
    const rejected = expect(sending).rejects.toThrow(`no progress for ${SNAPSHOT_STALLED_MS_MAX} ms`);
    await world.until(() => received === '0');
    await world.until(() => snapshot.closed === 1);
    await rejected;
    expect(snapshot.produced).toBeLessThan(10);
  });

  test('that the receiver does not install is given up after a longer while', async () => {
    two.inbox.takeSnapshot = async (_message, chunks) => {
      for await (const chunk of chunks) received += chunk[0];
      received += ' all';
      await new Promise(() => {});
    };
    const sending = one.transport.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(2));
    const rejected = expect(sending).rejects.toThrow(`no progress for ${SNAPSHOT_INSTALL_MS_MAX} ms`);
    await world.until(() => received === '01 all');
    world.clock.advance(SNAPSHOT_INSTALL_MS_MAX);
    await rejected;
  });
});

test('an append is handed over as it is', () => {
  const sent = append('1', '2', 4);
  one.transport.send([sent]);
  world.clock.advance(1);
  expect(two.inbox.messages[0]).toBe(sent);
});
