import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MemberId } from '../../src/raft/index.ts';
import { quorumIndex, type VoteResult, type Voters, voteResult } from '../../src/raft/quorum.ts';

const IDS: readonly MemberId[] = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const VOTERS: fc.Arbitrary<Voters> = fc.record({
  voters: fc.subarray([...IDS], { minLength: 1 }),
  votersOutgoing: fc.subarray([...IDS]),
});
const indexes = fc.array(fc.nat(6), { minLength: IDS.length, maxLength: IDS.length });
const votes = fc.array(fc.constantFrom(true, false, undefined), { minLength: IDS.length, maxLength: IDS.length });
const at =
  <T>(values: readonly T[]) =>
  (id: MemberId) =>
    values[IDS.indexOf(id)] as T;

/** Every subset of the members: the twin tries them all instead of thinking. */
const SUBSETS = Array.from({ length: 2 ** IDS.length }, (_, bits) => IDS.filter((_, i) => (bits >> i) % 2 === 1));

/** Whether these members can decide alone. */
function isQuorum(voters: Voters, members: readonly MemberId[]): boolean {
  return [voters.voters, voters.votersOutgoing].every((set) => {
    return set.length === 0 || set.filter((id) => members.includes(id)).length * 2 > set.length;
  });
}

test('the index of a quorum is the highest that all members of some quorum have reached', () => {
  fc.assert(
    fc.property(VOTERS, indexes, (voters, values) => {
      const reached = (members: readonly MemberId[]) => Math.min(...members.map(at(values)));
      const twin = Math.max(...SUBSETS.filter((members) => isQuorum(voters, members)).map(reached));
      expect(quorumIndex(voters, at(values))).toBe(twin);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test('a vote is won when those who granted it are a quorum, and lost when those who might are none', () => {
  fc.assert(
    fc.property(VOTERS, votes, (voters, values) => {
      const granted = IDS.filter((id) => at(values)(id) === true);
      const possible = IDS.filter((id) => at(values)(id) !== false);
      const twin: VoteResult = isQuorum(voters, granted) ? 'won' : isQuorum(voters, possible) ? 'pending' : 'lost';
      expect(voteResult(voters, at(values))).toBe(twin);
    }),
    { numRuns: 400, seed: 1 },
  );
});

test('any two quorums have a member in common', () => {
  fc.assert(
    fc.property(VOTERS, fc.constantFrom(...SUBSETS), fc.constantFrom(...SUBSETS), (voters, one, other) => {
      const wins = (members: readonly MemberId[]) => voteResult(voters, (id) => members.includes(id)) === 'won';
      if (wins(one) && wins(other)) expect(one.some((id) => other.includes(id))).toBe(true);
    }),
    { numRuns: 1000, seed: 1 },
  );
});
