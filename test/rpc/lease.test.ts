import { expect, test } from 'vitest';
import { present, RequestError, SimulatedClock, Status } from '../../src/base/index.ts';
import { joined } from '../../src/codec/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';
import { leaseMethods } from '../../src/rpc/lease.ts';
import type { CallContext, CallStatus, DuplexStream, Message } from '../../src/wire/index.ts';
import { FakeMember } from '../support/fake-member.ts';
import { testAuth } from '../support/test-auth.ts';

const tick = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** The client's end of a stream, in memory. */
class FakeStream implements DuplexStream {
  readonly answers: string[] = [];
  ended: CallStatus | 'ok' | undefined;
  failed: unknown;
  isPaused = false;
  isFull = false;
  message: (bytes: Uint8Array) => void = () => undefined;
  halfClose: () => void = () => undefined;
  writable: () => void = () => undefined;

  write(message: Message): boolean {
    const { ID, TTL } = pb.LeaseKeepAliveResponse.decode(message as Uint8Array);
    this.answers.push(`${ID.toString()}: ${TTL.toString()}`);
    return !this.isFull;
  }
  end(status?: CallStatus): void {
    this.ended ??= status ?? 'ok';
  }
  onWritable(listener: () => void): void {
    this.writable = listener;
  }
  fail(error: unknown): void {
    this.failed = error;
  }
  onMessage(listener: (bytes: Uint8Array) => void): void {
    this.message = listener;
  }
  onHalfClose(listener: () => void): void {
    this.halfClose = listener;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  ask(...ids: number[]): void {
    for (const ID of ids) this.message(pb.LeaseKeepAliveRequest.encode({ ID }).finish());
  }
}

function setUp() {
  const clock = new SimulatedClock();
  const member = new FakeMember();
  const stream = new FakeStream();
  const rounds: number[] = [];
  let hold: Promise<void> | undefined;
  const renew = async (ids: readonly bigint[]): Promise<readonly number[]> => {
    rounds.push(ids.length);
    await hold;
    return ids.map((id) => (id === 7n ? 60 : 0));
  };
  Object.assign(member.leases, { renew });
  const method = present(
    new Map(leaseMethods({ member, clock, callers: testAuth(member).callers })).get(
      '/etcdserverpb.Lease/LeaseKeepAlive',
    ),
    'the method',
  );
  if (method.kind !== 'duplex') throw new Error('a conversation');
  const cancels: (() => void)[] = [];
  const call = { onCancelled: (cancel: () => void) => void cancels.push(cancel), metadata: new Map() };
  void method.handler(stream, call as unknown as CallContext);
  return {
    stream,
    rounds,
    member,
    cancel: () => {
      for (const cancel of cancels) cancel();
    },
    holdOn: (until: Promise<void> | undefined) => {
      hold = until;
    },
    settle: async (turns = 20) => {
      for (let i = 0; i < turns; i++) {
        clock.advance(1);
        await tick();
      }
    },
  };
}

test('what comes in one turn is one round, and is answered in its order', async () => {
  const { stream, rounds, settle } = setUp();
  stream.ask(7, 8, 7);
  stream.ask(9);
  await settle();
  expect(stream.answers).toEqual(['7: 60', '8: 0', '7: 60', '9: 0']);
  expect(rounds).toEqual([4]);
});

test('what comes during a round is the next one; the end waits for both', async () => {
  const { stream, rounds, settle, holdOn } = setUp();
  let release: () => void = () => undefined;
  holdOn(new Promise((resolve) => (release = resolve)));
  stream.ask(7);
  await settle();
  stream.ask(8, 7);
  stream.halfClose();
  await settle();
  expect([stream.answers, stream.ended]).toEqual([[], undefined]);
  release();
  await settle();
  expect([stream.answers, rounds, stream.ended]).toEqual([['7: 60', '8: 0', '7: 60'], [1, 2], 'ok']);
});

test('ten thousand leases are answered on one stream, and whoever asks too far ahead is held back', async () => {
  const { stream, rounds, settle } = setUp();
  stream.ask(...Array.from({ length: 10_000 }, () => 7));
  expect(stream.isPaused).toBe(true);
  await settle(60);
  expect(stream.answers).toHaveLength(10_000);
  expect(Math.max(...rounds)).toBe(1000);
  expect(stream.isPaused).toBe(false);
});

test('a client that does not read is not written to', async () => {
  const { stream, settle } = setUp();
  stream.isFull = true;
  stream.ask(7, 7, 7);
  await settle();
  expect(stream.answers).toHaveLength(1);
  stream.isFull = false;
  stream.writable();
  await settle();
  expect(stream.answers).toHaveLength(3);
});

test('a member that cannot say ends the stream, and so does a message that is none', async () => {
  const one = setUp();
  one.holdOn(Promise.reject(new RequestError('timeout')));
  one.stream.ask(7);
  await one.settle();
  expect(one.stream.failed).toEqual(new RequestError('timeout'));
  const two = setUp();
  two.stream.message(Uint8Array.of(0xff));
  expect(two.stream.ended).toMatchObject({ code: Status.internal });
});

test('after the client has gone nothing is asked nor answered', async () => {
  const { stream, rounds, settle, cancel } = setUp();
  stream.ask(7);
  cancel();
  await settle();
  stream.ask(7);
  await settle();
  expect([stream.answers, rounds.length <= 1]).toEqual([[], true]);
});

test('a list of many leases is encoded in slices, and is whole', async () => {
  /** Each look at it takes a millisecond. */
  class SlowClock extends SimulatedClock {
    #looks = 0;
    slices = 0;

    override now(): number {
      return super.now() + this.#looks++;
    }
    override after(delayMs: number, fire: () => void) {
      this.slices++;
      return super.after(delayMs, fire);
    }
  }
  const clock = new SlowClock();
  const member = new FakeMember();
  const ids = Array.from({ length: 20_000 }, (_, i) => BigInt(i + 1) * 461_168_601_427_387n);
  Object.assign(member.leases, { list: async () => ids });
  const methods = new Map(leaseMethods({ member, clock, callers: testAuth(member).callers }));
  const method = methods.get('/etcdserverpb.Lease/LeaseLeases');
  if (method?.kind !== 'unary') throw new Error('unary');
  const answer = Promise.resolve(method.handler(Uint8Array.of(), {} as CallContext));
  for (let i = 0; i < 40; i++) {
    await tick();
    clock.advance(1);
  }
  const { leases, header } = pb.LeaseLeasesResponse.decode(joined(await answer));
  expect(leases.map(({ ID }) => BigInt((ID ?? 0).toString()))).toEqual(ids);
  expect(header?.member_id?.toString()).not.toBe('0');
  expect(clock.slices).toBeGreaterThan(5);
});
