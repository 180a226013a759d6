/**
 * How something gets into the log (thesis 3.5, 6.2): the leader appends it or refuses it; another member sends it on.
 *
 *     propose -> appended at (index, term)   it will be applied there, or its position turns up in Ready.lost
 *             -> forwarded, ticket           Ready.proposals tells what the leader said, or that it is not known
 *             -> refused                     in no log, and never will be
 */

import { type ConfigurationChange, configurationAfter } from './conf-change.ts';
import { entryBytes } from './entry.ts';
import type { MessageOf, Proposal, ProposeAnswer, Refusal, Ticket } from './message.ts';
import { appendOwn, type EntryContent } from './replication.ts';
import type { Leadership, RaftState } from './state.ts';

export type ProposeResult = ProposeAnswer | { readonly kind: 'forwarded'; readonly ticket: Ticket };

/** A learner may be given a vote when it has so much of the leader's log. */
const READY_FRACTION = 0.9;

const refused = (reason: Refusal): ProposeAnswer => ({ kind: 'refused', reason });

/** Proposes at this member, whatever its role. A change of configuration goes alone. */
export function propose(state: RaftState, proposals: readonly Proposal[]): ProposeResult {
  const { standing, leader } = state;
  if (standing.role === 'leader') return proposeAsLeader(state, standing, proposals);
  if (leader === undefined) return refused('noLeader');
  if (state.forwardedProposals.size >= state.limits.forwardsWaitingMax) return refused('tooManyForwarded');
  const ticket = state.nextTicket();
  state.noteForwarded(state.forwardedProposals, ticket);
  state.send(leader, { kind: 'propose', ticket, proposals });
  return { kind: 'forwarded', ticket };
}

/** A member has forwarded proposals. They go no further: a member that is not the leader refuses them. */
export function onPropose(state: RaftState, message: MessageOf<'propose'>): void {
  const { standing } = state;
  const answer = standing.role === 'leader' ? proposeAsLeader(state, standing, message.proposals) : refused('noLeader');
  state.send(message.from, { kind: 'proposeResponse', ticket: message.ticket, answer });
}

export function onProposeResponse(state: RaftState, message: MessageOf<'proposeResponse'>): void {
  const { ticket, answer } = message;
  if (state.forwardedProposals.delete(ticket)) state.proposals.push({ ticket, answer });
}

function proposeAsLeader(state: RaftState, leadership: Leadership, proposals: readonly Proposal[]): ProposeAnswer {
  if (leadership.transfer !== undefined) return refused('transferring');
  const contents: EntryContent[] = [];
  for (const proposal of proposals) {
    if (proposal.kind === 'normal') {
      contents.push(proposal);
      continue;
    }
    if (proposals.length > 1) return refused('invalidChange');
    const { configurations, log } = state;
    if (configurations.latestIndex > log.applied || !state.hasCommittedInTerm) return refused('changePending');
    const after = configurationAfter(state.configuration, proposal.change);
    if (!after.ok) return refused(after.reason);
    if (promotesLaggard(state, leadership, proposal.change)) return refused('learnerBehind');
    contents.push({ kind: 'configuration', configuration: after.configuration, data: proposal.data });
  }
  if (exceedsUncommitted(state, leadership, proposals)) return refused('tooManyUncommitted');
  return { kind: 'appended', index: appendOwn(state, leadership, contents), term: state.term };
}

/** Whether a learner is to have a vote that has too little of the log: commitment could then wait for it to catch up (4.2.1). */
function promotesLaggard(state: RaftState, leadership: Leadership, change: ConfigurationChange): boolean {
  if (change.kind === 'leaveJoint') return false;
  const needed = READY_FRACTION * state.log.lastIndex;
  return change.changes.some(
    ({ kind, id }) =>
      kind === 'addVoter' &&
      state.configuration.learners.includes(id) &&
      (leadership.progress.get(id)?.match ?? 0) < needed,
  );
}

/** With nothing uncommitted, a proposal of any size is taken: otherwise a large one never could be. */
function exceedsUncommitted(state: RaftState, leadership: Leadership, proposals: readonly Proposal[]): boolean {
  const { uncommittedBytes } = leadership;
  const bytes = proposals.reduce((sum, { data }) => sum + entryBytes({ data }), 0);
  return uncommittedBytes > 0 && uncommittedBytes + bytes > state.limits.uncommittedBytesMax;
}
