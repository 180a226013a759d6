/**
 * Leader election (thesis 3.4), with the pre-vote (9.6) and the check that a leader is really missing (4.2.3).
 *
 *     follower --timeout--> preCandidate --a quorum would vote--> candidate --a quorum voted--> leader
 *        ^                       |                                    |
 *        +-----------------------+------- refused, or a leader -------+
 *
 * A pre-vote changes nothing for anybody: a member that was cut off cannot push the term up by campaigning alone. A voter that hears
 * from a leader ignores both kinds, unless the leader itself asked for the election (transfer).
 */

import { membersOf } from './configuration.ts';
import type { MemberId } from './entry.ts';
import type { MessageOf } from './message.ts';
import { voteResult } from './quorum.ts';
import { beginLeading } from './replication.ts';
import type { RaftState } from './state.ts';

/** Asks whether an election would be won. */
export function campaign(state: RaftState): void {
  if (state.standing.role === 'leader' || !state.promotable) return;
  state.standing = { role: 'preCandidate', votes: new Map([[state.id, true]]) };
  state.setLeader(undefined);
  state.resetElectionTimer();
  for (const id of otherVoters(state)) {
    const { lastIndex, lastTerm } = state.log;
    state.send(id, { kind: 'requestPreVote', lastIndex, lastTerm, transfer: false }, state.term + 1);
  }
  decide(state);
}

/** Begins an election in the next term. The own vote counts when it is on disk, and nobody is asked before that (outbox.ts). */
export function standForElection(state: RaftState, transfer: boolean): void {
  state.enterTerm(state.term + 1);
  state.setLeader(undefined);
  state.standing = { role: 'candidate', votes: new Map() };
  state.vote = state.id;
  state.resetElectionTimer();
  state.sendOncePersisted(state.id, { kind: 'requestVoteResponse', granted: true });
  for (const id of otherVoters(state)) {
    const { lastIndex, lastTerm } = state.log;
    state.sendOncePersisted(id, { kind: 'requestVote', lastIndex, lastTerm, transfer });
  }
}

/** Whether a request for a vote is to be ignored altogether: even its term, if that is later. */
export function ignoresVote(state: RaftState, message: MessageOf<'requestVote' | 'requestPreVote'>): boolean {
  return state.holdsLease && !message.transfer && message.term > state.term;
}

/** Every member answers, whatever it believes the configuration to be: the candidate may know a newer one (4.2.2). */
export function onRequestVote(state: RaftState, message: MessageOf<'requestVote' | 'requestPreVote'>): void {
  const { from, term, lastIndex, lastTerm } = message;
  const isFree = state.vote === from || (state.vote === undefined && state.leader === undefined);
  const isUpToDate = state.log.isUpToDate({ index: lastIndex, term: lastTerm });
  if (message.kind === 'requestPreVote') {
    const granted = (term > state.term || (term === state.term && isFree)) && isUpToDate;
    state.send(from, { kind: 'requestPreVoteResponse', granted }, granted ? term : state.term);
    return;
  }
  const granted = term === state.term && isFree && isUpToDate;
  if (!granted) {
    state.send(from, { kind: 'requestVoteResponse', granted });
    return;
  }
  state.vote = from;
  state.electionElapsed = 0;
  state.sendOncePersisted(from, { kind: 'requestVoteResponse', granted });
}

export function onRequestVoteResponse(
  state: RaftState,
  message: MessageOf<'requestVoteResponse' | 'requestPreVoteResponse'>,
): void {
  const { standing } = state;
  const asked = message.kind === 'requestPreVoteResponse' ? 'preCandidate' : 'candidate';
  if (standing.role !== asked) return;
  // A granted pre-vote is for one term to come; one from an earlier campaign says nothing about this one.
  if (asked === 'preCandidate' && message.granted && message.term !== state.term + 1) return;
  if (!standing.votes.has(message.from)) standing.votes.set(message.from, message.granted);
  decide(state);
}

function decide(state: RaftState): void {
  const { standing } = state;
  if (standing.role !== 'preCandidate' && standing.role !== 'candidate') return;
  switch (voteResult(state.configuration, (id) => standing.votes.get(id))) {
    case 'won':
      if (standing.role === 'preCandidate') standForElection(state, false);
      else beginLeading(state);
      return;
    case 'lost':
      state.becomeFollower(state.term, undefined);
      return;
    case 'pending':
      return;
  }
}

function otherVoters(state: RaftState): MemberId[] {
  const { configuration } = state;
  return membersOf({ ...configuration, learners: [], learnersNext: [] }).filter((id) => id !== state.id);
}
