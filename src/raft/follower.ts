/**
 * What a member does at the word of its leader (thesis 3.5, 5): takes entries and snapshots in, and moves its commit index.
 * Whatever is accepted is acknowledged only when it is on disk.
 */

import type { MessageOf } from './message.ts';
import type { RaftState } from './state.ts';

export function onAppendEntries(state: RaftState, message: MessageOf<'appendEntries'>): void {
  const { log } = state;
  const { from, prevIndex, prevTerm, entries, quiet } = message;
  if (prevIndex < log.commit) {
    // An old message. What is committed is in the leader's log too, so that much can be said.
    if (quiet) return;
    state.sendOncePersisted(from, { kind: 'appendEntriesAccepted', index: log.commit });
    return;
  }
  if (log.termAt(prevIndex) !== prevTerm) {
    const agreeIndex = log.agreeingIndex(prevIndex, prevTerm);
    const agreeTerm = log.termAt(agreeIndex) ?? 0;
    state.send(from, { kind: 'appendEntriesRejected', prevIndex, agreeIndex, agreeTerm });
    return;
  }
  // Only a conflict shortens the log: a message that was overtaken must not take back what a later one brought.
  const news = entries.findIndex((entry) => !log.has(entry));
  if (news >= 0) {
    const fresh = entries.slice(news);
    const from = prevIndex + 1 + news;
    if (from <= log.lastIndex) state.truncate(from);
    state.append(fresh);
  }
  const index = prevIndex + entries.length;
  // Beyond the last entry of this message the log may still be another leader's.
  log.commitTo(Math.min(message.commit, index));
  if (quiet) return;
  state.sendOncePersisted(from, { kind: 'appendEntriesAccepted', index });
}

export function onHeartbeat(state: RaftState, message: MessageOf<'heartbeat'>): void {
  state.log.commitTo(message.commit);
  state.send(message.from, { kind: 'heartbeatResponse', round: message.round });
}

/** The owner holds the whole state of the snapshot; this decides whether it is wanted. */
export function onInstallSnapshot(state: RaftState, message: MessageOf<'installSnapshot'>): void {
  const { log } = state;
  const { snapshot, from } = message;
  if (snapshot.index > log.commit) {
    // If the log has the snapshot's last entry, it has all of it, and what follows may be kept.
    if (log.has(snapshot)) log.commitTo(snapshot.index);
    else state.restore(snapshot);
  }
  state.sendOncePersisted(from, { kind: 'appendEntriesAccepted', index: log.commit });
}
