/** The transport over the network, when the other end is not as it should be. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodePeerFrame, encodePeerAck } from '../../src/codec/index.ts';
import { MemoryLogger } from '../../src/ops/index.ts';
import { MESSAGES_METHOD, SNAPSHOT_METHOD } from '../../src/peer/hello.ts';
import {
  askMembers,
  BULK_QUEUE_BYTES_MAX,
  BULK_UNACKED_BYTES_MAX,
  CHECK_MS,
  channelOpener,
  PEER_MESSAGE_BYTES_MAX,
  type PeerObserver,
  type PeerTransport,
  PROBE_MS,
  RECONNECT_MS_MAX,
  RECONNECT_MS_MIN,
  SILENCE_MS_MAX,
  SNAPSHOT_STALLED_MS_MAX,
} from '../../src/peer/index.ts';
import { ASK_SHARE } from '../../src/peer/limits.ts';
import type { DuplexStream } from '../../src/wire/index.ts';
import {
  append,
  GrpcWorld,
  heartbeat,
  Inbox,
  installSnapshot,
  PeerServer,
  TestSnapshot,
} from '../support/peer-world.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const MiB = 1024 * 1024;

let world: GrpcWorld;
let inbox: Inbox;
let logger: MemoryLogger;
/** What the transport has told its observer, as lines. */
let events: string[];
let sendFailures: number;
let roundTrips: number;

beforeEach(() => {
  world = new GrpcWorld();
  inbox = new Inbox();
  logger = new MemoryLogger();
  events = [];
  sendFailures = 0;
  roundTrips = 0;
});
afterEach(() => world.end());

const observer: Partial<PeerObserver> = {
  known: (peer) => void events.push(`known ${peer}`),
  forgotten: (peer) => void events.push(`forgotten ${peer}`),
  active: (peer) => void events.push(`active ${peer}`),
  disconnected: (peer) => void events.push(`disconnected ${peer}`),
  roundTrip: () => {
    roundTrips += 1;
  },
  sendFailed: (_to, messages) => {
    sendFailures += messages;
  },
  snapshotSendStarted: (to) => void events.push(`snapshot to ${to}`),
  snapshotSendEnded: (to, ok) => void events.push(`snapshot to ${to} ${ok ? 'ok' : 'failed'}`),
  snapshotReceiveStarted: (from) => void events.push(`snapshot from ${from}`),
  snapshotReceiveEnded: (from, ok) => void events.push(`snapshot from ${from} ${ok ? 'ok' : 'failed'}`),
};

const url = (port: number): string => `http://127.0.0.1:${port}`;

/** Member 1, who knows member 2 at these ports. */
function memberOne(ports: readonly number[], clock?: SteppedClock): PeerTransport {
  const transport = world.transport('1', { logger, observer, ...(clock === undefined ? {} : { clock }) });
  transport.setPeers([{ id: '2', urls: ports.map(url) }]);
  return transport;
}

/** A server of the peer port whose streams of messages are handled by the test. */
async function serveStreams(handler: (stream: DuplexStream) => void): Promise<number> {
  const methods = new Map(
    [MESSAGES_METHOD, SNAPSHOT_METHOD].map((name) => [name, { kind: 'duplex', handler }] as const),
  );
  const server = new PeerServer(methods);
  world.atEnd(() => server.close());
  return (await server.listen(0)).port;
}

