/** What the traces and walks do not show: limits and what happens at them, life after a torn write, wrong use. */

import { expect, test } from 'vitest';
import { bytesOf, SeededPrng } from '../../src/base/index.ts';
import {
  bootstrapped,
  configurationOf,
  type Entry,
  LIMITS_DEFAULT,
  type Limits,
  type Message,
  type MessageOf,
  Raft,
  type Stored,
} from '../../src/raft/index.ts';
import type { MessageBody } from '../../src/raft/message.ts';

const LIMITS: Limits = { ...LIMITS_DEFAULT, electionTicks: 10 };

function start(stored: Stored, limits: Partial<Limits> = {}, applied = 0): Raft {
  return new Raft({ id: '1', limits: { ...LIMITS, ...limits }, prng: new SeededPrng(7), stored, applied });
}

/** Does all there is to do, with a disk and a state machine that take no time. Returns what was sent. */
function settle(raft: Raft): Message[] {
  const sent: Message[] = [];
  while (raft.hasReady) {
    const { write, messages, committed } = raft.ready();
    sent.push(...messages);
    if (write !== undefined) raft.persisted(write.number);
    const last = committed.at(-1);
    if (last !== undefined) raft.appliedTo(last.index);
  }
  return sent;
}

function hear(raft: Raft, from: string, body: MessageBody, term = raft.term): Message[] {
  raft.step({ ...body, from, to: raft.id, term });
  return settle(raft);
}

const vote = (kind: 'requestVoteResponse' | 'requestPreVoteResponse') => ({ kind, granted: true }) as const;

/** Member 1 of 1 2 3, leading, with the followers' logs as far as the empty entry of its term. */
function leader(limits: Partial<Limits> = {}): Raft {
  const raft = start(bootstrapped(['1', '2', '3'], bytesOf('')), limits);
  raft.campaign();
  settle(raft);
  hear(raft, '2', vote('requestPreVoteResponse'), raft.term + 1);
  hear(raft, '2', vote('requestVoteResponse'));
  for (const id of ['2', '3']) hear(raft, id, { kind: 'appendEntriesAccepted', index: 2 });
  expect(raft.isLeader).toBe(true);
  return raft;
}

function follower(limits: Partial<Limits> = {}): Raft {
  const raft = start(bootstrapped(['1', '2', '3'], bytesOf('')), limits);
  settle(raft);
  hear(raft, '2', { kind: 'heartbeat', commit: 0, round: 0 }, 5);
  expect(raft.leader).toBe('2');
  return raft;
}

const ofKind = <Kind extends MessageBody['kind']>(messages: readonly Message[], kind: Kind): MessageOf<Kind>[] => {
  return messages.filter((message): message is MessageOf<Kind> => message.kind === kind);
};

function ticksToCampaign(raft: Raft): number {
  for (let ticks = 1; ; ticks++) {
    raft.tick();
    if (ofKind(settle(raft), 'requestPreVote').length > 0) return ticks;
  }
}

test('one voter alone leads by itself, and commits what is on its disk', () => {
  const raft = start(bootstrapped(['1'], bytesOf('')));
  raft.campaign();
  settle(raft);
  expect(raft.isLeader).toBe(true);
  expect(raft.propose([bytesOf('x')])).toEqual({ kind: 'appended', index: 3, term: 2 });
  const { write, committed } = raft.ready();
  expect(committed).toEqual([]);
  expect(raft.hasReady).toBe(false);
  raft.persisted(write?.number ?? 0);
  expect(raft.ready().committed.map(({ index }) => index)).toEqual([3]);
  const ticket = raft.readIndex();
  expect(raft.ready().reads).toEqual([{ ticket, index: 3 }]);
});

test('proposals beyond the uncommitted limit are refused until something is committed; a single large one is taken', () => {
  const raft = leader({ uncommittedBytesMax: 90 });
  const large = bytesOf('.'.repeat(1000));
  expect(raft.propose([large]).kind).toBe('appended');
  settle(raft);
  expect(raft.propose([bytesOf('x')])).toEqual({ kind: 'refused', reason: 'tooManyUncommitted' });
  hear(raft, '2', { kind: 'appendEntriesAccepted', index: 3 });
  expect(raft.propose([bytesOf('x'), bytesOf('y')]).kind).toBe('appended');
  expect(raft.propose([bytesOf('z')]).kind).toBe('refused');
});

test('an append message holds at most so many bytes, and the window so many messages', () => {
  const raft = leader({ appendBytesMax: 100, inflightMessagesMax: 3 });
  raft.propose(Array.from({ length: 20 }, () => bytesOf('0123456789')));
  const appends = ofKind(settle(raft), 'appendEntries').filter(({ to }) => to === '2');
  expect(appends.map(({ entries }) => entries.length)).toEqual([2, 2, 2]);
  const more = ofKind(hear(raft, '2', { kind: 'appendEntriesAccepted', index: 6 }), 'appendEntries');
  expect(more.filter(({ to, entries }) => to === '2' && entries.length > 0).length).toBe(2);
});

