/** Streams that want a leader, on a clock moved by hand. */

import { afterEach, expect, test } from 'vitest';
import { SimulatedClock, Status } from '../../src/base/index.ts';
import { LeaderBound, LOOKS_WITHOUT_LEADER_MAX } from '../../src/rpc/leader-bound.ts';
import type { CallContext, CallStatus, SendStream } from '../../src/wire/index.ts';

const ELECTION_MS = 1000;

let clock = new SimulatedClock();
let hasLeader = true;
let bound = new LeaderBound(clock, ELECTION_MS, () => hasLeader);

afterEach(() => {
  clock = new SimulatedClock();
  hasLeader = true;
  bound = new LeaderBound(clock, ELECTION_MS, () => hasLeader);
});

/** A call, what its handler sees of it, and what has been heard. */
class Fake implements CallContext {
  readonly method = '/';
  readonly metadata: ReadonlyMap<string, string> = new Map([['hasleader', 'true']]);
  readonly peer = '127.0.0.1:1';
  readonly commonName = 'somebody';
  readonly statuses: (CallStatus | undefined)[] = [];
  readonly seen: CallContext;
  cancelled = false;
  cancellations = 0;
  #onCancelled: (() => void)[] = [];
  #onEnded: (() => void) | undefined;

  constructor() {
    const stream: SendStream = {
      write: () => true,
      onWritable: () => undefined,
      end: (status) => {
        this.statuses.push(status);
        this.#onEnded?.();
      },
    };
    this.seen = bound.bind(this, stream);
    this.seen.onCancelled(() => {
      this.cancellations++;
    });
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
    this.#onEnded?.();
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
