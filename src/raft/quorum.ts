/**
 * What a majority has decided (thesis 3.4, 3.6), and what two majorities have decided together (4.3).
 *
 * The index that a majority has reached: put what each voter has in order, and take the one in the middle.
 *
 *     voter    a  b  c  d  e          sorted   2  4 [5] 7  9
 *     index    5  9  2  7  4                   three of five (c e a | a d b ...) reach at least 5
 *
 * In a joint configuration it is the smaller of the two answers. A set without voters decides nothing and hinders nothing:
 * its answer is the neutral one (infinity, won), so that a configuration that is not joint needs no case of its own.
 */

import type { MemberId } from './entry.ts';

/** Two sets of voters that must agree; the second is empty unless a change is under way. A Configuration is one. */
export interface Voters {
  readonly voters: readonly MemberId[];
  readonly votersOutgoing: readonly MemberId[];
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** How many of `count` voters are a majority. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

function majorityIndex(voters: readonly MemberId[], indexOf: (id: MemberId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const sorted = voters.map(indexOf).sort((a, b) => a - b);
  return sorted[voters.length - majority(voters.length)] as number;
}

/** The highest index that a quorum has reached. `indexOf` says what one voter has reached. Infinity if there are no voters. */
export function quorumIndex(voters: Voters, indexOf: (id: MemberId) => number): number {
  return Math.min(majorityIndex(voters.voters, indexOf), majorityIndex(voters.votersOutgoing, indexOf));
}

function majorityVote(voters: readonly MemberId[], voteOf: (id: MemberId) => boolean | undefined): VoteResult {
  if (voters.length === 0) return 'won';
  const needed = majority(voters.length);
  let granted = 0;
  let open = 0;
  for (const id of voters) {
    const vote = voteOf(id);
    if (vote === undefined) open++;
    else if (vote) granted++;
  }
  if (granted >= needed) return 'won';
  return granted + open >= needed ? 'pending' : 'lost';
}

/** What came of a vote so far. `voteOf` is undefined for those who have not answered. */
export function voteResult(voters: Voters, voteOf: (id: MemberId) => boolean | undefined): VoteResult {
  const incoming = majorityVote(voters.voters, voteOf);
  const outgoing = majorityVote(voters.votersOutgoing, voteOf);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}
