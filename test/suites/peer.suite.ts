/** What every transport between members does; see src/peer/transport.ts. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RequestError } from '../../src/base/index.ts';
import { SNAPSHOTS_SENT_AT_ONCE_MAX } from '../../src/peer/index.ts';
import type { MemberId, Message, MessageBody } from '../../src/raft/index.ts';
import { append, heartbeat, installSnapshot, message, type PeerWorld, TestSnapshot } from '../support/peer-world.ts';
import { signal } from '../support/signal.ts';

/** One of each kind that travels with the messages. */
const BODIES: readonly MessageBody[] = [
  { kind: 'requestVote', lastIndex: 7, lastTerm: 2, transfer: true },
  { kind: 'requestPreVote', lastIndex: 7, lastTerm: 2, transfer: false },
  { kind: 'requestVoteResponse', granted: true },
  { kind: 'requestPreVoteResponse', granted: false },
  { kind: 'appendEntries', prevIndex: 4, prevTerm: 2, commit: 3, entries: [], quiet: true },
  { kind: 'appendEntriesAccepted', index: 5 },
  { kind: 'appendEntriesRejected', prevIndex: 5, agreeIndex: 4, agreeTerm: 1 },
  { kind: 'heartbeat', commit: 3, round: 8 },
  { kind: 'heartbeatResponse', round: 8 },
  { kind: 'timeoutNow' },
  { kind: 'transferLeadership', target: '2' },
  { kind: 'propose', ticket: 77, proposals: [{ kind: 'normal', data: Uint8Array.of(1, 2, 3) }] },
  { kind: 'proposeResponse', ticket: 77, answer: { kind: 'appended', index: 5, term: 3 } },
  { kind: 'readIndex', ticket: 78 },
  { kind: 'readIndexResponse', ticket: 78, index: 5 },
];

const byKind = (a: Message, b: Message): number => (a.kind < b.kind ? -1 : 1);