describe('connecting', () => {
  test('a peer that restarts is found again, and nothing is said twice', async () => {
    const [first, port] = await world.serve('2', inbox);
    const one = memberOne([port]);
    let round = 0;
    const until = async (condition: () => boolean): Promise<void> => {
      await world.until(() => {
        one.send([heartbeat('1', '2', round++)]);
        return condition();
      });
    };
    await until(() => inbox.messages.length > 0);
    await first.close();
    await until(() => events.includes('disconnected 2'));
    const before = inbox.messages.length;
    await world.serve('2', inbox, {}, port);
    await until(() => inbox.messages.length > before);
    expect(events).toEqual(['known 2', 'active 2', 'disconnected 2', 'active 2']);
    const rounds = inbox.messages.map((message) => ('round' in message ? message.round : -1));
    expect(new Set(rounds).size).toBe(rounds.length);
    expect(logger.entries.map(({ message }) => message).filter((text) => !text.includes('cannot be reached'))).toEqual([
      'connected to a peer',
      'lost the connection to a peer',
      'connected to a peer',
    ]);
  });

  test('the URLs of a peer are tried in turn', async () => {
    const [gone, dead] = await world.serve('2', new Inbox());
    await gone.close();
    const [, port] = await world.serve('2', inbox);
    memberOne([dead, port]);
    await world.until(() => events.includes('active 2'));
    const connected = logger.entries.find(({ message }) => message === 'connected to a peer');
    expect(connected?.fields).toEqual({ peer: '2', url: url(port) });
  });

  test('a peer that moves is followed', async () => {
    const [first, port] = await world.serve('2', new Inbox());
    const one = memberOne([port]);
    await world.until(() => events.includes('active 2'));
    const [, moved] = await world.serve('2', inbox);
    one.setPeers([{ id: '2', urls: [url(moved)] }]);
    await first.close();
    await world.until(() => events.filter((event) => event === 'active 2').length === 2);
    one.send([heartbeat('1', '2', 1)]);
    await world.until(() => inbox.messages.length === 1);
  });

  test('a peer of another cluster is tried again and again, and complained of once', async () => {
    let hellos = 0;
    const port = await serveStreams((stream) => {
      hellos += 1;
      stream.end({ code: 9, message: 'cluster ID mismatch' });
    });
    const one = memberOne([port]);
    one.send([heartbeat('1', '2', 1)]);
    await world.until(() => hellos === 4);
    expect(logger.entries).toMatchObject([
      {
        level: 'warn',
        message: 'a peer refuses to talk to this member',
        fields: { peer: '2', error: 'cluster ID mismatch' },
      },
    ]);
    expect(events).toEqual(['known 2']);
    expect(sendFailures).toBe(1);
  });

  test('a peer that accepts and breaks off each time is tried less and less often', async () => {
    const clock = new SteppedClock();
    const port = await serveStreams((stream) => {
      stream.onMessage((bytes) => {
        stream.write(encodePeerAck(decodePeerFrame(bytes).number));
        stream.end();
      });
    });
    memberOne([port], clock);
    for (let attempt = 1; attempt <= 8; attempt++) {
      await world.until(() => events.filter((event) => event === 'disconnected 2').length === attempt);
      clock.advance(RECONNECT_MS_MAX);
    }
    const waits = clock.delays.filter((delayMs) => delayMs > 0 && delayMs !== CHECK_MS);
    expect(waits).toHaveLength(8);
    for (const [i, wait] of waits.entries()) {
      const longest = Math.min(RECONNECT_MS_MIN * 2 ** i, RECONNECT_MS_MAX);
      expect(wait).toBeLessThanOrEqual(longest);
      expect(wait).toBeGreaterThanOrEqual(longest / 2);
    }
  });

  test.each(['no url', 'http://'])('an address that is none (%s) is complained of, and corrected', async (bad) => {
    const one = world.transport('1', { logger, observer });
    one.setPeers([{ id: '2', urls: [bad] }]);
    one.send([heartbeat('1', '2', 1)]);
    await world.until(() => logger.entries.length > 0);
    expect(logger.entries).toMatchObject([{ message: 'a peer cannot be reached', fields: { url: bad } }]);
    const [, port] = await world.serve('2', inbox);
    one.setPeers([{ id: '2', urls: [url(port)] }]);
    await world.until(() => events.includes('active 2'));
  });
});

