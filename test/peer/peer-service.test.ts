/** What a member says to those who do not talk as members do. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { crc32c, Status } from '../../src/base/index.ts';
import {
  decodePeerAck,
  encodePeerFrame,
  encodeRaftMessage,
  encodeSnapshotChunk,
  type PeerHello,
} from '../../src/codec/index.ts';
import { MemoryLogger } from '../../src/ops/index.ts';
import { SNAPSHOT_STALLED_MS_MAX, SNAPSHOTS_RECEIVED_AT_ONCE_MAX } from '../../src/peer/index.ts';
import { CLUSTER_ID, GrpcWorld, heartbeat, Inbox, installSnapshot } from '../support/peer-world.ts';
import { RawStream } from '../support/raw-peer.ts';
import { signal } from '../support/signal.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const HELLO: PeerHello = { clusterId: CLUSTER_ID, from: 1n, to: 2n, protocol: 1 };
const FIRST_CHUNK = encodeSnapshotChunk({ hello: HELLO, message: installSnapshot('1', '2') });
const MESSAGE = encodeRaftMessage(heartbeat('1', '2', 1));

let world: GrpcWorld;
let inbox: Inbox;
let logger: MemoryLogger;
let clock: SteppedClock;
let port: number;
let failures: string[];

beforeEach(async () => {
  world = new GrpcWorld();
  inbox = new Inbox();
  logger = new MemoryLogger();
  clock = new SteppedClock();
  failures = [];
  const observer = { receiveFailed: (from: string) => failures.push(from) };
  [, port] = await world.serve('2', inbox, { logger, clock, observer });
});
afterEach(() => world.end());

function open(method: 'messages' | 'snapshot'): RawStream {
  const stream = new RawStream(port, method);
  world.atEnd(async () => stream.close());
  return stream;
}

const logged = (): string[] => logger.entries.map(({ message }) => message);

/** A member in order is still listened to. */
async function expectServing(): Promise<void> {
  const before = inbox.messages.length;
  const stream = open('messages');
  stream.write(encodePeerFrame({ hello: HELLO, number: 7, messages: [MESSAGE] }));
  await world.until(() => stream.answers.length > 0);
  expect(stream.answers.map(decodePeerAck)).toEqual([7]);
  expect(inbox.messages.length).toBe(before + 1);
}

async function helloFrom(clusterId: bigint): Promise<void> {
  const hello = { ...HELLO, clusterId };
  await open('messages').write(encodePeerFrame({ hello, number: 1, messages: [] })).end;
}

describe('a hello', () => {
  const REFUSED = [
    ['of another cluster', { clusterId: 0xbadn }, 'cluster ID mismatch: this is a member of cluster c1, not of bad'],
    ['to another member', { to: 3n }, 'this is member 2, not 3'],
    ['of a protocol to come', { protocol: 2 }, 'peer protocol 2 is not known here, only 1'],
    ['of no protocol', { protocol: 0 }, 'peer protocol 0 is not known here, only 1'],
    ['from this very member', { from: 2n }, 'a member with the ID of another'],
    ['from nobody', { from: 0n }, 'a member with the ID of another'],
  ] as const;

  test.each(REFUSED)('%s is refused', async (_name, change, text) => {
    const hello = { ...HELLO, ...change };
    const messages = open('messages').write(encodePeerFrame({ hello, number: 1, messages: [MESSAGE] }));
    expect(await messages.end).toEqual({ code: Status.failedPrecondition, text });
    const snapshot = open('snapshot').write(encodeSnapshotChunk({ hello, message: installSnapshot('1', '2') }));
    expect(await snapshot.end).toEqual({ code: Status.failedPrecondition, text });
    expect(inbox.messages).toEqual([]);
    await expectServing();
  });

  test('that is missing is refused', async () => {
    const end = { code: Status.failedPrecondition, text: 'the stream does not begin with a hello' };
    expect(await open('messages').write(encodePeerFrame({ number: 1, messages: [MESSAGE] })).end).toEqual(end);
    const chunk = encodeSnapshotChunk({ message: installSnapshot('1', '2') });
    expect(await open('snapshot').write(chunk).end).toEqual(end);
  });

  test('that is refused again and again is logged once a minute', async () => {
    for (let i = 0; i < 5; i++) await helloFrom(0xbadn);
    expect(logger.entries).toMatchObject([
      {
        level: 'warn',
        name: 'peer',
        message: 'refused the stream of a peer',
        fields: {
          peer: '1',
          address: '127.0.0.1',
          error: 'cluster ID mismatch: this is a member of cluster c1, not of bad',
        },
      },
    ]);
    await helloFrom(0xbacn);
    expect(logged()).toHaveLength(2);
    clock.advance(60_000);
    for (let i = 0; i < 5; i++) await helloFrom(0xbadn);
    expect(logged()).toHaveLength(3);
  });
});

