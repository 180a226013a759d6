/**
 * The leader's work: its log to everyone (thesis 3.5), and the commit index forward (3.6.2).
 *
 * Nothing is sent at the moment something happens. `replicate` runs once before each Ready and sends each member what
 * it lacks by then: the proposals of a whole turn go out in one message, and the commit index rides along.
 *
 * Only entries of the leader's own term are committed by counting (figure 3.7, which is figure 8 of the short paper): an entry of
 * an earlier term on a majority can still be overwritten by a leader that never saw it.
 *
 *     1: 1 2 | 4       1 leads term 4, has sent entry 2 (term 2) to a majority.
 *     2: 1 2           Were it committed now, and 1 crashed, 5 could still win term 5
 *     3: 1 2           with its entry of term 3, and overwrite entry 2 everywhere.
 *     4: 1             With the entry of term 4 on a majority 5 cannot win any more,
 *     5: 1 3           and everything before it is committed too.
 */

import { assert, EMPTY_BYTES, present } from '../base/index.ts';
import { afterJoint } from './conf-change.ts';
import { type Configuration, isJoint, isVoter, membersOf } from './configuration.ts';
import { type Entry, entryBytes, type MemberId } from './entry.ts';
import { Inflight } from './inflight.ts';
import type { MessageOf } from './message.ts';
import { Progress } from './progress.ts';
import { quorumIndex, voteResult } from './quorum.ts';
import { ReadRounds } from './read-index.ts';
import type { Leadership, RaftState } from './state.ts';

/** What becomes an entry when the leader gives it its place. */
export type EntryContent =
  | { readonly kind: 'normal'; readonly data: Uint8Array }
  | { readonly kind: 'configuration'; readonly configuration: Configuration; readonly data: Uint8Array };

/** The election is won. The first entry is empty: with it, everything before can be committed (6.4). */
export function beginLeading(state: RaftState): void {
  const leadership: Leadership = {
    role: 'leader',
    progress: new Map(),
    reads: new ReadRounds(state.limits.readsWaitingMax),
    heartbeatElapsed: 0,
    uncommittedBytes: 0,
    transfer: undefined,
  };
  state.standing = leadership;
  state.setLeader(state.id);
  state.resetElectionTimer();
  updateMembers(state, leadership);
  appendOwn(state, leadership, [{ kind: 'normal', data: EMPTY_BYTES }]);
}

/** Puts entries into the leader's own log. Returns the index of the first. */
export function appendOwn(state: RaftState, leadership: Leadership, contents: readonly EntryContent[]): number {
  const first = state.log.lastIndex + 1;
  const { term } = state;
  const entries = contents.map((content, i) => entryOf(content, first + i, term));
  for (const entry of entries) leadership.uncommittedBytes += entryBytes(entry);
  if (state.append(entries)) {
    updateMembers(state, leadership);
    // Fewer voters may be enough for what is there already.
    commitByQuorum(state, leadership);
  }
  return first;
}

/** Field by field: spreading costs three times as much, once for each write. */
function entryOf(content: EntryContent, index: number, term: number): Entry {
  const { kind, data } = content;
  if (kind === 'normal') return { kind, index, term, data };
  return { kind, index, term, data, configuration: content.configuration };
}

/** The leader's own disk has moved on. */
export function onOwnLogStable(state: RaftState, leadership: Leadership): void {
  const own = leadership.progress.get(state.id);
  if (own !== undefined) own.match = state.log.stable;
  commitByQuorum(state, leadership);
}

export function onAppendEntriesAccepted(
  state: RaftState,
  leadership: Leadership,
  message: MessageOf<'appendEntriesAccepted'>,
): void {
  const progress = leadership.progress.get(message.from);
  if (progress === undefined) return;
  const { index } = message;
  assert(index <= state.log.lastIndex, `${message.from} accepted ${index}, beyond ${state.log.lastIndex}`);
  progress.active = true;
  if (progress.accepted(index)) commitByQuorum(state, leadership);
}

export function onAppendEntriesRejected(
  state: RaftState,
  leadership: Leadership,
  message: MessageOf<'appendEntriesRejected'>,
): void {
  const progress = leadership.progress.get(message.from);
  if (progress === undefined) return;
  progress.active = true;
  const { prevIndex, agreeIndex, agreeTerm } = message;
  progress.rejected(prevIndex, state.log.agreeingIndex(agreeIndex, agreeTerm));
}

export function onHeartbeatResponse(
  state: RaftState,
  leadership: Leadership,
  message: MessageOf<'heartbeatResponse'>,
): void {
  const progress = leadership.progress.get(message.from);
  if (progress === undefined) return;
  progress.answered(progress.match < state.log.lastIndex);
  leadership.reads.confirm(message.from, message.round);
}

/** How the sending of a snapshot went. Either way the member is probed when it next answers a heartbeat, if not before. */
export function onSnapshotReport(leadership: Leadership, to: MemberId, arrived: boolean): void {
  const progress = leadership.progress.get(to);
  if (progress === undefined || progress.state !== 'snapshot') return;
  progress.becomeProbe((arrived ? Math.max(progress.snapshotIndex, progress.match) : progress.match) + 1);
  progress.waiting = true;
}

