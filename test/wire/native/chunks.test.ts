/** Large answers lie in memory that is used again: not before the socket is done with it, and then it is. */

import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { encodeRangeResponse, joined, type Pieces } from '../../../src/codec/index.ts';
import { Output } from '../../../src/wire/native/output.ts';
import { SendQueue } from '../../../src/wire/native/send-queue.ts';

const HEADER = { clusterId: 1n, memberId: 2n, revision: 3, term: 4 };
const PREFIX_BYTES = 5;

/** Some 200 KB of pairs that hold this number and nothing else. */
function answer(filling: number): Pieces {
  const kvs = Array.from({ length: 1000 }, () => new Uint8Array(200).fill(filling));
  const message = encodeRangeResponse(HEADER, { kind: 'range', kvs, more: false, count: 1000, revision: 3 });
  if (message instanceof Uint8Array) throw new Error('so large an answer is in pieces');
  return message;
}

/** A socket that looks at what it was given only when it is told to write. */
class LazySocket extends Duplex {
  readonly #waiting: { readonly pieces: readonly Buffer[]; readonly done: () => void }[] = [];

  override _read(): void {}

  override _write(piece: Buffer, _: string, done: () => void): void {
    this.#waiting.push({ pieces: [piece], done });
  }

  override _writev(pieces: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.#waiting.push({ pieces: pieces.map(({ chunk }) => chunk), done });
  }

  writeNow(): Buffer {
    const waiting = this.#waiting.splice(0);
    const written = Buffer.concat(waiting.flatMap(({ pieces }) => pieces));
    for (const { done } of waiting) done();
    return written;
  }
}

function send(socket: Duplex, message: Pieces): Promise<void> {
  const queue = new SendQueue();
  queue.add(message);
  const output = new Output();
  while (queue.bytes > 0) queue.moveTo(output, Math.min(queue.bytes, 16 * 1024));
  return new Promise((resolve) => void output.writeTo(socket, resolve));
}

test('an answer stays as it is until it is written, however many are made meanwhile; then its memory is used again', async () => {
  const socket = new LazySocket();
  const first = answer(1);
  const chunks = [...(first.chunks ?? [])];
  expect(chunks.length).toBeGreaterThan(1);
  const expected = Buffer.from(joined(first));
  const sent = send(socket, first);
  const others = [answer(2), answer(3)];
  expect(socket.writeNow().subarray(PREFIX_BYTES).equals(expected)).toBe(true);
  await sent;
  const again = answer(4);
  expect(again.chunks?.every((chunk) => chunks.includes(chunk))).toBe(true);
  expect(others.every((other) => other.chunks?.every((chunk) => !chunks.includes(chunk)))).toBe(true);
});

test('what was sent twice is given back once', async () => {
  const socket = new LazySocket();
  const message = answer(1);
  const sent = [send(socket, message), send(socket, message)];
  socket.writeNow();
  socket.writeNow();
  await Promise.all(sent);
  const [one, other] = [answer(2), answer(3)];
  expect(one.chunks?.some((chunk) => other.chunks?.includes(chunk))).toBe(false);
});
