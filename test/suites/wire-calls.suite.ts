/** The wire port: single calls, their errors, and what handlers know of them. */

import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { RequestError, Status } from '../../src/base/index.ts';
import { ProtocolError } from '../../src/codec/index.ts';
import { type CallContext, type CallObserver, type Message, unobserved } from '../../src/wire/index.ts';
import { signal } from '../support/signal.ts';
import { answerOf } from '../support/wire-client.ts';
import {
  bytes,
  duplex,
  echo,
  expectServing,
  GRACE_MS,
  type MakeServer,
  METHOD,
  OTHER,
  REQUEST_BYTES_MAX,
  text,
  unary,
  WireFixture,
} from '../support/wire-fixture.ts';

export function wireCallsSuite(name: string, makeServer: MakeServer): void {
  const fixture = new WireFixture(makeServer);

  afterEach(() => fixture.end());

  describe(`${name}: unary`, () => {
    test('bytes go in and come out', async () => {
      const { client } = await fixture.serve({ [METHOD]: unary((request) => bytes(`${text(request)}!`)) });
      const answer = await client.unary(METHOD, bytes('hello'));
      expect(answer.messages.map(text)).toEqual(['hello!']);
    });

    test('an answer may be empty, and so may a request', async () => {
      const { client } = await fixture.serve({ [METHOD]: echo });
      expect(await client.unary(METHOD, bytes(''))).toEqual({ code: 0, message: '', messages: [bytes('')] });
    });

    test('pieces are put end to end', async () => {
      const { client } = await fixture.serve({
        [METHOD]: unary(() => [bytes('one '), bytes(''), bytes('two'), bytes(' three')]),
      });
      expect((await client.unary(METHOD, bytes(''))).messages.map(text)).toEqual(['one two three']);
    });

    test('an answer may come later', async () => {
      const { client } = await fixture.serve({ [METHOD]: unary(async (request) => request) });
      expect((await client.unary(METHOD, bytes('later'))).messages.map(text)).toEqual(['later']);
    });

    test('a large answer arrives whole', async () => {
      const large = Buffer.alloc(20 * 1024 * 1024, 'large');
      const { client } = await fixture.serve({ [METHOD]: unary(() => [large, bytes('end')]) });
      const [message] = (await client.unary(METHOD, bytes(''))).messages;
      expect(message?.equals(Buffer.concat([large, bytes('end')]))).toBe(true);
    });

    test('a request as large as it may be is taken, a larger one refused', async () => {
      const running = await fixture.serve({ [METHOD]: unary((request) => bytes(String(request.length))) });
      const largest = await running.client.unary(METHOD, Buffer.alloc(REQUEST_BYTES_MAX));
      expect(largest.messages.map(text)).toEqual([String(REQUEST_BYTES_MAX)]);
      const larger = await running.client.unary(METHOD, Buffer.alloc(REQUEST_BYTES_MAX + 1));
      expect(larger.code).toBe(Status.resourceExhausted);
    });

    test('two calls of one connection do not wait for each other', async () => {
      const release = signal();
      const { client } = await fixture.serve({
        [METHOD]: echo,
        [OTHER]: unary(async (request) => {
          await release.promise;
          return request;
        }),
      });
      const slow = client.unary(OTHER, bytes('slow'));
      expect((await client.unary(METHOD, bytes('fast'))).code).toBe(0);
      release.resolve();
      expect((await slow).messages.map(text)).toEqual(['slow']);
    });
  });

  describe(`${name}: errors`, () => {
    test.each([
      [
        'thrown',
        (error: Error): Message => {
          throw error;
        },
      ],
      [
        'rejected with',
        async (error: Error): Promise<Message> => {
          throw error;
        },
      ],
    ])('%s, an error of the table is its status and text', async (_, fail) => {
      const { client, errors } = await fixture.serve({ [METHOD]: unary(() => fail(new RequestError('compacted'))) });
      const { code, message } = await client.unary(METHOD, bytes(''));
      expect([code, message]).toEqual([Status.outOfRange, 'etcdserver: mvcc: required revision has been compacted']);
      expect(errors).toEqual([]);
    });

    test('bytes that are no request are Internal', async () => {
      const failing = unary(() => {
        throw new ProtocolError('unexpected EOF');
      });
      const { client, errors } = await fixture.serve({ [METHOD]: failing });
      const { code, message } = await client.unary(METHOD, bytes(''));
      expect([code, message]).toEqual([Status.internal, 'grpc: error unmarshalling request: unexpected EOF']);
      expect(errors).toEqual([]);
    });

    test('any other error is Internal to the client, and told to us', async () => {
      const bug = new Error('a secret of ours');
      const { client, errors } = await fixture.serve({ [METHOD]: unary(() => Promise.reject(bug)) });
      const { code, message } = await client.unary(METHOD, bytes(''));
      expect(code).toBe(Status.internal);
      expect(message).not.toContain('secret');
      expect(errors).toEqual([bug]);
    });

    test('a method that is not there is Unimplemented', async () => {
      const { client } = await fixture.serve({ [METHOD]: echo });
      expect((await client.unary('/test.Test/Nothing', bytes(''))).code).toBe(Status.unimplemented);
      expect((await client.unary('/nothing.Nothing/Nothing', bytes(''))).code).toBe(Status.unimplemented);
    });

    test('a stream that fails at once has the status of its error', async () => {
      const { client } = await fixture.serve({
        [METHOD]: duplex(() => {
          throw new RequestError('noLeader');
        }),
        [OTHER]: { kind: 'serverStream', handler: () => Promise.reject(new RequestError('stopped')) },
      });
      expect((await answerOf(client.duplex(METHOD))).message).toBe('etcdserver: no leader');
      expect((await answerOf(client.serverStream(OTHER, bytes('')))).message).toBe('etcdserver: server stopped');
    });

    test.each(['rejects', 'says that it failed'])(
      'a conversation that %s is Internal to the client, and told to us',
      async (how) => {
        const bug = new Error('a secret of ours');
        const { client, errors } = await fixture.serve({
          [METHOD]: duplex((stream) => {
            stream.write(bytes('begun'));
            if (how === 'rejects') return new Promise((_, reject) => void setImmediate(() => reject(bug)));
            return void setImmediate(() => stream.fail(bug));
          }),
        });
        const { code, message, messages } = await answerOf(client.duplex(METHOD));
        expect([code, message, messages.map(text)]).toEqual([Status.internal, 'internal error', ['begun']]);
        expect(errors).toEqual([bug]);
      },
    );

    test.each(['answered', 'refused'])(
      'a call that is %s is so, whatever becomes of those who count it',
      async (how) => {
        const bug = new Error('cannot count');
        const observer: CallObserver = (method, kind) => ({
          ...unobserved(method, kind),
          handled() {
            throw bug;
          },
        });
        const answer = unary((request) =>
          how === 'answered' ? request : Promise.reject(new RequestError('noLeader')),
        );
        const { client, errors } = await fixture.serve({ [METHOD]: answer }, { observer });
        const { code } = await client.unary(METHOD, bytes(''), { deadlineMs: 20_000 });
        expect(code).toBe(how === 'answered' ? Status.ok : Status.unavailable);
        expect(errors).toEqual([bug]);
      },
    );

    test('a listener that throws ends its call, and no other', async () => {
      const running = await fixture.serve({
        [METHOD]: echo,
        [OTHER]: duplex((stream) =>
          stream.onMessage(() => {
            throw new ProtocolError('nonsense');
          }),
        ),
      });
      const call = running.client.duplex(OTHER);
      call.write(bytes('x'));
      expect((await answerOf(call)).code).toBe(Status.internal);
      await expectServing(running);
    });
  });

  describe(`${name}: context`, () => {
    test('metadata, method and peer are there', async () => {
      const { client } = await fixture.serve({
        [METHOD]: unary((_request, call) => {
          const [host, port] = call.peer.split(':');
          const known = { method: call.method, one: call.metadata.get('x-one'), two: call.metadata.get('x-two') };
          return bytes(
            JSON.stringify({ ...known, binary: call.metadata.has('x-bin'), host, hasPort: Number(port) > 0 }),
          );
        }),
      });
      const metadata = new grpc.Metadata();
      metadata.set('X-One', 'first');
      metadata.add('x-two', 'a');
      metadata.add('x-two', 'b');
      metadata.set('x-bin', Buffer.from([1]));
      const answer = await client.unary(METHOD, bytes(''), { metadata });
      expect(JSON.parse(text(answer.messages[0]))).toEqual({
        method: METHOD,
        one: 'first',
        two: 'a, b',
        binary: false,
        host: '127.0.0.1',
        hasPort: true,
      });
    });

    test('a call whose deadline has passed is over', async () => {
      const gone = signal<CallContext>();
      const { client } = await fixture.serve({
        [METHOD]: unary((_request, call) => {
          call.onCancelled(() => gone.resolve(call));
          return new Promise(() => {});
        }),
      });
      expect((await client.unary(METHOD, bytes(''), { deadlineMs: 100 })).code).toBe(Status.deadlineExceeded);
      expect((await gone.promise).cancelled).toBe(true);
    });

    test('a call that its client has cancelled says so, to those too who ask afterwards', async () => {
      const arrived = signal<CallContext>();
      const gone = signal();
      const { client } = await fixture.serve({
        [METHOD]: unary((_request, call) => {
          call.onCancelled(() => gone.resolve());
          arrived.resolve(call);
          return new Promise(() => {});
        }),
      });
      const abort = new AbortController();
      const answer = client.unary(METHOD, bytes(''), { signal: abort.signal });
      const call = await arrived.promise;
      expect(call.cancelled).toBe(false);
      abort.abort();
      expect((await answer).code).toBe(Status.canceled);
      await gone.promise;
      const again = signal();
      let isWithin = true;
      call.onCancelled(() => {
        expect(isWithin).toBe(false);
        again.resolve();
      });
      isWithin = false;
      await again.promise;
    });

    test('that a call is over is told once, however it ended', async () => {
      const ended: string[] = [];
      const over = signal();
      const note = (how: string, call: CallContext): void =>
        call.onEnded(() => {
          ended.push(how);
          if (ended.length === 4) over.resolve();
        });
      const { client } = await fixture.serve({
        [METHOD]: unary((request, call) => {
          const how = text(request);
          note(how, call);
          if (how === 'refused') throw new RequestError('noLeader');
          return how === 'late' ? new Promise<Message>(() => {}) : request;
        }),
        [OTHER]: duplex((stream, call) => {
          note('conversation', call);
          stream.end();
        }),
      });
      await client.unary(METHOD, bytes('answered'));
      await client.unary(METHOD, bytes('refused'));
      await client.unary(METHOD, bytes('late'), { deadlineMs: 100 });
      const call = client.duplex(OTHER);
      call.end();
      await answerOf(call);
      await over.promise;
      expect(ended.toSorted()).toEqual(['answered', 'conversation', 'late', 'refused']);
    });

    test('a call that was answered is not cancelled', async () => {
      const calls: CallContext[] = [];
      const cancelled: string[] = [];
      const running = await fixture.serve({
        [METHOD]: unary((request, call) => {
          calls.push(call);
          call.onCancelled(() => cancelled.push('unary'));
          return request;
        }),
        [OTHER]: duplex((stream, call) => {
          calls.push(call);
          call.onCancelled(() => cancelled.push('duplex'));
          stream.onHalfClose(() => stream.end());
        }),
      });
      await running.client.unary(METHOD, bytes(''));
      const call = running.client.duplex(OTHER);
      call.end();
      await answerOf(call);
      await expectServing(running);
      running.client.close();
      await running.server.close(GRACE_MS);
      expect(cancelled).toEqual([]);
      expect(calls.map((one) => one.cancelled)).toEqual([false, false, false]);
    });
  });
}