test('the window is bounded in bytes too', () => {
  const raft = leader({ appendBytesMax: 50, inflightBytesMax: 90 });
  raft.propose(Array.from({ length: 20 }, () => bytesOf('0123456789')));
  expect(ofKind(settle(raft), 'appendEntries').filter(({ to }) => to === '2').length).toBe(3);
});

test('reads beyond the limit are refused; one answered heartbeat serves all that wait', () => {
  const raft = leader({ readsWaitingMax: 3 });
  const tickets = [raft.readIndex(), raft.readIndex(), raft.readIndex()];
  expect(raft.readIndex()).toBeUndefined();
  const heartbeats = ofKind(settle(raft), 'heartbeat');
  expect(heartbeats.map(({ to, round }) => [to, round])).toEqual([
    ['2', 1],
    ['3', 1],
  ]);
  raft.step({ kind: 'heartbeatResponse', round: 1, from: '3', to: '1', term: raft.term });
  expect(raft.ready().reads).toEqual(tickets.map((ticket) => ({ ticket, index: 2 })));
});

test('reads and proposals sent to the leader are bounded, and given up when nothing is heard of them', () => {
  const raft = follower({ readsWaitingMax: 1, forwardsWaitingMax: 1 });
  const read = raft.readIndex();
  expect(raft.readIndex()).toBeUndefined();
  const proposal = raft.propose([bytesOf('x')]);
  expect(proposal.kind).toBe('forwarded');
  expect(raft.propose([bytesOf('y')])).toEqual({ kind: 'refused', reason: 'tooManyForwarded' });
  settle(raft);
  for (let i = 0; i < 10; i++) {
    raft.tick();
    hear(raft, '2', { kind: 'heartbeat', commit: 0, round: 0 });
    if (i < 9) expect(raft.readIndex()).toBeUndefined();
  }
  // `settle` has taken the outcomes with it; what counts is that there is room again.
  expect(raft.readIndex()).not.toBe(read);
  expect(raft.propose([bytesOf('z')]).kind).toBe('forwarded');
});

test('a change of leader makes known that forwarded proposals are unknown and reads are to be asked again', () => {
  const raft = follower();
  const read = raft.readIndex();
  const proposal = raft.propose([bytesOf('x')]);
  raft.step({ kind: 'heartbeat', commit: 0, round: 0, from: '3', to: '1', term: 6 });
  const { reads, proposals } = raft.ready();
  expect(reads).toEqual([{ ticket: read, index: undefined }]);
  expect(proposal.kind === 'forwarded' && proposals).toEqual([
    { ticket: proposal.kind === 'forwarded' && proposal.ticket, answer: { kind: 'unknown' } },
  ]);
});

test('a member that is not the leader refuses what was forwarded to it, for good', () => {
  const raft = follower();
  const sent = hear(raft, '3', { kind: 'propose', ticket: 9, proposals: [{ kind: 'normal', data: bytesOf('x') }] });
  expect(ofKind(sent, 'proposeResponse')).toMatchObject([
    { to: '3', ticket: 9, answer: { kind: 'refused', reason: 'noLeader' } },
  ]);
});

test('committed entries are handed out in portions, and no more while the state machine is behind', () => {
  const raft = leader({ committedBytesMax: 70, applyingBytesMax: 100 });
  raft.propose(Array.from({ length: 10 }, (_, i) => bytesOf(`${i}`)));
  settle(raft);
  raft.step({ kind: 'appendEntriesAccepted', index: 12, from: '2', to: '1', term: raft.term });
  expect(raft.ready().committed.map(({ index }) => index)).toEqual([3, 4]);
  expect(raft.ready().committed.map(({ index }) => index)).toEqual([5, 6]);
  expect(raft.ready().committed).toEqual([]);
  raft.appliedTo(4);
  expect(raft.ready().committed.map(({ index }) => index)).toEqual([7, 8]);
});

test('a write that was torn between its entries and its hard state leaves a member that gave no vote in the later term', () => {
  const stored = bootstrapped(['1', '2', '3'], bytesOf(''));
  const torn: Stored = {
    ...stored,
    hardState: { term: 3, vote: '2', commit: 1 },
    entries: [...stored.entries, { kind: 'normal', index: 2, term: 5, data: bytesOf('x') }],
  };
  const raft = start(torn);
  expect(raft.status()).toMatchObject({ term: 5, vote: undefined, lastIndex: 2 });
  expect(raft.ready().write?.hardState).toEqual({ term: 5, vote: undefined, commit: 1 });
});

test('a member whose state machine knows of more commits than its hard state goes on from there', () => {
  const stored = bootstrapped(['1', '2', '3'], bytesOf(''));
  const more: Stored = {
    ...stored,
    entries: [...stored.entries, { kind: 'normal', index: 2, term: 1, data: bytesOf('x') }],
  };
  expect(start(more, {}, 2).status()).toMatchObject({ commit: 2, applied: 2 });
  expect(() => start(more, {}, 3)).toThrow("commit 3 is beyond the log's end 2");
});

