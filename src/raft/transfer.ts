/**
 * Leadership transfer (thesis 3.10). The leader stops taking proposals, brings the target's log up to its own, and tells it to begin
 * an election at once. If nothing has come of it within an election timeout, the leader goes on as before.
 *
 *     leader                    target
 *        | -- append ... ------>  |
 *        | <- accepted, all ----  |
 *        | -- timeoutNow ------>  |  term + 1, votes requested with `transfer` set
 */

import type { MemberId } from './entry.ts';
import type { Leadership, RaftState } from './state.ts';

/** Begun or sent on to the leader; or refused because there is no leader, because the target has no vote, or because it leads already. */
export type TransferResult = 'begun' | 'forwarded' | 'noLeader' | 'notVoter' | 'isLeader';

/** Asks for the transfer at this member, whatever its role. A second request replaces the first. */
export function transferLeadership(state: RaftState, target: MemberId): TransferResult {
  const { standing, leader } = state;
  if (standing.role === 'leader') return beginTransfer(state, standing, target);
  if (leader === undefined) return 'noLeader';
  if (leader === target) return 'isLeader';
  state.send(leader, { kind: 'transferLeadership', target });
  return 'forwarded';
}

export function beginTransfer(state: RaftState, leadership: Leadership, target: MemberId): TransferResult {
  if (target === state.id) return 'isLeader';
  if (!state.configuration.voters.includes(target)) return 'notVoter';
  if (leadership.transfer?.target === target) return 'begun';
  leadership.transfer = { target, elapsed: 0, isTold: false };
  return 'begun';
}

/** Tells the target to begin as soon as its log is whole. Called before each Ready. */
export function offerLeadership(state: RaftState, leadership: Leadership): void {
  const { transfer, progress } = leadership;
  if (transfer === undefined || transfer.isTold) return;
  if (progress.get(transfer.target)?.match !== state.log.lastIndex) return;
  transfer.isTold = true;
  state.send(transfer.target, { kind: 'timeoutNow' });
}

/** One tick of a transfer under way. */
export function tickTransfer(state: RaftState, leadership: Leadership): void {
  const { transfer } = leadership;
  if (transfer === undefined) return;
  transfer.elapsed++;
  if (transfer.elapsed >= state.limits.electionTicks) leadership.transfer = undefined;
}