/** To every other member. The commit index goes only as far as the member is known to have the leader's log. */
export function sendHeartbeats(state: RaftState, leadership: Leadership): void {
  leadership.heartbeatElapsed = 0;
  for (const [id, progress] of leadership.progress) {
    if (id === state.id) continue;
    const commit = Math.min(progress.match, state.log.commit);
    state.send(id, { kind: 'heartbeat', commit, round: leadership.reads.round });
  }
}

/** Sends every member what it lacks, and serves reads. Doing it again changes nothing. */
export function replicate(state: RaftState, leadership: Leadership): void {
  const { reads } = leadership;
  if (reads.ready && state.hasCommittedInTerm) {
    reads.begin(state.log.commit, state.id);
    sendHeartbeats(state, leadership);
  }
  for (const batch of reads.takeConfirmed(state.configuration)) {
    for (const read of batch.reads) state.answerRead(read.from, read.ticket, batch.index);
  }
  for (const [id, progress] of leadership.progress) {
    if (id !== state.id) sendAppends(state, id, progress);
  }
}

function sendAppends(state: RaftState, id: MemberId, progress: Progress): void {
  const { log, limits } = state;
  while (!progress.paused) {
    const prevIndex = progress.next - 1;
    const prevTerm = log.termAt(prevIndex);
    if (prevTerm === undefined) {
      sendSnapshot(state, id, progress);
      return;
    }
    const entries = log.slice(progress.next, log.lastIndex, limits.appendBytesMax);
    if (entries.length === 0 && !progress.owed && progress.commitTold >= log.commit) return;
    const quiet = entries.length === 0 && !progress.owed && progress.state === 'replicate';
    state.send(id, { kind: 'appendEntries', prevIndex, prevTerm, entries, commit: log.commit, quiet });
    const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    progress.sent(prevIndex + entries.length, bytes, log.commit);
  }
}

/** Not to a member that is silent or leaving: a snapshot is too large to be sent in vain. */
function sendSnapshot(state: RaftState, id: MemberId, progress: Progress): void {
  if (!progress.active || progress.departing) return;
  const index = state.log.applied;
  // A snapshot that this member received itself may still be on its way into the owner's state.
  if (index < state.log.offset.index) return;
  const term = present(state.log.termAt(index), `the term of applied entry ${index}`);
  progress.becomeSnapshot(index);
  state.send(id, {
    kind: 'installSnapshot',
    snapshot: { index, term, configuration: state.configurations.at(index) },
  });
}

/** Commits what a quorum has on disk, if it is of this term. */
function commitByQuorum(state: RaftState, leadership: Leadership): void {
  const { log } = state;
  const index = quorumIndex(state.configuration, (id) => leadership.progress.get(id)?.match ?? 0);
  if (index <= log.commit || log.termAt(index) !== state.term) return;
  const firstOfTerm = log.agreeingIndex(index, state.term - 1) + 1;
  for (let i = Math.max(log.commit + 1, firstOfTerm); i <= index; i++) {
    leadership.uncommittedBytes -= entryBytes(log.entryAt(i));
  }
  log.commitTo(index);
  onConfigurationCommitted(state, leadership);
}

/** After the commit index has moved: ends a joint configuration, or the leadership of one who is not a voter any more (4.2.2). */
function onConfigurationCommitted(state: RaftState, leadership: Leadership): void {
  const { configuration, configurations, log } = state;
  if (configurations.latestIndex > log.commit) return;
  if (isJoint(configuration)) {
    if (!configuration.autoLeave) return;
    appendOwn(state, leadership, [
      { kind: 'configuration', configuration: afterJoint(configuration), data: EMPTY_BYTES },
    ]);
  } else if (!isVoter(configuration, state.id)) {
    // The others learn that the change is committed before they are left alone.
    replicate(state, leadership);
    state.becomeFollower(state.term, undefined);
  }
}

/** The configuration has changed: everyone in it has a progress, and those who left are on their way out. */
function updateMembers(state: RaftState, leadership: Leadership): void {
  const { log, limits, configuration } = state;
  const { progress } = leadership;
  const members = new Set(membersOf(configuration));
  for (const id of members) {
    // One that left and returns begins from nothing: it may have lost its disk in between.
    if (progress.get(id)?.departing === false) continue;
    const inflight = new Inflight(limits.inflightMessagesMax, limits.inflightBytesMax);
    const fresh = new Progress(log.lastIndex + 1, inflight);
    fresh.owed = true;
    if (id === state.id) fresh.match = log.stable;
    progress.set(id, fresh);
  }
  for (const [id, one] of progress) if (!members.has(id)) one.departing = true;
  const { transfer } = leadership;
  if (transfer !== undefined && !configuration.voters.includes(transfer.target)) leadership.transfer = undefined;
}

/** Once an election timeout: whether a quorum was heard of since the last time (6.2). Also lets go of those who left. */
export function checkQuorum(state: RaftState, leadership: Leadership): boolean {
  const { progress } = leadership;
  const isAlive = voteResult(state.configuration, (id) => id === state.id || (progress.get(id)?.active ?? false));
  const isSettled = state.configurations.latestIndex <= state.log.commit;
  for (const [id, one] of progress) {
    if (one.departing && isSettled) progress.delete(id);
    else one.active = id === state.id;
  }
  return isAlive === 'won';
}
