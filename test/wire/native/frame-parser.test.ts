/** Frames: the same ones, however the bytes are cut; and what is none. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConnectionError, PREFACE } from '../../../src/wire/native/frame.ts';
import { FrameParser, type FrameSink } from '../../../src/wire/native/frame-parser.ts';
import { FrameFlag, FrameType, frame } from '../../bench/http2-frame.ts';

interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: string;
}

/** Writes down what it hears, DATA as if it had come in one. */
class Notes implements FrameSink {
  readonly seen: Seen[] = [];
  readonly declared: number[] = [];
  isHeld = false;
  #streamId = 0;
  #content: Buffer[] = [];

  dataBegin(streamId: number, payloadBytes: number): void {
    this.#streamId = streamId;
    this.declared.push(payloadBytes);
    this.#content = [];
  }

  data(content: Buffer): void {
    expect(content.length).toBeGreaterThan(0);
    this.#content.push(content);
  }

  dataEnd(isEndOfStream: boolean): void {
    const payload = Buffer.concat(this.#content).toString('latin1');
    this.seen.push({ type: FrameType.data, flags: isEndOfStream ? 1 : 0, streamId: this.#streamId, payload });
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.seen.push({ type, flags, streamId, payload: payload.toString('latin1') });
  }
}

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const streamId = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const anyFrame = fc.oneof(
  fc.record({
    type: fc.constant(0),
    flags: fc.constantFrom(0, 1),
    streamId,
    payload: bytes,
    padding: fc.option(fc.nat(255)),
  }),
  fc.record({
    type: fc.integer({ min: 1, max: 255 }),
    flags: fc.nat(255),
    streamId,
    payload: bytes,
    padding: fc.constant(null),
  }),
);

/** Cuts at the given places, taken modulo what there is. */
function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const at = places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b);
  return [...at, whole.length].map((end, index) => Buffer.from(whole.subarray(at[index - 1] ?? 0, end)));
}

describe('frames', () => {
  test('are the same however their bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 40 }), (frames, places) => {
        const encoded = frames.map(({ type, flags, streamId, payload, padding }) => {
          if (padding === null) return frame(type, flags, streamId, payload);
          const padded = Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]);
          return frame(type, flags | FrameFlag.padded, streamId, padded);
        });
        const notes = new Notes();
        const parser = new FrameParser(notes);
        for (const chunk of cut(Buffer.concat([PREFACE, ...encoded]), places))
          expect(parser.feed(chunk)).toBe(chunk.length);
        expect(notes.seen).toEqual(
          frames.map(({ type, flags, streamId, payload }) => ({
            type,
            flags,
            streamId,
            payload: payload.toString('latin1'),
          })),
        );
        expect(notes.declared).toEqual(
          frames.flatMap(({ type, payload, padding }) =>
            type === 0 ? [payload.length + (padding === null ? 0 : padding + 1)] : [],
          ),
        );
      }),
      { seed: 9113, numRuns: 500 },
    );
  });

  test('content of DATA is a view of what came', () => {
    const notes = new Notes();
    const parts: Buffer[] = [];
    notes.data = (content) => void parts.push(content);
    const chunk = Buffer.concat([PREFACE, frame(0, 0, 1, Buffer.from('content'))]);
    new FrameParser(notes).feed(chunk);
    expect(parts.map((part) => part.buffer === chunk.buffer)).toEqual([true]);
  });

  test('who is held gets no further frame until it is fed the rest', () => {
    const notes = new Notes();
    notes.frame = () => {
      notes.isHeld = true;
    };
    const parser = new FrameParser(notes);
    const ping = frame(FrameType.ping, 0, 0, Buffer.alloc(8));
    const whole = Buffer.concat([PREFACE, ping, ping]);
    expect(parser.feed(whole)).toBe(PREFACE.length + ping.length);
    notes.isHeld = false;
    expect(parser.feed(ping)).toBe(ping.length);
  });

  test.each([
    ['a preface that is none', Buffer.from('PRI * HTTP/1.1')],
    ['a frame larger than allowed', Buffer.concat([PREFACE, Buffer.of(0, 0x40, 1, 4, 0, 0, 0, 0, 0)])],
    ['padding beyond the payload', Buffer.concat([PREFACE, frame(0, FrameFlag.padded, 1, Buffer.of(2, 0))])],
    ['padding without room for its length', Buffer.concat([PREFACE, frame(0, FrameFlag.padded, 1, Buffer.alloc(0))])],
  ])('%s is refused', (_, input) => {
    expect(() => new FrameParser(new Notes()).feed(input)).toThrow(ConnectionError);
  });
});