test('fast forward leaves one tick of the shortest election timeout, and does nothing once there is a leader', () => {
  const stored = bootstrapped(['1', '2', '3'], bytesOf(''));
  const usual = ticksToCampaign(start(stored));
  expect(usual).toBeGreaterThanOrEqual(10);
  expect(usual).toBeLessThan(20);
  const hastened = start(stored);
  hastened.fastForward(1000);
  expect(ticksToCampaign(hastened)).toBe(usual - 9);
  const led = follower();
  const twin = follower();
  led.fastForward(1000);
  expect(ticksToCampaign(led)).toBe(ticksToCampaign(twin));
});

test('election timeouts are spread over twice the election ticks', () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const stored = bootstrapped(['1', '2', '3'], bytesOf(''));
    const raft = new Raft({ id: '1', limits: LIMITS, prng: new SeededPrng(seed), stored, applied: 0 });
    settle(raft);
    let ticks = 0;
    while (raft.status().role === 'follower') {
      raft.tick();
      ticks++;
    }
    seen.add(ticks);
  }
  expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test('wrong use is found out', () => {
  const raft = leader();
  expect(() => raft.persisted(999)).toThrow('write 999 is not under way');
  expect(() => raft.propose([])).toThrow('nothing to propose');
  expect(() => hear(raft, '2', { kind: 'heartbeat', commit: 0, round: 0 })).toThrow('both lead term');
  expect(() => hear(raft, '2', { kind: 'appendEntriesAccepted', index: 99 })).toThrow('accepted 99, beyond');
  expect(() => raft.step({ kind: 'timeoutNow', from: '2', to: '3', term: 1 })).toThrow('message for 3 came to 1');
  expect(() => start(bootstrapped(['1'], bytesOf('')), { electionTicks: 0 })).toThrow('electionTicks must be');
  expect(() => start(bootstrapped(['1'], bytesOf('')), { heartbeatTicks: 10 })).toThrow('must be above heartbeatTicks');
});

test('a member keeps serving one that was removed until it has heard of its removal, and then forgets it', () => {
  const raft = leader();
  raft.proposeConfigurationChange({ kind: 'change', changes: [{ kind: 'remove', id: '3' }] }, bytesOf(''));
  const sent = ofKind(settle(raft), 'appendEntries');
  expect(sent.map(({ to, entries }) => [to, entries.length])).toEqual([
    ['2', 1],
    ['3', 1],
  ]);
  const told = ofKind(hear(raft, '2', { kind: 'appendEntriesAccepted', index: 3 }), 'appendEntries');
  expect(told.map(({ to, commit }) => [to, commit])).toEqual([
    ['2', 3],
    ['3', 3],
  ]);
  expect(raft.status().configuration).toEqual(configurationOf(['1', '2']));
  for (let i = 0; i < 10; i++) {
    raft.tick();
    hear(raft, '2', { kind: 'heartbeatResponse', round: 0 });
  }
  expect(raft.status().progress.map(({ id }) => id)).toEqual(['1', '2']);
});

/** Member 1 with entries of term 1 at 1 to 4 on its disk, following 2 in term 5. Only the first is known to be committed. */
function withTail(): Raft {
  const stored = bootstrapped(['1', '2', '3'], bytesOf(''));
  const tail = [2, 3, 4].map((index) => ({ kind: 'normal', index, term: 1, data: bytesOf('x') }) as const);
  const raft = start({ ...stored, entries: [...stored.entries, ...tail] });
  settle(raft);
  hear(raft, '2', { kind: 'heartbeat', commit: 0, round: 0 }, 5);
  return raft;
}

const append = (prevIndex: number, entries: readonly Entry[], commit: number, quiet = false) => {
  return { kind: 'appendEntries', prevIndex, prevTerm: 1, entries, commit, quiet } as const;
};

test('a follower commits no further than the message shows that its log agrees', () => {
  const raft = withTail();
  const entry = { kind: 'normal', index: 2, term: 1, data: bytesOf('x') } as const;
  expect(ofKind(hear(raft, '2', append(1, [entry], 4)), 'appendEntriesAccepted')).toMatchObject([{ index: 2 }]);
  expect(raft.status()).toMatchObject({ commit: 2, lastIndex: 4 });
});

test('a quiet append moves the commit index and is answered only where the logs do not agree', () => {
  const raft = withTail();
  expect(hear(raft, '2', append(3, [], 3, true))).toEqual([]);
  expect(raft.status()).toMatchObject({ commit: 3 });
  expect(hear(raft, '2', append(2, [], 2, true))).toEqual([]);
  expect(hear(raft, '2', append(7, [], 7, true))).toMatchObject([{ kind: 'appendEntriesRejected', prevIndex: 7 }]);
});

test('an old append is acknowledged as far as the log is sure to agree, and takes nothing back', () => {
  const raft = withTail();
  hear(raft, '2', append(2, [], 2));
  expect(ofKind(hear(raft, '2', append(1, [], 1)), 'appendEntriesAccepted')).toMatchObject([{ index: 2 }]);
  expect(raft.status()).toMatchObject({ commit: 2, lastIndex: 4 });
});
