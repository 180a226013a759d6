/** Messages of gRPC on their way in and out: the same ones, however they are cut. */

import { PassThrough } from 'node:stream';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOneMessage, MessageReader } from '../../../src/wire/native/message-reader.ts';
import { Output, PIECE_BYTES_MIN } from '../../../src/wire/native/output.ts';
import { SendQueue } from '../../../src/wire/native/send-queue.ts';
import { grpcMessage } from '../../bench/http2-frame.ts';

const BYTES_MAX = 10_000;

const message = fc
  .uint8Array({ maxLength: 50 })
  .chain((small) =>
    fc.nat(3).map((times) => Buffer.concat(Array.from({ length: times === 3 ? 100 : 1 }, () => Buffer.from(small)))),
  );
const numbers = fc.array(fc.nat(), { maxLength: 30 });

test('messages are read as they were written, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), numbers, (messages, cuts) => {
      const whole = Buffer.concat(messages.map((one) => grpcMessage(one)));
      const reader = new MessageReader(BYTES_MAX);
      const read: Buffer[] = [];
      const ends = cuts.map((at) => at % (whole.length + 1)).sort((a, b) => a - b);
      let from = 0;
      for (const end of [...ends, whole.length]) {
        reader.give(whole.subarray(from, end));
        from = end;
        for (let next = reader.next(); next !== undefined; next = reader.next()) {
          if (next === 'tooLarge') throw new Error('none is too large');
          read.push(Buffer.from(next.bytes));
        }
      }
      expect(read).toEqual(messages);
      expect(reader.waitingBytes).toBe(0);
    }),
    { seed: 5, numRuns: 300 },
  );
});

test('one that is announced as too large is refused before it has come', () => {
  const reader = new MessageReader(100);
  reader.give(Buffer.of(0, 0, 0, 0, 101));
  expect(reader.next()).toBe('tooLarge');
});

test('what is announced costs nothing until it comes', () => {
  const reader = new MessageReader(2 ** 30);
  reader.give(Buffer.of(0, 0x3f, 0, 0, 0, 1, 2, 3));
  expect(reader.next()).toBeUndefined();
  expect(reader.waitingBytes).toBe(8);
});

test('one whole message, and nothing but it', () => {
  expect(isOneMessage(grpcMessage(Buffer.from('abc')))).toBe(true);
  expect(isOneMessage(grpcMessage(Buffer.alloc(0)))).toBe(true);
  expect(isOneMessage(Buffer.concat([grpcMessage(Buffer.from('abc')), Buffer.alloc(1)]))).toBe(false);
  expect(isOneMessage(grpcMessage(Buffer.from('abc')).subarray(0, 7))).toBe(false);
  expect(isOneMessage(Buffer.of(1, 0, 0, 0, 0))).toBe(false);
  expect(isOneMessage(Buffer.of(0, 0, 0))).toBe(false);
});

test('what is queued goes out whole and in order, in steps of any size', async () => {
  const large = Buffer.alloc(PIECE_BYTES_MIN + 100, 'large');
  const piece = fc.oneof(message, fc.constant(large));
  const queued = fc.oneof(piece, fc.array(piece, { maxLength: 4 }));
  await fc.assert(
    fc.asyncProperty(fc.array(queued, { maxLength: 6 }), numbers, async (messages, steps) => {
      const queue = new SendQueue();
      const output = new Output();
      const expected: Buffer[] = [];
      let step = 0;
      const move = (): void => {
        const bytes = 1 + ((steps[step++ % Math.max(steps.length, 1)] ?? 0) % queue.bytes);
        const before = queue.bytes;
        queue.moveTo(output, bytes);
        expect(queue.bytes).toBe(before - bytes);
      };
      for (const one of messages) {
        queue.add(one);
        expected.push(grpcMessage(one instanceof Uint8Array ? one : Buffer.concat(one)));
        if (step % 2 === 0) move();
      }
      while (queue.bytes > 0) move();
      expect(queue.cost).toBe(0);
      expect(queue.isWithinMessage).toBe(false);
      const whole = Buffer.concat(expected);
      expect(output.bytes).toBe(whole.length);
      expect(await written(output)).toEqual(whole);
    }),
    { seed: 6, numRuns: 200 },
  );
});

test('large payloads are sent from where they lie, small ones are put together', async () => {
  const large = Buffer.alloc(PIECE_BYTES_MIN);
  const output = new Output();
  for (let i = 0; i < 10; i++) output.add(Buffer.from('small'), 0, 5);
  output.add(large, 0, large.length);
  output.add(Buffer.from('last'), 0, 4);
  const socket = new PassThrough();
  const pieces: unknown[] = [];
  socket._write = (chunk: unknown, _encoding, done): void => {
    pieces.push(chunk);
    done();
  };
  await new Promise<void>((resolve) => output.writeTo(socket, resolve));
  expect(pieces).toHaveLength(3);
  expect(pieces[1]).toBe(large);
});

/** What a socket is given, and the buffers are used again afterwards. */
async function written(output: Output): Promise<Buffer> {
  if (output.bytes === 0) return Buffer.alloc(0);
  const socket = new PassThrough({ highWaterMark: 2 ** 20 });
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(Buffer.from(part)));
  await new Promise<void>((resolve) => output.writeTo(socket, resolve));
  return Buffer.concat(parts);
}