describe('a peer that does not answer', () => {
  test('is asked for a sign of life when there is nothing to say', async () => {
    const clock = new SteppedClock();
    const [, port] = await world.serve('2', inbox);
    memberOne([port], clock);
    await world.until(() => roundTrips === 1);
    clock.advance(PROBE_MS);
    await world.until(() => roundTrips === 2);
    expect(inbox.messages).toEqual([]);
    expect(events).toEqual(['known 2', 'active 2']);
  });

  test('is taken for gone after a while, whether it has answered before or not', async () => {
    const clock = new SteppedClock();
    const streams: DuplexStream[] = [];
    let answers = false;
    let heard = 0;
    const port = await serveStreams((stream) => {
      streams.push(stream);
      stream.onMessage((bytes) => {
        const { number, messages } = decodePeerFrame(bytes);
        heard += messages.length;
        if (answers) stream.write(encodePeerAck(number));
      });
    });
    const one = memberOne([port], clock);
    await world.until(() => streams.length === 1);
    clock.advance(SILENCE_MS_MAX);
    answers = true;
    // One more look at the clock, and the wait before the next attempt.
    clock.advance(1000);
    await world.until(() => events.includes('active 2'));
    expect(streams).toHaveLength(2);
    answers = false;
    one.send([heartbeat('1', '2', 1)]);
    await world.until(() => heard === 1);
    // The heartbeat's frame was quiet; the link asks when it has nothing to say.
    clock.advance(PROBE_MS + SILENCE_MS_MAX + 1000);
    await world.until(() => events.includes('disconnected 2'));
    expect(logger.entries.at(-1)).toMatchObject({
      message: 'lost the connection to a peer',
      fields: { error: `no answer for ${SILENCE_MS_MAX} ms` },
    });
  });

  test('is sent no more bulk than has credit, while heartbeats go on; what the queue does not hold is dropped', async () => {
    const appendBytes = 256 * 1024;
    const count = 200;
    const heldMax = BULK_QUEUE_BYTES_MAX / appendBytes;
    let bulkBytes = 0;
    let rounds = 0;
    let current: DuplexStream | undefined;
    const port = await serveStreams((stream) => {
      current = stream;
      stream.onMessage((bytes) => {
        const { hello, number, messages } = decodePeerFrame(bytes);
        if (hello !== undefined) stream.write(encodePeerAck(number));
        for (const message of messages) {
          if (message.kind === 'appendEntries') bulkBytes += appendBytes;
          else rounds += 1;
        }
      });
    });
    const one = memberOne([port]);
    const appends = Array.from({ length: count }, (_, i) => append('1', '2', i, appendBytes));
    // On a second stream it is as on the first: what is owed for the first is forgotten.
    for (let streams = 1; streams <= 2; streams++) {
      await world.until(() => events.filter((event) => event === 'active 2').length === streams);
      [bulkBytes, rounds, sendFailures] = [0, 0, 0];
      one.send(appends);
      for (let round = 1; round <= 20; round++) {
        one.send([heartbeat('1', '2', round)]);
        await world.until(() => rounds >= round);
      }
      expect(bulkBytes).toBeGreaterThan(0);
      expect(bulkBytes).toBeLessThanOrEqual(BULK_UNACKED_BYTES_MAX);
      expect(sendFailures).toBeGreaterThanOrEqual(count - heldMax);
      expect(sendFailures).toBeLessThanOrEqual(count - heldMax + 1);
      current?.end();
    }
  });
});