const frame = (...messages: Uint8Array[]): Uint8Array => encodePeerFrame({ hello: HELLO, number: 1, messages });

describe('a stream of messages', () => {
  test.each([
    ['from another', encodeRaftMessage(heartbeat('3', '2', 1)), 'a message from 3 to 2 on the stream from 1 to 2'],
    ['to another', encodeRaftMessage(heartbeat('1', '3', 1)), 'a message from 1 to 3 on the stream from 1 to 2'],
    ['that is none', Uint8Array.of(0xff, 0xff), 'unexpected EOF'],
    ['that is a snapshot', encodeRaftMessage(installSnapshot('1', '2')), 'a snapshot without its state'],
    ['of no kind', Uint8Array.of(8, 99, 16, 1, 24, 2), 'a Raft message of kind 99'],
  ])('with a message %s ends, and no other does', async (_name, bad, text) => {
    const other = open('messages').write(frame(MESSAGE));
    await world.until(() => other.answers.length === 1);
    const stream = open('messages').write(frame(MESSAGE));
    await world.until(() => stream.answers.length === 1);
    stream.write(frame(bad));
    expect(await stream.end).toEqual({ code: Status.failedPrecondition, text });
    expect(failures).toEqual(['1']);
    other.write(frame(MESSAGE));
    await world.until(() => other.answers.length === 2);
    expect(inbox.messages).toHaveLength(3);
  });

  test('acknowledges the frames that ask for it, and no others', async () => {
    const stream = open('messages').write(frame(MESSAGE));
    stream.write(encodePeerFrame({ number: 2, messages: [MESSAGE], quiet: true }));
    stream.write(encodePeerFrame({ number: 3, messages: [MESSAGE], quiet: true }));
    stream.write(encodePeerFrame({ number: 4, messages: [] }));
    await world.until(() => stream.answers.length === 2);
    expect(stream.answers.map(decodePeerAck)).toEqual([1, 4]);
    expect(inbox.messages).toHaveLength(3);
  });

  test('of garbage ends', async () => {
    const end = await open('messages').write(Uint8Array.of(0x0a, 0xff)).end;
    expect(end).toEqual({ code: Status.failedPrecondition, text: 'unexpected EOF' });
    expect(failures).toEqual([]);
    await expectServing();
  });

  test('that its sender finishes ends well', async () => {
    const stream = open('messages').write(frame(MESSAGE));
    stream.finish();
    expect(await stream.end).toMatchObject({ code: Status.ok });
    expect(inbox.messages).toHaveLength(1);
    expect(logged()).toEqual([]);
  });
});

/** A snapshot of nothing. */
const whole = (): RawStream =>
  open('snapshot')
    .write(FIRST_CHUNK)
    .write(encodeSnapshotChunk({ crc: 0, last: true }));

