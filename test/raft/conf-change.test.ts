import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterJoint, configurationAfter } from '../../src/raft/conf-change.ts';
import { configurationOf, isJoint, type MemberChange, membersOf } from '../../src/raft/index.ts';
import { voteResult } from '../../src/raft/quorum.ts';

const IDS = ['1', '2', '3', '4', '5'];
const START = fc.tuple(fc.subarray(IDS, { minLength: 1 }), fc.subarray(IDS)).map(([voters, learners]) =>
  configurationOf(
    voters,
    learners.filter((id) => !voters.includes(id)),
  ),
);
const CHANGES = fc.array(
  fc.record({
    kind: fc.constantFrom<MemberChange['kind']>('addVoter', 'addLearner', 'remove'),
    id: fc.constantFrom(...IDS),
  }),
  { minLength: 1, maxLength: 4 },
);
const SUBSETS = Array.from({ length: 2 ** IDS.length }, (_, bits) => IDS.filter((_, i) => (bits >> i) % 2 === 1));

test('a change ends where its steps say, whichever way it takes', () => {
  let changed = 0;
  fc.assert(
    fc.property(START, CHANGES, fc.constantFrom('change' as const, 'enterJoint' as const), (start, changes, kind) => {
      const result = configurationAfter(start, { kind, changes });
      if (!result.ok) return;
      changed++;
      const voters = new Set(start.voters);
      const learners = new Set(start.learners);
      for (const { kind, id } of changes) {
        voters.delete(id);
        learners.delete(id);
        if (kind === 'addVoter') voters.add(id);
        if (kind === 'addLearner') learners.add(id);
      }
      const end = isJoint(result.configuration) ? afterJoint(result.configuration) : result.configuration;
      expect(end).toEqual(configurationOf([...voters], [...learners]));
      if (kind === 'enterJoint') expect(isJoint(result.configuration)).toBe(true);
      // Until the joint configuration is left, nobody who had a vote is without the log.
      expect(membersOf(result.configuration)).toEqual(
        expect.arrayContaining(isJoint(result.configuration) ? [...start.voters] : []),
      );
    }),
    { numRuns: 400, seed: 1 },
  );
  expect(changed).toBeGreaterThan(50);
});

test('on every step of a change, old and new quorums have a member in common', () => {
  fc.assert(
    fc.property(START, CHANGES, (start, changes) => {
      const result = configurationAfter(start, { kind: 'change', changes });
      if (!result.ok) return;
      const steps = [start, result.configuration];
      if (isJoint(result.configuration)) steps.push(afterJoint(result.configuration));
      for (let i = 1; i < steps.length; i++) {
        const quorums = [steps[i - 1], steps[i]].map((step) => {
          return SUBSETS.filter((ids) => step !== undefined && voteResult(step, (id) => ids.includes(id)) === 'won');
        });
        for (const one of quorums[0] ?? []) {
          for (const other of quorums[1] ?? []) expect(one.some((id) => other.includes(id))).toBe(true);
        }
      }
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('what cannot be is refused, with the reason', () => {
  const start = configurationOf(['1', '2'], ['3']);
  const reason = (changes: MemberChange[]) => {
    const result = configurationAfter(start, { kind: 'change', changes });
    return result.ok ? undefined : result.reason;
  };
  expect(reason([])).toBe('noChange');
  expect(reason([{ kind: 'addVoter', id: '' }])).toBe('invalidChange');
  expect(
    reason([
      { kind: 'remove', id: '1' },
      { kind: 'addVoter', id: '1' },
    ]),
  ).toBe('invalidChange');
  expect(reason([{ kind: 'addVoter', id: '1' }])).toBe('noChange');
  expect(reason([{ kind: 'addLearner', id: '3' }])).toBe('noChange');
  expect(reason([{ kind: 'remove', id: '4' }])).toBe('noChange');
  expect(
    reason([
      { kind: 'remove', id: '1' },
      { kind: 'addLearner', id: '2' },
    ]),
  ).toBe('noVoters');
  expect(reason([{ kind: 'addVoter', id: '3' }])).toBeUndefined();
});
