/** The wire port: streams, both ways, with back-pressure and ends of all kinds. */

import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { Status } from '../../src/base/index.ts';
import type { DuplexStream } from '../../src/wire/index.ts';
import { signal } from '../support/signal.ts';
import { answerOf } from '../support/wire-client.ts';
import {
  bytes,
  duplex,
  echo,
  expectServing,
  type MakeServer,
  METHOD,
  OTHER,
  serverStream,
  text,
  WireFixture,
} from '../support/wire-fixture.ts';

export function wireStreamsSuite(name: string, makeServer: MakeServer): void {
  const fixture = new WireFixture(makeServer);

  afterEach(() => fixture.end());

  describe(`${name}: streams`, () => {
    test('a stream of messages, and its end', async () => {
      const { client } = await fixture.serve({
        [METHOD]: serverStream((stream, request) => {
          for (let i = 0; i < 100; i++) stream.write([request, bytes(String(i))]);
          stream.end();
        }),
      });
      const answer = await answerOf(client.serverStream(METHOD, bytes('n')));
      expect(answer.code).toBe(0);
      expect(answer.messages.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => `n${i}`));
    });

    test('a status comes after what was written before it', async () => {
      const { client } = await fixture.serve({
        [METHOD]: serverStream((stream) => {
          stream.write(bytes('first'));
          stream.end({ code: Status.canceled, message: 'etcdserver: watch canceled' });
        }),
      });
      expect(await answerOf(client.serverStream(METHOD, bytes('')))).toEqual({
        code: Status.canceled,
        message: 'etcdserver: watch canceled',
        messages: [bytes('first')],
      });
    });

    test('after the end nothing follows, and the first end counts', async () => {
      const { client } = await fixture.serve({
        [METHOD]: serverStream((stream) => {
          stream.end();
          stream.write(bytes('too late'));
          stream.end({ code: Status.aborted, message: 'too late' });
        }),
      });
      expect(await answerOf(client.serverStream(METHOD, bytes('')))).toMatchObject({ code: 0, messages: [] });
    });

    test('a conversation', async () => {
      const { client } = await fixture.serve({
        [METHOD]: duplex((stream) => {
          stream.onMessage((message) => stream.write([bytes('re: '), message]));
          stream.onHalfClose(() => stream.end());
        }),
      });
      const call = client.duplex(METHOD);
      call.write(bytes('a'));
      expect(text((await once(call, 'data'))[0])).toBe('re: a');
      call.write(bytes('b'));
      call.end();
      expect(await answerOf(call)).toMatchObject({ code: 0, messages: [bytes('re: b')] });
    });

    test('a client that has said all it has to say is still served', async () => {
      const { client } = await fixture.serve({
        [METHOD]: duplex((stream) => {
          stream.onHalfClose(() => {
            stream.write(bytes('I go on'));
            setImmediate(() => {
              stream.write(bytes('and on'));
              stream.end();
            });
          });
        }),
      });
      const call = client.duplex(METHOD);
      call.end();
      expect((await answerOf(call)).messages.map(text)).toEqual(['I go on', 'and on']);
    });

    test('a cancelled conversation is not one that was ended', async () => {
      let gone = signal();
      const heard: string[] = [];
      const running = await fixture.serve({
        [METHOD]: echo,
        [OTHER]: duplex((stream, call) => {
          stream.onHalfClose(() => heard.push('half-close'));
          stream.onMessage(() => stream.write(bytes('here')));
          call.onCancelled(() => gone.resolve());
        }),
      });
      for (let i = 0; i < 30; i++) {
        gone = signal();
        const call = running.client.duplex(OTHER);
        call.write(bytes('there?'));
        await once(call, 'data');
        call.cancel();
        await gone.promise;
      }
      await expectServing(running);
      expect(heard).toEqual([]);
    });

    test('a client that does not read holds its writer back, and gets everything once it reads', async () => {
      const message = Buffer.alloc(10_000, 'm');
      const held = signal<number>();
      const total = 1000;
      const { client } = await fixture.serve({
        [METHOD]: serverStream((stream) => {
          let written = 0;
          const fill = (): void => {
            while (written < total) {
              written++;
              if (!stream.write(message)) {
                held.resolve(written);
                return;
              }
            }
            stream.end();
          };
          stream.onWritable(fill);
          fill();
        }),
      });
      const call = client.serverStream(METHOD, bytes(''));
      // Nothing is read until somebody listens. Buffers of both ends and the socket's lie between.
      expect(await held.promise).toBeLessThan(total / 2);
      const answer = await answerOf(call);
      expect(answer.code).toBe(0);
      expect(answer.messages.length).toBe(total);
      expect(answer.messages.every((one) => one.equals(message))).toBe(true);
    });

    test('a stuck stream does not hold up another of the same connection', async () => {
      const stuck = signal();
      const running = await fixture.serve({
        [METHOD]: echo,
        [OTHER]: serverStream((stream) => {
          while (stream.write(Buffer.alloc(10_000)));
          stuck.resolve();
        }),
      });
      const call = running.client.serverStream(OTHER, bytes(''));
      await stuck.promise;
      await expectServing(running);
      call.cancel();
    });

    test('a paused stream delivers nothing until it is resumed, and then all in order', async () => {
      const received: string[] = [];
      const paused = signal<DuplexStream>();
      const all = signal();
      const total = 300;
      const running = await fixture.serve({
        [METHOD]: echo,
        [OTHER]: duplex((stream) => {
          stream.onMessage((message) => {
            received.push(text(message));
            if (received.length === 1) {
              stream.pause();
              paused.resolve(stream);
            }
            if (received.length === total) all.resolve();
          });
        }),
      });
      const call = running.client.duplex(OTHER);
      for (let i = 0; i < total; i++) call.write(bytes(String(i)));
      const stream = await paused.promise;
      await expectServing(running);
      expect(received).toEqual(['0']);
      stream.resume();
      await all.promise;
      expect(received).toEqual(Array.from({ length: total }, (_, i) => String(i)));
      call.cancel();
    });
  });
}