describe('a snapshot', () => {
  const data = Uint8Array.of(1, 2, 3);
  let received: string;

  beforeEach(() => {
    received = '';
    inbox.takeSnapshot = async (_message, chunks) => {
      received = 'begun';
      try {
        for await (const chunk of chunks) received += ` ${chunk.join('')}`;
        received += ' end';
      } catch (error) {
        received += ` ${String(error)}`;
        throw error;
      }
    };
  });

  test('whose checksum is right is acknowledged', async () => {
    const crc = crc32c(data, crc32c(data));
    const stream = open('snapshot').write(FIRST_CHUNK).write(encodeSnapshotChunk({ data }));
    stream.write(encodeSnapshotChunk({ data, crc, last: true }));
    expect(await stream.end).toMatchObject({ code: Status.ok });
    expect(stream.answers).toHaveLength(1);
    expect(received).toBe('begun 123 123 end');
  });

  test('whose checksum is wrong does not count', async () => {
    const stream = open('snapshot').write(FIRST_CHUNK).write(encodeSnapshotChunk({ data }));
    stream.write(encodeSnapshotChunk({ crc: (crc32c(data) ^ 1) >>> 0, last: true }));
    const end = await stream.end;
    expect(end.code).toBe(Status.aborted);
    expect(end.text).toMatch(/arrived with CRC \w+ instead of/);
    expect(received).toContain('arrived with CRC');
    expect(stream.answers).toEqual([]);
  });

  test('that ends or breaks without its last chunk does not count', async () => {
    const stream = open('snapshot').write(FIRST_CHUNK).write(encodeSnapshotChunk({ data }));
    stream.finish();
    expect(await stream.end).toEqual({
      code: Status.aborted,
      text: 'the sender of the snapshot has broken off',
    });
    const cut = open('snapshot').write(FIRST_CHUNK).write(encodeSnapshotChunk({ data }));
    await world.until(() => received === 'begun 123');
    cut.cut();
    await world.until(() => received.includes('broken off'));
  });

  test('with garbage in it does not count', async () => {
    const stream = open('snapshot').write(FIRST_CHUNK).write(Uint8Array.of(0x0a, 0xff));
    expect(await stream.end).toMatchObject({ code: Status.failedPrecondition });
    await world.until(() => received.includes('broken off'));
    expect(failures).toEqual(['1']);
  });

  test('without its message is refused', async () => {
    const heartbeats = encodeSnapshotChunk({ hello: HELLO, message: heartbeat('1', '2', 1) });
    const end = { code: Status.failedPrecondition, text: 'a snapshot without its message' };
    expect(await open('snapshot').write(heartbeats).end).toEqual(end);
    expect(await open('snapshot').write(encodeSnapshotChunk({ hello: HELLO })).end).toEqual(end);
    const others = encodeSnapshotChunk({ hello: HELLO, message: installSnapshot('3', '2') });
    expect(await open('snapshot').write(others).end).toMatchObject({ code: Status.failedPrecondition });
    expect(received).toBe('');
  });

  test('whose sender falls silent is given up', async () => {
    const stream = open('snapshot').write(FIRST_CHUNK).write(encodeSnapshotChunk({ data }));
    await world.until(() => received === 'begun 123');
    clock.advance(SNAPSHOT_STALLED_MS_MAX);
    expect(await stream.end).toMatchObject({ code: Status.aborted, text: expect.stringContaining('no chunk') });
    expect(received).toContain('no chunk of the snapshot');
  });

  test('beyond so many at once is refused, and taken when there is room again', async () => {
    const go = signal();
    let begun = 0;
    inbox.takeSnapshot = async (_message, chunks) => {
      begun += 1;
      for await (const chunk of chunks) void chunk;
      await go.promise;
    };
    const taken = Array.from({ length: SNAPSHOTS_RECEIVED_AT_ONCE_MAX }, whole);
    await world.until(() => begun === taken.length);
    expect(await whole().end).toMatchObject({ code: Status.resourceExhausted });
    go.resolve();
    for (const stream of taken) expect(await stream.end).toMatchObject({ code: Status.ok });
    expect(await whole().end).toMatchObject({ code: Status.ok });
  });
});
