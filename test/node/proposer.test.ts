import { expect, test } from 'vitest';
import { type Bytes, present, RequestError, SimulatedClock } from '../../src/base/index.ts';
import { decodeInternalRequest, decodePut } from '../../src/codec/index.ts';
import type { ReplicatedLog } from '../../src/node/log.ts';
import type { Outcome, Proposal } from '../../src/node/member.ts';
import { PROPOSALS_PENDING_MAX, Proposer } from '../../src/node/proposer.ts';

const PUT: Proposal = { kind: 'put', request: Uint8Array.of(0x0a, 1, 0x6b) };
const DONE: Outcome = { ok: true, result: { kind: 'put', prevKv: undefined, revision: 2 } };

/** A log that keeps what it is given and lets the test decide what becomes of it. */
class HeldLog implements ReplicatedLog {
  readonly term = 1;
  readonly leader = 1n;
  readonly isLeader = true;
  readonly committedIndex = 0;
  readonly proposed: { id: number; data: Bytes; failed: (error: RequestError) => void }[] = [];

  propose(data: Bytes, failed: (error: RequestError) => void): void {
    this.proposed.push({ id: decodeInternalRequest(data).id, data, failed });
  }
  proposeAsLeader(_term: number, data: Bytes, failed: (error: RequestError) => void): void {
    this.propose(data, failed);
  }
  readIndex(): Promise<number> {
    return Promise.resolve(0);
  }
  applied(): void {}
  release(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function setUp(): { proposer: Proposer; log: HeldLog; clock: SimulatedClock } {
  const clock = new SimulatedClock();
  const log = new HeldLog();
  const proposer = new Proposer({ clock, timeoutMs: 7000, firstId: 100 });
  proposer.start(log);
  return { proposer, log, clock };
}

const failure = async (promise: Promise<unknown>): Promise<RequestError> => {
  const error: unknown = await promise.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
};

test('each proposal hears of its own outcome, whatever the order', async () => {
  const { proposer, log } = setUp();
  const first = proposer.propose(PUT);
  const second = proposer.propose(PUT);
  expect(log.proposed.map(({ id }) => id)).toEqual([100, 101]);
  proposer.settle(101, { ok: false, error: 'keyNotFound' });
  proposer.settle(100, DONE);
  proposer.settle(100, DONE);
  expect(await first).toEqual(DONE);
  expect(await second).toEqual({ ok: false, error: 'keyNotFound' });
  expect(proposer.pending).toBe(0);
});

test('an entry of another run answers nobody', () => {
  const { proposer } = setUp();
  void proposer.propose(PUT).catch(() => undefined);
  proposer.settle(99, DONE);
  expect(proposer.pending).toBe(1);
});

test('what the log refuses fails definitely', async () => {
  const { proposer, log } = setUp();
  const proposal = proposer.propose(PUT);
  log.proposed[0]?.failed(new RequestError('logFailed'));
  const error = await failure(proposal);
  expect([error.code, error.definite]).toEqual(['logFailed', true]);
  expect(proposer.failed).toBe(1);
});

test('what is not heard of within the time limit fails indefinitely, oldest first', async () => {
  const { proposer, log, clock } = setUp();
  const first = failure(proposer.propose(PUT));
  clock.advance(3000);
  const second = proposer.propose(PUT);
  clock.advance(4500);
  const error = await first;
  expect([error.code, error.definite]).toEqual(['timeout', false]);
  expect(proposer.pending).toBe(1);
  proposer.settle(log.proposed[1]?.id ?? -1, DONE);
  expect(await second).toEqual(DONE);
  clock.advance(1000);
  expect(clock.nextAt(), 'no timer is left when nothing is pending').toBeUndefined();
});

test('one too many is refused, definitely, and never reaches the log', async () => {
  const { proposer, log } = setUp();
  for (let i = 0; i < PROPOSALS_PENDING_MAX; i++) void proposer.propose(PUT).catch(() => undefined);
  const error = await failure(proposer.propose(PUT));
  expect([error.code, error.definite]).toEqual(['tooManyRequests', true]);
  expect(log.proposed).toHaveLength(PROPOSALS_PENDING_MAX);
});

test('refusing new proposals lets those under way finish; stopping does not', async () => {
  const { proposer } = setUp();
  const first = proposer.propose(PUT);
  const second = failure(proposer.propose(PUT));
  proposer.refuse('logFailed');
  expect((await failure(proposer.propose(PUT))).code).toBe('logFailed');
  proposer.settle(100, DONE);
  expect(await first).toEqual(DONE);
  proposer.stop();
  const error = await second;
  expect([error.code, error.definite]).toEqual(['stopped', false]);
});

test('what an entry asks is known without decoding for the very bytes that were proposed, as long as somebody waits', async () => {
  const { proposer, log } = setUp();
  const asked = decodePut(PUT.request);
  const first = proposer.propose({ ...PUT, asked });
  const second = proposer.propose({ ...PUT, asked: decodePut(Uint8Array.of(0x0a, 1, 0x6c)) });
  const [one, other] = [present(log.proposed[0], 'the first'), present(log.proposed[1], 'the second')];
  expect(proposer.own(one.data)).toMatchObject({ id: 100, asked });
  expect(proposer.own(one.data)?.asked).toBe(asked);
  // In the place of one that was truncated, or from the leader: other bytes, though they be equal or have the same id.
  expect(proposer.own(Uint8Array.from(one.data))).toBeUndefined();
  expect(proposer.own(one.data.subarray(0))).toBeUndefined();
  expect(proposer.own(new Uint8Array(0))).toBeUndefined();
  proposer.settle(one.id, DONE);
  expect(proposer.own(one.data)).toBeUndefined();
  other.failed(new RequestError('leaderChanged'));
  expect(proposer.own(other.data)).toBeUndefined();
  await first;
  expect((await failure(second)).code).toBe('leaderChanged');
});

test('of a proposal that nobody has decoded nothing is known', () => {
  const { proposer, log } = setUp();
  void proposer.propose(PUT);
  expect(proposer.own(present(log.proposed[0], 'the first').data)).toBeUndefined();
});