test('heartbeats overtake 16 MiB of bulk that wait', async () => {
  const [, port] = await world.serve('2', inbox);
  const one = memberOne([port]);
  await world.until(() => events.includes('active 2'));
  const chunkBytes = 256 * 1024;
  const count = (16 * MiB) / chunkBytes;
  const windowMax = BULK_UNACKED_BYTES_MAX / chunkBytes;
  let appends = 0;
  const sentAfter: number[] = [];
  const overtook: number[] = [];
  const beat = (): void => {
    one.send([heartbeat('1', '2', sentAfter.length)]);
    sentAfter.push(appends);
  };
  inbox.onMessage = (message) => {
    if (message.kind === 'appendEntries') {
      appends += 1;
      if (appends % 4 === 0) beat();
    } else if (message.kind === 'heartbeat') {
      overtook[message.round] = appends - (sentAfter[message.round] ?? 0);
    }
  };
  one.send(Array.from({ length: count }, (_, i) => append('1', '2', i, chunkBytes)));
  beat();
  await world.until(() => appends === count && overtook.length === sentAfter.length);
  expect(overtook).toHaveLength(1 + count / 4);
  // Ahead of a heartbeat is only what had left already.
  expect(Math.max(...overtook)).toBeLessThanOrEqual(windowMax);
  expect(sendFailures).toBe(0);
  const order = inbox.messages.flatMap((message) => ('prevIndex' in message ? [message.prevIndex] : []));
  expect(order).toEqual(Array.from({ length: count }, (_, i) => i));
});

test('a large message that waits for credit gets it, though nothing before it has asked for any', async () => {
  const [, port] = await world.serve('2', inbox);
  const one = memberOne([port], new SteppedClock());
  await world.until(() => events.includes('active 2'));
  const asked = roundTrips;
  one.send([append('1', '2', 1, BULK_UNACKED_BYTES_MAX / 8)]);
  await world.until(() => inbox.messages.length === 1);
  expect(roundTrips).toBe(asked);
  one.send([append('1', '2', 2, BULK_UNACKED_BYTES_MAX - 1000)]);
  await world.until(() => inbox.messages.length === 2);
});

test('of a thousand small frames few are acknowledged', async () => {
  const [, port] = await world.serve('2', inbox);
  const one = memberOne([port], new SteppedClock());
  await world.until(() => events.includes('active 2'));
  const asked = roundTrips;
  for (let i = 0; i < 1000; i++) {
    one.send([append('1', '2', i, 1000)]);
    await world.until(() => inbox.messages.length > i);
  }
  const used = 1000 * 1200;
  expect(roundTrips - asked).toBeGreaterThanOrEqual(1);
  expect(roundTrips - asked).toBeLessThanOrEqual(used / (ASK_SHARE * BULK_UNACKED_BYTES_MAX));
});

test('of one turn, what is urgent goes first', async () => {
  const [, port] = await world.serve('2', inbox);
  const one = memberOne([port]);
  one.send([append('1', '2', 1)]);
  one.send([append('1', '2', 2), heartbeat('1', '2', 1)]);
  await world.until(() => inbox.messages.length === 3);
  expect(inbox.messages.map(({ kind }) => kind)).toEqual(['heartbeat', 'appendEntries', 'appendEntries']);
});

test('a message beyond all bounds is dropped, and the next one is not', async () => {
  const [, port] = await world.serve('2', inbox);
  const one = memberOne([port]);
  one.send([append('1', '2', 1, PEER_MESSAGE_BYTES_MAX), append('1', '2', 2, 3 * MiB), heartbeat('1', '2', 1)]);
  await world.until(() => inbox.messages.length === 2);
  expect(sendFailures).toBe(1);
  expect(logger.entries.find(({ level }) => level === 'error')).toMatchObject({
    message: 'a message is too large to be sent',
    fields: { kind: 'appendEntries', peer: '2' },
  });
  expect(events).toEqual(['known 2', 'active 2']);
});

test('what was sent before closing arrives', async () => {
  const [, port] = await world.serve('2', inbox);
  const one = memberOne([port]);
  await world.until(() => events.includes('active 2'));
  one.send([append('1', '2', 1, MiB), heartbeat('1', '2', 1)]);
  await one.close();
  expect(inbox.messages).toHaveLength(2);
  expect(events).toEqual(['known 2', 'active 2', 'forgotten 2']);
});

