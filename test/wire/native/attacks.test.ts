/**
 * Clients that mean harm, or might as well. Each is cut, or held within its limit; another client is served meanwhile, and what the
 * attacker costs in memory is bounded.
 */

import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { Status } from '../../../src/base/index.ts';
import { NativeServer, type SendStream } from '../../../src/wire/index.ts';
import { ErrorCode } from '../../../src/wire/native/frame.ts';
import * as limits from '../../../src/wire/native/limits.ts';
import {
  clientPreface,
  FrameFlag,
  FrameType,
  frame,
  grpcMessage,
  requestHeaders,
  windowUpdate,
} from '../../bench/http2-frame.ts';
import { headersOf, RawHttp2 } from '../../support/raw-http2.ts';
import { signal } from '../../support/signal.ts';
import { SteppedClock } from '../../support/stepped-clock.ts';
import {
  bytes,
  duplex,
  echo,
  expectServing,
  METHOD,
  OTHER,
  type Running,
  serverStream,
  unary,
  WireFixture,
} from '../../support/wire-fixture.ts';

const fixture = new WireFixture((options) => new NativeServer(options));

afterEach(() => fixture.end());

/** A test must tell apart what is bounded from what grows with the attack: these send far more than this. */
const GROWTH_BYTES_MAX: number = 120 * 1024 * 1024;

/** Serves, and lets `attack` begin. */
async function underAttack(attack: (raw: RawHttp2, running: Running) => Promise<void>): Promise<RawHttp2> {
  const never = duplex(() => {});
  const running = await fixture.serve({ [METHOD]: echo, [OTHER]: never });
  const raw = await attacker(running);
  const before = process.memoryUsage();
  await attack(raw, running);
  await expectServing(running);
  const after = process.memoryUsage();
  expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(GROWTH_BYTES_MAX);
  return raw;
}

async function attacker({ port }: Running, hasPreface: boolean = true): Promise<RawHttp2> {
  const raw = await RawHttp2.connect(port, hasPreface);
  fixture.atEnd(() => void raw.socket.destroy());
  return raw;
}

const ping = frame(FrameType.ping, 0, 0, Buffer.alloc(8));
const settings = frame(FrameType.settings, 0, 0, Buffer.alloc(0));
const many = (times: number, one: Buffer): Buffer => Buffer.concat(Array.from({ length: times }, () => one));

function reset(streamId: number): Buffer {
  return frame(FrameType.resetStream, 0, streamId, Buffer.of(0, 0, 0, ErrorCode.cancel));
}

/** Calls that are begun and reset at once, for ever. */
function rapidReset(from: number, calls: number): Buffer {
  const frames: Buffer[] = [];
  for (let i = 0; i < calls; i++) frames.push(headersOf(from + 2 * i, OTHER), reset(from + 2 * i));
  return Buffer.concat(frames);
}

describe('floods are cut', () => {
  test.each([
    ['PINGs', many(1000, ping), 'too_many_pings'],
    ['SETTINGS', many(1000, settings), 'too many SETTINGS'],
    ['PRIORITY', many(1000, frame(FrameType.settings - 2, 0, 1, Buffer.alloc(5))), 'too many control frames'],
    ['frames of no known type', many(1000, frame(99, 0, 0, Buffer.alloc(0))), 'too many control frames'],
    ['rapid resets', rapidReset(1, 2000), 'too many resets'],
    [
      'calls that are malformed',
      Buffer.concat(Array.from({ length: 2000 }, (_, i) => frame(1, 4, 2 * i + 1, Buffer.of(0x82)))),
      'too many resets',
    ],
  ])('%s', async (_, flood, text) => {
    const raw = await underAttack(async (one) => {
      await one.flood(flood);
    });
    expect(raw.goAway).toEqual({ code: ErrorCode.enhanceYourCalm, text });
  });

  test('DATA without content', async () => {
    const raw = await underAttack(async (one) => {
      one.call(1, OTHER);
      await one.flood(many(1000, frame(FrameType.data, 0, 1, Buffer.alloc(0))));
    });
    expect(raw.goAway?.code).toBe(ErrorCode.enhanceYourCalm);
  });

  test('CONTINUATION without end, empty and full', async () => {
    for (const size of [0, 16_000]) {
      const raw = await underAttack(async (one) => {
        one.send(frame(FrameType.headers, 0, 1, requestHeaders(OTHER, 'x')));
        await one.flood(frame(FrameType.continuation, 0, 1, Buffer.alloc(size)));
      });
      expect(raw.goAway).toEqual({ code: ErrorCode.enhanceYourCalm, text: 'a header block too large' });
    }
  });

  test('acknowledgements that nobody reads', async () => {
    await underAttack(async (one, running) => {
      one.socket.pause();
      // Every call forgives the PINGs before it; the answers pile up.
      const frames: Buffer[] = [];
      for (let i = 0; i < 500; i++) frames.push(headersOf(2 * i + 1, '/nothing'), ping);
      one.send(...frames);
      await expectServing(running);
      one.socket.resume();
      await one.closed();
    });
  });
});

