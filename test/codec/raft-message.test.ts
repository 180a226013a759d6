import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRaftMessage, encodeRaftMessage, ProtocolError } from '../../src/codec/index.ts';
import { watchraftpb as pb } from '../../src/gen/etcd.js';
import type { Configuration, Entry, Message, MessageBody, Proposal } from '../../src/raft/index.ts';

const number = fc.maxSafeNat();
const id = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map((value) => value.toString(16));
const ids = fc.uniqueArray(id, { maxLength: 4 });
const data = fc.uint8Array({ maxLength: 40 });

const configuration: fc.Arbitrary<Configuration> = fc.record({
  voters: ids,
  votersOutgoing: ids,
  learners: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ kind: fc.constant('normal' as const), index: number, term: number, data }),
  fc.record({ kind: fc.constant('configuration' as const), index: number, term: number, configuration, data }),
);
const changes = fc.array(
  fc.record({ kind: fc.constantFrom('addVoter' as const, 'addLearner' as const, 'remove' as const), id }),
  {
    maxLength: 3,
  },
);
const proposal: fc.Arbitrary<Proposal> = fc.oneof(
  fc.record({ kind: fc.constant('normal' as const), data }),
  fc.record({
    kind: fc.constant('configuration' as const),
    data,
    change: fc.oneof(
      fc.record({ kind: fc.constantFrom('change' as const, 'enterJoint' as const), changes }),
      fc.constant({ kind: 'leaveJoint' as const }),
    ),
  }),
);

const body: fc.Arbitrary<MessageBody> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('requestVote' as const, 'requestPreVote' as const),
    lastIndex: number,
    lastTerm: number,
    transfer: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('requestVoteResponse' as const, 'requestPreVoteResponse' as const),
    granted: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('appendEntries' as const),
    prevIndex: number,
    prevTerm: number,
    entries: fc.array(entry, { maxLength: 4 }),
    commit: number,
    quiet: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('appendEntriesAccepted' as const), index: number }),
  fc.record({
    kind: fc.constant('appendEntriesRejected' as const),
    prevIndex: number,
    agreeIndex: number,
    agreeTerm: number,
  }),
  fc.record({ kind: fc.constant('heartbeat' as const), commit: number, round: number }),
  fc.record({ kind: fc.constant('heartbeatResponse' as const), round: number }),
  fc.record({
    kind: fc.constant('installSnapshot' as const),
    snapshot: fc.record({ index: number, term: number, configuration }),
  }),
  fc.record({ kind: fc.constant('timeoutNow' as const) }),
  fc.record({ kind: fc.constant('transferLeadership' as const), target: id }),
  fc.record({ kind: fc.constant('propose' as const), ticket: number, proposals: fc.array(proposal, { maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('proposeResponse' as const),
    ticket: number,
    answer: fc.oneof(
      fc.record({ kind: fc.constant('appended' as const), index: number, term: number }),
      fc.record({
        kind: fc.constant('refused' as const),
        reason: fc.constantFrom('noLeader' as const, 'changePending' as const),
      }),
    ),
  }),
  fc.record({ kind: fc.constant('readIndex' as const), ticket: number }),
  fc.record({
    kind: fc.constant('readIndexResponse' as const),
    ticket: number,
    index: fc.option(number, { nil: undefined }),
  }),
);
const message: fc.Arbitrary<Message> = fc
  .tuple(id, id, number, body)
  .map(([from, to, term, rest]) => ({ from, to, term, ...rest }));

test('every message comes out as it went in', () => {
  fc.assert(
    fc.property(message, (sent) => {
      expect(decodeRaftMessage(encodeRaftMessage(sent))).toEqual(sent);
    }),
    { seed: 7, numRuns: 2000 },
  );
});

test('what is sent is a RaftMessage of the protocol file', () => {
  fc.assert(
    fc.property(message, (sent) => {
      const bytes = encodeRaftMessage(sent);
      const read = pb.RaftMessage.toObject(pb.RaftMessage.decode(bytes), {
        longs: String,
        arrays: true,
        defaults: true,
      });
      expect([read['from'], read['to'], read['term']]).toEqual([
        BigInt(`0x${sent.from}`).toString(),
        BigInt(`0x${sent.to}`).toString(),
        String(sent.term),
      ]);
      expect((read['entries'] as unknown[]).length).toBe(sent.kind === 'appendEntries' ? sent.entries.length : 0);
      expect((read['proposals'] as unknown[]).length).toBe(sent.kind === 'propose' ? sent.proposals.length : 0);
    }),
    { seed: 8, numRuns: 500 },
  );
});

const readOrRefused = (bytes: Uint8Array): void => {
  try {
    decodeRaftMessage(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
  }
};

test('garbage and cut messages are refused or read, and never anything else', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), readOrRefused), { seed: 9, numRuns: 3000 });
  fc.assert(
    fc.property(message, fc.nat(), (sent, cut) => {
      const bytes = encodeRaftMessage(sent);
      readOrRefused(bytes.subarray(0, cut % (bytes.length + 1)));
    }),
    { seed: 10, numRuns: 2000 },
  );
});