describe('a snapshot', () => {
  test('that is cut midway has arrived nowhere, and both sides know', async () => {
    const [server, port] = await world.serve('2', inbox, { observer });
    const one = memberOne([port]);
    let received = '';
    inbox.takeSnapshot = async (_message, chunks) => {
      let taken = 0;
      try {
        for await (const chunk of chunks) {
          taken += chunk.length;
          if (taken === 5000) server.cut();
        }
        received = 'all';
      } catch (error) {
        received = String(error);
        throw error;
      }
    };
    const snapshot = new TestSnapshot(1_000_000);
    await expect(one.sendSnapshot(installSnapshot('1', '2'), snapshot)).rejects.toThrow();
    await world.until(() => received !== '');
    expect(received).toContain('broken off');
    expect(snapshot.closed).toBe(1);
    await world.until(() => events.includes('snapshot from 1 failed'));
    expect(events).toContain('snapshot to 2 failed');
    inbox.takeSnapshot = new Inbox().takeSnapshot;
    await one.sendSnapshot(installSnapshot('1', '2'), new TestSnapshot(3));
    expect(events).toContain('snapshot to 2 ok');
    expect(events).toContain('snapshot from 1 ok');
  });

  test('that the peer does not take is given up after a while', async () => {
    const clock = new SteppedClock();
    const [, port] = await world.serve('2', inbox);
    const one = memberOne([port], clock);
    let taking = false;
    inbox.takeSnapshot = async (_message, chunks) => {
      for await (const chunk of chunks) {
        taking = chunk.length > 0;
        await new Promise(() => {});
      }
    };
    const snapshot = new TestSnapshot(1_000_000, 256 * 1024);
    const sending = one.sendSnapshot(installSnapshot('1', '2'), snapshot);
    const rejected = expect(sending).rejects.toThrow(`no progress for ${SNAPSHOT_STALLED_MS_MAX} ms`);
    await world.until(() => taking);
    let produced = -1;
    await world.until(() => {
      const isHeld = produced === snapshot.produced;
      produced = snapshot.produced;
      // The clock is moved only while nothing moves otherwise.
      if (isHeld) clock.advance(SNAPSHOT_STALLED_MS_MAX);
      return snapshot.closed > 0;
    });
    await rejected;
    expect(produced).toBeLessThan(40);
  });

  test('is not taken for sent if the peer answers before it has all', async () => {
    const port = await serveStreams((stream) => {
      stream.onMessage(() => {
        stream.write(new Uint8Array(0));
        stream.end();
      });
    });
    const one = memberOne([port]);
    const snapshot = new TestSnapshot(1_000_000);
    await expect(one.sendSnapshot(installSnapshot('1', '2'), snapshot)).rejects.toThrow('before it had all');
    expect(snapshot.closed).toBe(1);
  });

  test('to a peer that cannot be reached is refused', async () => {
    const [gone, port] = await world.serve('2', inbox);
    await gone.close();
    const one = memberOne([port]);
    const snapshot = new TestSnapshot(1_000_000);
    await expect(one.sendSnapshot(installSnapshot('1', '2'), snapshot)).rejects.toThrow('ECONNREFUSED');
    expect(snapshot.closed).toBe(1);
    expect(snapshot.produced).toBeLessThan(10);
  });
});

describe('asking who is in the cluster', () => {
  test('goes from one member to the next, and says what each said if none answers', async () => {
    const [gone, dead] = await world.serve('1', inbox);
    await gone.close();
    const [, port] = await world.serve('2', inbox);
    expect(await askMembers([url(dead), 'nonsense', url(port)], channelOpener())).toEqual({
      clusterId: 0xc1n,
      members: [],
    });
    await expect(askMembers([url(dead), 'nonsense'], channelOpener())).rejects.toThrow(
      /no member told .*ECONNREFUSED.*nonsense: /,
    );
    await expect(askMembers([], channelOpener())).rejects.toThrow('there was none to ask');
  });
});