test('who measures the line with PINGs while one large answer comes is no attacker', async () => {
  const large = unary(() => Buffer.alloc(20_000));
  const raw = await attacker(await fixture.serve({ [METHOD]: large }));
  const windowOf1000 = frame(FrameType.settings, 0, 0, Buffer.of(0, 4, 0, 0, 1000 >> 8, 1000 & 0xff));
  raw.send(windowOf1000);
  raw.call(1, METHOD, bytes('x'));
  for (let received = 1000; received <= 20_000; received += 1000) {
    await raw.until(() => raw.dataBytes(1) >= received);
    raw.send(ping, windowUpdate(1, 1000));
  }
  await raw.until(() => raw.dataBytes(1) > 20_000);
  expect(raw.goAway).toBeUndefined();
});

describe('rules of the protocol', () => {
  test.each([
    ['a window of the connection beyond 2^31', windowUpdate(0, 2 ** 31 - 1), ErrorCode.flowControlError],
    ['a window opened by nothing', windowUpdate(0, 0), ErrorCode.protocolError],
    ['SETTINGS with a window beyond 2^31', frame(4, 0, 0, Buffer.of(0, 4, 0x80, 0, 0, 0)), ErrorCode.flowControlError],
    ['SETTINGS cut off', frame(4, 0, 0, Buffer.alloc(5)), ErrorCode.frameSizeError],
    ['SETTINGS of a stream', frame(4, 0, 1, Buffer.alloc(0)), ErrorCode.protocolError],
    ['DATA of no stream', frame(0, 0, 0, Buffer.alloc(1)), ErrorCode.protocolError],
    ['DATA of a stream that never was', frame(0, 0, 9, Buffer.alloc(1)), ErrorCode.protocolError],
    ['HEADERS of an even stream', headersOf(2, METHOD), ErrorCode.protocolError],
    [
      'a header block broken off',
      Buffer.concat([frame(1, 0, 1, requestHeaders(METHOD, 'x')), ping]),
      ErrorCode.protocolError,
    ],
    ['CONTINUATION of nothing', frame(9, 4, 1, Buffer.alloc(1)), ErrorCode.protocolError],
    ['a reset of a stream that never was', reset(9), ErrorCode.protocolError],
    ['a push', frame(5, 4, 1, Buffer.alloc(4)), ErrorCode.protocolError],
    ['a header block that is none', frame(1, 4, 1, Buffer.of(0xff)), ErrorCode.compressionError],
    ['a frame too large', Buffer.of(0xff, 0, 0, 0, 0, 0, 0, 0, 1), ErrorCode.frameSizeError],
  ])('%s ends the connection', async (_, broken, code) => {
    const raw = await underAttack(async (one) => {
      one.send(broken);
      await one.closed();
    });
    expect(raw.goAway?.code).toBe(code);
  });

  test('what comes before SETTINGS ends the connection', async () => {
    const running = await fixture.serve({ [METHOD]: echo });
    const raw = await attacker(running, false);
    raw.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), headersOf(1, METHOD));
    await raw.closed();
    expect(raw.goAway?.code).toBe(ErrorCode.protocolError);
  });

  test.each([
    ['a window of the stream beyond 2^31', windowUpdate(1, 2 ** 31 - 1), ErrorCode.flowControlError],
    ['its window opened by nothing', windowUpdate(1, 0), ErrorCode.protocolError],
    ['trailers that do not end it', headersOf(1, OTHER), ErrorCode.protocolError],
    [
      'more than its window',
      many(limits.STREAM_WINDOW_BYTES / 16_384 + 1, frame(0, 0, 1, Buffer.alloc(16_384))),
      ErrorCode.flowControlError,
    ],
  ])('%s ends the stream', async (_, broken, code) => {
    const paused = duplex((stream) => stream.pause());
    const running = await fixture.serve({ [METHOD]: echo, [OTHER]: paused });
    const raw = await attacker(running);
    raw.call(1, OTHER);
    raw.send(broken);
    await raw.until(() => raw.resetOf(1) !== undefined);
    expect(raw.resetOf(1)).toBe(code);
    raw.call(3, METHOD, bytes('on with it'));
    await raw.until(() => raw.dataBytes(3) > 0);
  });

  test('more calls than allowed are refused, to be tried again', async () => {
    const running = await fixture.serve({ [METHOD]: echo, [OTHER]: duplex(() => {}) }, { streamsMax: 2 });
    const raw = await attacker(running);
    for (const id of [1, 3, 5]) raw.call(id, OTHER);
    await raw.until(() => raw.resetOf(5) !== undefined);
    expect([1, 3, 5].map((id) => raw.resetOf(id))).toEqual([undefined, undefined, ErrorCode.refusedStream]);
  });
});