export function peerSuite(name: string, makeWorld: () => PeerWorld): void {
  let world: PeerWorld;

  beforeEach(() => {
    world = makeWorld();
  });
  afterEach(() => world.end());

  /** How a promise ends, without waiting for it here: time may have to pass. */
  const outcome = async (promise: Promise<void>): Promise<string> => {
    let text: string | undefined;
    promise.then(
      () => void (text = 'ok'),
      (error: unknown) => {
        text = String(error);
      },
    );
    await world.until(() => text !== undefined);
    return text ?? '';
  };

  describe(`${name}: questions`, () => {
    const asked = async (question: Promise<Uint8Array>): Promise<string> => {
      let text: string | undefined;
      question.then(
        (answer) => void (text = Buffer.from(answer).toString()),
        (error: unknown) => void (text = String(error)),
      );
      await world.until(() => text !== undefined);
      return text ?? '';
    };

    test('are answered, each with its own answer', async () => {
      const [one, two] = await pair(world);
      two.inbox.answerTo = async (question) => Buffer.from(`${Buffer.from(question).toString()}!`);
      const all = ['a', 'b', ''].map((text) => asked(one.transport.ask('2', Buffer.from(text))));
      expect(await Promise.all(all)).toEqual(['a!', 'b!', '!']);
      expect(await asked(two.transport.ask('1', Buffer.from('back')))).toBe('back');
    });

    test('that cannot be answered, that nobody answers, or that nobody is there for, fail', async () => {
      const [one, two] = await pair(world);
      two.inbox.answerTo = async () => {
        throw new RequestError('noLeader');
      };
      expect(await asked(one.transport.ask('2', Buffer.from('a')))).toContain('etcdserver: no leader');
      two.inbox.answerTo = () => new Promise(() => undefined);
      expect(await asked(one.transport.ask('2', Buffer.from('a')))).toContain('Error');
      expect(await asked(one.transport.ask('9', Buffer.from('a')))).toContain('no peer 9');
      two.inbox.answerTo = async (question) => question;
      expect(await asked(one.transport.ask('2', Buffer.from('again')))).toBe('again');
    });
  });

  describe(`${name}: messages`, () => {
    test('of every kind arrive as they were sent, both ways', async () => {
      const [one, two] = await pair(world);
      const there = BODIES.map((body) => message('1', '2', body));
      const back = BODIES.map((body) => message('2', '1', body));
      one.transport.send(there);
      two.transport.send(back);
      await world.until(() => one.inbox.messages.length + two.inbox.messages.length >= 2 * BODIES.length);
      expect(two.inbox.messages.toSorted(byKind)).toEqual(there.toSorted(byKind));
      expect(one.inbox.messages.toSorted(byKind)).toEqual(back.toSorted(byKind));
    });

    test('go to whom they are for', async () => {
      const ids: MemberId[] = ['1', '2', '3'];
      const members = await world.start(...ids);
      for (const { id, transport } of members) {
        const others = ids.filter((other) => other !== id);
        for (let round = 0; round < 50; round++) transport.send(others.map((other) => heartbeat(id, other, round)));
      }
      await world.until(() => members.every(({ inbox }) => inbox.messages.length >= 100));
      for (const { id, inbox } of members) {
        expect(inbox.messages.every(({ to }) => to === id)).toBe(true);
        for (const other of ids.filter((from) => from !== id)) {
          const rounds = inbox.messages.filter(({ from }) => from === other).map((m) => 'round' in m && m.round);
          expect(rounds).toEqual(Array.from({ length: 50 }, (_, round) => round));
        }
      }
    });

    test('appends keep their order on an undisturbed way', async () => {
      const [one, two] = await pair(world);
      for (let i = 0; i < 500; i++) one.transport.send([append('1', '2', i, i)]);
      await world.until(() => two.inbox.messages.length >= 500);
      const arrived = two.inbox.messages.map((received) => 'prevIndex' in received && received.prevIndex);
      expect(arrived).toEqual(Array.from({ length: 500 }, (_, i) => i));
    });

    test('for members that are no peers are dropped, and no others', async () => {
      const [one, two] = await pair(world);
      one.transport.setPeers([]);
      one.transport.send([heartbeat('1', '2', 1), heartbeat('1', '9', 1)]);
      // What was to be sent is sent at the end of the turn; from the next one on there is a peer again.
      await new Promise((resolve) => void setImmediate(resolve));
      one.transport.setPeers([two.address]);
      one.transport.send([heartbeat('1', '2', 2)]);
      await world.until(() => two.inbox.messages.length > 0);
      expect(two.inbox.messages).toEqual([heartbeat('1', '2', 2)]);
    });

    test('that tell of a snapshot go along with it, or not at all', async () => {
      const [one] = await pair(world);
      expect(() => one.transport.send([installSnapshot('1', '2')])).toThrow('by sendSnapshot');
    });

    test('are not sent after closing, nor are snapshots', async () => {
      const [one, two] = await pair(world);
      one.transport.send([heartbeat('1', '2', 1)]);
      await world.until(() => two.inbox.messages.length > 0);
      await one.transport.close();
      one.transport.send([heartbeat('1', '2', 2)]);
      two.transport.send([heartbeat('2', '1', 3)]);
      const snapshot = new TestSnapshot(1);
      expect(await outcome(one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot))).toContain('no peer 2');
      expect(snapshot.closed).toBe(1);
      expect(two.inbox.messages).toEqual([heartbeat('1', '2', 1)]);
      await one.transport.close();
    });
  });

  describe(`${name}: snapshots`, () => {
    test.each([0, 1, 2, 40])('of %i chunks arrive whole and in order', async (count) => {
      const [one, two] = await pair(world);
      const taken: number[] = [];
      two.inbox.takeSnapshot = async (received, chunks) => {
        expect(received).toEqual(installSnapshot('1', '2'));
        for await (const chunk of chunks) {
          expect(chunk.every((byte) => byte === chunk[0])).toBe(true);
          expect(chunk.length).toBe(5000);
          taken.push(chunk[0] ?? -1);
        }
      };
      const snapshot = new TestSnapshot(count, 5000);
      expect(await outcome(one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot))).toBe('ok');
      expect(taken).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(snapshot.closed).toBe(1);
      expect(two.inbox.messages).toEqual([]);
    });

    test('are done only when the receiver is', async () => {
      const [one, two] = await pair(world);
      const read = signal();
      const installed = signal();
      const order: string[] = [];
      two.inbox.takeSnapshot = async (_message, chunks) => {
        for await (const chunk of chunks) void chunk;
        read.resolve();
        await installed.promise;
        order.push('installed');
      };
      const sending = one.transport.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(3));
      void sending.then(() => order.push('sent'));
      void read.promise.then(() => one.transport.send([heartbeat('1', '2', 1)]));
      await world.until(() => two.inbox.messages.length > 0);
      installed.resolve();
      expect(await outcome(sending)).toBe('ok');
      expect(order).toEqual(['installed', 'sent']);
    });

    test('that the receiver does not want are refused, and the source is closed', async () => {
      const [one, two] = await pair(world);
      two.inbox.takeSnapshot = () => Promise.reject(new Error('I have a newer one'));
      const snapshot = new TestSnapshot(1000);
      expect(await outcome(one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot))).toContain('a newer one');
      expect(snapshot.closed).toBe(1);
      expect(snapshot.produced).toBeLessThan(1000);
    });

    test('that the receiver stops reading, or cannot install, have not arrived', async () => {
      const [one, two] = await pair(world);
      two.inbox.takeSnapshot = async (_message, chunks) => {
        for await (const chunk of chunks) if (chunk[0] === 2) break;
      };
      const first = one.transport.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(5));
      expect(await outcome(first)).toContain('not read to its end');
      two.inbox.takeSnapshot = async (_message, chunks) => {
        for await (const chunk of chunks) void chunk;
        throw new Error('the disk is full');
      };
      const second = one.transport.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(5));
      expect(await outcome(second)).toContain('the disk is full');
    });

    test('whose source fails have arrived nowhere', async () => {
      const [one, two] = await pair(world);
      const received = signal<string>();
      two.inbox.takeSnapshot = async (_message, chunks) => {
        try {
          for await (const chunk of chunks) void chunk;
          received.resolve('all of it');
        } catch (error) {
          received.resolve(String(error));
          throw error;
        }
      };
      const snapshot = new TestSnapshot(10);
      snapshot.onChunk = (number) => {
        if (number === 4) throw new Error('a record is damaged');
      };
      const sending = one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot);
      expect(await outcome(sending)).toContain('a record is damaged');
      expect(await received.promise).toContain('broken off');
      expect(snapshot.closed).toBe(1);
    });

    test('are broken off on both sides when the sender closes', async () => {
      const [one, two] = await pair(world);
      const begun = signal();
      const received = signal<string>();
      two.inbox.takeSnapshot = async (_message, chunks) => {
        begun.resolve();
        try {
          for await (const chunk of chunks) void chunk;
          received.resolve('all of it');
        } catch (error) {
          received.resolve(String(error));
          throw error;
        }
      };
      const snapshot = new TestSnapshot(1_000_000);
      const sending = outcome(one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot));
      void begun.promise.then(() => one.transport.close());
      expect(await sending).toContain('Error');
      expect(await received.promise).toContain('broken off');
      expect(snapshot.closed).toBe(1);
    });

    test('are produced no faster than the receiver takes them', async () => {
      const [one, two] = await pair(world);
      const chunkBytes = 256 * 1024;
      const snapshot = new TestSnapshot(80, chunkBytes);
      let taken = 0;
      let aheadMax = 0;
      two.inbox.takeSnapshot = async (_message, chunks) => {
        for await (const chunk of chunks) {
          expect(chunk.length).toBe(chunkBytes);
          aheadMax = Math.max(aheadMax, snapshot.produced - taken);
          taken += 1;
          // A source that nobody holds back has long gone on by then.
          for (let i = 0; i < 50; i++) await new Promise((resolve) => void setImmediate(resolve));
        }
      };
      expect(await outcome(one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot))).toBe('ok');
      expect(taken).toBe(80);
      expect(aheadMax * chunkBytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    });

    test('are so many at once', async () => {
      const [one, two] = await pair(world);
      const all = signal();
      two.inbox.takeSnapshot = async (_message, chunks) => {
        for await (const chunk of chunks) void chunk;
        await all.promise;
      };
      const snapshots = Array.from({ length: SNAPSHOTS_SENT_AT_ONCE_MAX + 1 }, () => new TestSnapshot(2));
      const sendings = snapshots.map((snapshot) => one.transport.sendSnapshot(installSnapshot('1', '2'), snapshot));
      const last = sendings.pop();
      expect(await outcome(last ?? Promise.resolve())).toContain('too many snapshots are being sent');
      all.resolve();
      for (const sending of sendings) expect(await outcome(sending)).toBe('ok');
      expect(snapshots.map(({ closed }) => closed)).toEqual(snapshots.map(() => 1));
    });

    test('to nobody are refused', async () => {
      const [one] = await pair(world);
      const snapshot = new TestSnapshot(2);
      expect(await outcome(one.transport.sendSnapshot(installSnapshot('1', '9'), snapshot))).toContain('no peer 9');
      expect(snapshot.closed).toBe(1);
    });
  });
}

async function pair(world: PeerWorld) {
  const [one, two] = await world.start('1', '2');
  if (one === undefined || two === undefined) throw new Error('no pair');
  return [one, two] as const;
}
