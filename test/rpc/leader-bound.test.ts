/** Streams that want a leader, on a clock moved by hand. */

import { afterEach, expect, test } from 'vitest';
import { SimulatedClock, Status } from '../../src/base/index.ts';
import { ServingState, services } from '../../src/rpc/index.ts';
import { LeaderBound, LOOKS_WITHOUT_LEADER_MAX } from '../../src/rpc/leader-bound.ts';
import { WatchableStore } from '../../src/watch/index.ts';
import type { CallContext, CallStatus, DuplexStream, SendStream } from '../../src/wire/index.ts';
import { FakeMember } from '../support/fake-member.ts';
import { testAuth } from '../support/test-auth.ts';
import { FakeHistory } from '../watch/fake-history.ts';

const ELECTION_MS = 1000;

let clock = new SimulatedClock();
let hasLeader = true;
let bound = new LeaderBound(clock, ELECTION_MS, () => hasLeader);

afterEach(() => {
  clock = new SimulatedClock();
  hasLeader = true;
  bound = new LeaderBound(clock, ELECTION_MS, () => hasLeader);
});

class FakeCall implements CallContext {
  readonly method = '/';
  readonly metadata: ReadonlyMap<string, string>;
  readonly peer = '127.0.0.1:1';
  readonly commonName = 'somebody';
  cancelled = false;
  #onCancelled: (() => void)[] = [];
  #onEnded: (() => void) | undefined;

  constructor(metadata: Readonly<Record<string, string>>) {
    this.metadata = new Map(Object.entries(metadata));
  }

  onCancelled(listener: () => void): void {
    this.#onCancelled.push(listener);
  }

  onEnded(listener: () => void): void {
    this.#onEnded = listener;
  }

  /** The client is gone. */
  leave(): void {
    this.cancelled = true;
    for (const listener of this.#onCancelled) listener();
    this.end();
  }

  end(): void {
    this.#onEnded?.();
  }
}

/** A call that is bound to the leader, what its handler sees of it, and what its client has heard. */
class Fake extends FakeCall {
  readonly statuses: (CallStatus | undefined)[] = [];
  readonly seen: CallContext;
  cancellations = 0;

  constructor() {
    super({ hasleader: 'true' });
    const stream: SendStream = {
      write: () => true,
      onWritable: () => undefined,
      end: (status) => {
        this.statuses.push(status);
        this.end();
      },
    };
    this.seen = bound.bind(this, stream);
    this.seen.onCancelled(() => {
      this.cancellations++;
    });
  }
}

const looks = (count: number): void => {
  for (let i = 0; i < count; i++) clock.advance(ELECTION_MS);
};

test('a stream is ended when there has been no leader for so long, and its handler hears of it', () => {
  const fake = new Fake();
  looks(10);
  hasLeader = false;
  looks(LOOKS_WITHOUT_LEADER_MAX - 1);
  expect([fake.statuses, fake.seen.cancelled]).toEqual([[], false]);
  looks(1);
  expect(fake.statuses).toEqual([{ code: Status.unavailable, message: 'etcdserver: no leader' }]);
  expect([fake.seen.cancelled, fake.cancellations]).toEqual([true, 1]);
  fake.leave();
  expect(fake.cancellations).toBe(1);
});

test('a leader in between begins the count anew', () => {
  const fake = new Fake();
  for (let i = 0; i < 5; i++) {
    hasLeader = false;
    looks(LOOKS_WITHOUT_LEADER_MAX - 1);
    hasLeader = true;
    looks(1);
  }
  expect(fake.statuses).toEqual([]);
});

test('all of them are ended together, and nobody who has left', () => {
  const fakes = [new Fake(), new Fake(), new Fake()] as const;
  fakes[1].leave();
  expect(fakes[1].cancellations).toBe(1);
  hasLeader = false;
  looks(LOOKS_WITHOUT_LEADER_MAX);
  expect(fakes.map(({ statuses }) => statuses.length)).toEqual([1, 0, 1]);
});

test('where nobody wants a leader, nobody looks; who comes next has the whole time', () => {
  expect(clock.nextAt()).toBeUndefined();
  hasLeader = false;
  const first = new Fake();
  looks(LOOKS_WITHOUT_LEADER_MAX - 1);
  first.leave();
  expect(clock.nextAt()).toBeUndefined();
  const second = new Fake();
  looks(LOOKS_WITHOUT_LEADER_MAX - 1);
  expect(second.statuses).toEqual([]);
  looks(1);
  expect(second.statuses).toHaveLength(1);
});

test('the handler sees the client that is there', () => {
  const { seen } = new Fake();
  expect([seen.peer, seen.commonName, seen.metadata.get('hasleader')]).toEqual(['127.0.0.1:1', 'somebody', 'true']);
});

test('of all streams that are served, those that want one', () => {
  const member = new FakeMember();
  const methods = services({
    member,
    clock,
    electionMs: ELECTION_MS,
    requestBytesMax: 1000,
    txnOpsMax: 4,
    serving: new ServingState(true),
    watch: { kind: 'duplex', handler: () => {} },
    ...testAuth(member),
    watchable: new WatchableStore(new FakeHistory(), clock),
  });
  const method = methods.get('/etcdserverpb.Watch/Watch');
  if (method?.kind !== 'duplex') throw new Error('Watch is a conversation');
  const ended = ['true', 'false'].map((wants) => {
    const statuses: (CallStatus | undefined)[] = [];
    const ignored = (): undefined => undefined;
    const stream: DuplexStream = {
      write: () => true,
      onWritable: ignored,
      end: (status) => void statuses.push(status),
      onMessage: ignored,
      onHalfClose: ignored,
      pause: ignored,
      resume: ignored,
      fail: ignored,
    };
    void method.handler(stream, new FakeCall({ hasleader: wants }));
    return statuses;
  });
  member.now = { ...member.now, leader: 0n };
  looks(LOOKS_WITHOUT_LEADER_MAX);
  expect(ended).toEqual([[{ code: Status.unavailable, message: 'etcdserver: no leader' }], []]);
});