describe('bombs', () => {
  test('a header list out of all proportion to its block costs its call', async () => {
    const raw = await underAttack(async (one) => {
      // One entry of 4000 bytes, and then its index, a byte each: 60 MB of headers in 16 KB.
      const entry = Buffer.concat([Buffer.of(0x40, 1, 0x61, 0x7f, 0xa1, 0x1e), Buffer.alloc(4000, 'v')]);
      for (let call = 0; call < 20; call++) {
        const block = Buffer.concat([call === 0 ? entry : Buffer.alloc(0), Buffer.alloc(12_000, 0xbe)]);
        one.send(frame(FrameType.headers, FrameFlag.endHeaders, 2 * call + 1, block));
      }
      await one.until(() => one.resetOf(39) !== undefined);
    });
    expect(raw.resetOf(1)).toBe(ErrorCode.enhanceYourCalm);
  });

  test('a message that inflates beyond the limit is refused', async () => {
    const running = await fixture.serve({ [METHOD]: echo });
    const raw = await attacker(running);
    const small = gzipSync(Buffer.alloc(1000, 'z'));
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    const gzipHeaders = Buffer.concat([
      requestHeaders(METHOD, 'x'),
      Buffer.from('\u0000\u000dgrpc-encoding\u0004gzip', 'latin1'),
    ]);
    for (const [id, message] of [
      [1, small],
      [3, bomb],
    ] as const) {
      const compressed = grpcMessage(message);
      compressed[0] = 1;
      raw.send(frame(FrameType.headers, FrameFlag.endHeaders, id, gzipHeaders));
      for (let at = 0; at < compressed.length; at += 16_384) {
        const part = compressed.subarray(at, at + 16_384);
        const isLast = at + 16_384 >= compressed.length;
        raw.send(frame(FrameType.data, isLast ? FrameFlag.endStream : 0, id, part));
      }
    }
    const ended = (id: number): boolean => raw.frames.some((one) => one.streamId === id && (one.flags & 1) !== 0);
    await raw.until(() => ended(1) && ended(3));
    expect(raw.dataBytes(1)).toBe(1005);
    expect(statusOf(raw, 3)).toBe(Status.resourceExhausted);
    await expectServing(running);
  });

  test('messages that are announced and never come cost what has come', async () => {
    await underAttack(async (one, running) => {
      const announced = Buffer.of(0, 0, 0, 0xff, 0);
      for (let call = 0; call < 900; call++) {
        one.call(2 * call + 1, METHOD);
        one.send(frame(FrameType.data, 0, 2 * call + 1, announced));
      }
      await expectServing(running);
    });
  });
});

