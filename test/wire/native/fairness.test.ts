/** One connection, ten large answers and a small event: the event does not wait for them. And what all streams share is not copied. */

import { afterEach, expect, test } from 'vitest';
import { NativeServer, type SendStream } from '../../../src/wire/index.ts';
import { OUTPUT_BYTES_MAX, TURN_BYTES_MAX } from '../../../src/wire/native/limits.ts';
import { clientPreface, frame } from '../../bench/http2-frame.ts';
import { RawHttp2 } from '../../support/raw-http2.ts';
import { bytes, METHOD, OTHER, serverStream, unary, WireFixture } from '../../support/wire-fixture.ts';

const fixture = new WireFixture((options) => new NativeServer(options));

afterEach(() => fixture.end());

const READERS = 10;
const LARGE_BYTES: number = 5 * 1024 * 1024;
const EVENT = 2 * READERS + 1;

test('under ten readers of 5 MB an event waits for a frame of each, and what is on its way', async () => {
  const large = Buffer.alloc(LARGE_BYTES);
  const watchers: SendStream[] = [];
  const running = await fixture.serve({
    [METHOD]: unary(() => large),
    [OTHER]: serverStream((stream) => void watchers.push(stream)),
  });
  const raw = await RawHttp2.connect(running.port, false);
  fixture.atEnd(() => void raw.socket.destroy());
  // The windows take everything; it is the socket that is slow.
  raw.send(clientPreface(2 ** 30), frame(4, 0, 0, Buffer.of(0, 4, 0x40, 0, 0, 0)));
  raw.call(EVENT, OTHER, bytes(''));
  while (watchers.length === 0) await new Promise(setImmediate);
  const received = (): number =>
    Array.from({ length: READERS }, (_, i) => raw.dataBytes(2 * (i + EVENT) + 1)).reduce((a, b) => a + b);
  for (let i = 0; i < READERS; i++) raw.call(2 * (i + EVENT) + 1, METHOD, bytes(''));
  await raw.until(() => received() > LARGE_BYTES);
  const before = received();
  watchers[0]?.write(bytes('event'));
  await raw.until(() => raw.dataBytes(EVENT) > 0);
  // What the system has taken from us already is ahead as well: a few megabytes of the 50.
  const ahead = received() - before;
  expect(ahead).toBeLessThan(OUTPUT_BYTES_MAX + READERS * TURN_BYTES_MAX + SYSTEM_BYTES_MAX);
  expect(received()).toBeLessThan((READERS * LARGE_BYTES) / 2);
  await raw.until(() => received() === READERS * (LARGE_BYTES + 5));
  // All got on together, from when all were there: the first may have been alone for a while.
  const all = raw.frames.filter(({ streamId, type }) => type === 0 && streamId > EVENT).map(({ streamId }) => streamId);
  const order = all.slice(Math.max(...Array.from({ length: READERS }, (_, i) => all.indexOf(2 * (i + EVENT) + 1))));
  const longestRun = order.reduce(
    ([best, run], id, i) => {
      const now = id === order[i - 1] ? run + 1 : 1;
      return [Math.max(best, now), now] as [number, number];
    },
    [0, 0] as [number, number],
  )[0];
  expect(longestRun).toBeLessThan(20);
});

/** What the system keeps of a connection on loopback: its buffers for sending and for receiving. */
const SYSTEM_BYTES_MAX: number = 16 * 1024 * 1024;

test('small messages of a stream that follow one another are one frame; what comes between ends it', async () => {
  const streams: SendStream[] = [];
  const running = await fixture.serve({ [METHOD]: serverStream((stream) => void streams.push(stream)) });
  const raw = await RawHttp2.connect(running.port);
  fixture.atEnd(() => void raw.socket.destroy());
  raw.call(1, METHOD, bytes(''));
  raw.call(3, METHOD, bytes(''));
  while (streams.length < 2) await new Promise(setImmediate);
  const [one, two] = streams;
  const message = Buffer.alloc(1000, 'm');
  for (let i = 0; i < 40; i++) one?.write(message);
  two?.write(message);
  for (let i = 0; i < 3; i++) one?.write([message, message, message]);
  one?.end();
  two?.end();
  await raw.until(() => raw.dataBytes(1) === 40 * 1005 + 3 * 3005 && raw.dataBytes(3) === 1005);
  const lengths = raw.frames
    .filter(({ type }) => type === 0)
    .map(({ streamId, payload }) => `${streamId}: ${payload.length}`);
  expect(lengths).toEqual(['1: 16080', '1: 16080', '1: 8040', '3: 1005', '1: 9015']);
});