describe('clients that do not read', () => {
  test('a stream without a window holds its writer back, and no other', async () => {
    const written: number[] = [];
    const endless = serverStream((stream: SendStream) => {
      let count = 0;
      while (stream.write(Buffer.alloc(1000))) count++;
      written.push(count);
    });
    const running = await fixture.serve({ [METHOD]: echo, [OTHER]: endless });
    const raw = await attacker(running, false);
    // The window of streams is 0.
    raw.send(clientPreface(2 ** 30), frame(FrameType.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0)));
    for (let call = 0; call < 50; call++) raw.call(2 * call + 1, OTHER, bytes(''));
    while (written.length < 50) await new Promise(setImmediate);
    expect(Math.max(...written) * 1000).toBeLessThanOrEqual(limits.STREAM_QUEUED_BYTES_MAX);
    // Trailers and headers need no window: a call without an answer is answered.
    raw.call(1001, '/nothing', bytes(''));
    await raw.until(() => raw.frames.some(({ streamId }) => streamId === 1001));
    await expectServing(running);
  });

  test('one that asks and asks and reads nothing is cut when too much waits for it', async () => {
    const large = Buffer.alloc(8 * 1024 * 1024);
    let asked = 0;
    const running = await fixture.serve({
      [METHOD]: echo,
      [OTHER]: unary(() => {
        asked++;
        return large;
      }),
    });
    const raw = await attacker(running);
    raw.socket.pause();
    for (let call = 0; call < 100; call++) raw.call(2 * call + 1, OTHER, bytes(''));
    while (asked * large.length < limits.CONNECTION_QUEUED_BYTES_MAX) await new Promise(setImmediate);
    await expectServing(running);
    expect(asked * large.length).toBeLessThan(limits.CONNECTION_QUEUED_BYTES_MAX + 3 * large.length);
    raw.socket.resume();
    await raw.closed();
  });
});

describe('clients that dawdle', () => {
  test('one that never says more than the preface is cut', async () => {
    const clock = new SteppedClock();
    const running = await fixture.serve({ [METHOD]: echo }, { clock });
    const raw = await attacker(running, false);
    raw.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    await raw.until(() => raw.frames.length > 0);
    await expectServing(running);
    clock.advance(limits.HANDSHAKE_MS_MAX);
    await raw.closed();
    await expectServing(running);
  });

  test('a half-open connection is found out and its calls are cancelled', async () => {
    const cancelled = signal();
    const running = await fixture.serve(
      { [METHOD]: echo, [OTHER]: duplex((_, call) => call.onCancelled(() => cancelled.resolve())) },
      { keepaliveIntervalMs: 20, keepaliveTimeoutMs: 20 },
    );
    const raw = await attacker(running);
    raw.call(1, OTHER);
    // It answers nothing: the PING stays without an acknowledgement.
    await raw.closed();
    expect(raw.frames.some(({ type }) => type === FrameType.ping)).toBe(true);
    await cancelled.promise;
    await expectServing(running);
  });
});

/** grpc-status of the trailers, which we write in the plainest form. */
function statusOf(raw: RawHttp2, id: number): number {
  const block =
    raw.frames.findLast((one) => one.streamId === id && one.type === FrameType.headers)?.payload ?? Buffer.alloc(0);
  const text = block.toString('latin1');
  const at = text.indexOf('grpc-status') + 'grpc-status'.length;
  return Number(text.slice(at + 1, at + 1 + text.charCodeAt(at)));
}
