/**
 * The node broken on purpose: one promise at a time, by a change of a line or two in a copy of src. A simulation that cannot find these
 * proves little about the code as it is.
 *
 *     npm run sim -- --mutant NAME --seed N     simulates one
 *     npm run sim -- --mutants all              whether each is found, and by which seed: the table of README.md
 *
 * mutants.test.ts repeats some of what is written down here.
 */

import type { Patch } from './plant.ts';

export interface Mutant {
  readonly name: string;
  readonly breaks: string;
  readonly patches: readonly Patch[];
  /** A seed whose simulation finds it. */
  readonly foundBy: number;
}

function mutant(foundBy: number, name: string, breaks: string, file: string, from: string, to: string): Mutant {
  return { name, breaks, foundBy, patches: [{ file, from, to }] };
}

export const MUTANTS: readonly Mutant[] = [
  // ---- Raft and its log ----
  mutant(
    1,
    'vote-before-persist',
    'a vote is granted before it is on disk',
    'raft/election.ts',
    "  state.sendOncePersisted(from, { kind: 'requestVoteResponse', granted });",
    "  state.send(from, { kind: 'requestVoteResponse', granted });",
  ),
  mutant(
    1,
    'accept-before-persist',
    'entries are acknowledged before they are on disk',
    'raft/follower.ts',
    "  state.sendOncePersisted(from, { kind: 'appendEntriesAccepted', index });",
    "  state.send(from, { kind: 'appendEntriesAccepted', index });",
  ),
  mutant(
    13,
    'commit-older-term',
    'entries of earlier terms are committed by counting (figure 3.7)',
    'raft/replication.ts',
    'if (index <= log.commit || log.termAt(index) !== state.term) return;',
    'if (index <= log.commit) return;',
  ),
  mutant(
    1,
    'ack-before-sync',
    'the log says that a group is on disk before it is synced',
    'storage/wal.ts',
    "'walBeforeSync');\n    await this.#sync();",
    "'walBeforeSync');\n    void this.#sync().catch(() => undefined);",
  ),
  mutant(
    64,
    'sync-error-forgotten',
    'a sync that failed is taken for one that worked',
    'storage/wal.ts',
    '    await this.#file.sync();\n    this.#options.onSync',
    '    await this.#file.sync().catch(() => undefined);\n    this.#options.onSync',
  ),
  mutant(
    15,
    'vote-forgotten-at-start',
    'the vote on disk is not read at the start',
    'node/boot.ts',
    'const known = { term: currentTerm, vote, commit:',
    'const known = { term: currentTerm, vote: vote === undefined ? vote : undefined, commit:',
  ),
  mutant(
    34,
    'read-without-round',
    'reads are served without asking a quorum',
    'raft/read-index.ts',
    'const round = quorumIndex(voters, (id) => this.#confirmed.get(id) ?? 0);',
    'const round = voters.voters.length * 0 + quorumIndex({ voters: [], votersOutgoing: [] }, () => 0);',
  ),
  mutant(
    18,
    'read-not-applied',
    'a linearizable read does not wait until the index is applied',
    'node/reader.ts',
    'await this.#applier.reached(await this.#log.readIndex());',
    'await this.#log.readIndex();',
  ),
  mutant(
    85,
    'lost-told-as-refused',
    'a proposal that may yet be committed is refused definitely',
    'node/proposal-fates.ts',
    "  fail?.(new RequestError('leaderChanged'));",
    "  fail?.(new RequestError('noLeader'));",
  ),
  mutant(
    1,
    'forward-lost-as-refused',
    'a forwarded proposal without an answer is refused definitely',
    'node/proposal-fates.ts',
    "for (const fail of fails) fail(new RequestError('leaderChanged'));",
    "for (const fail of fails) fail(new RequestError('noLeader'));",
  ),
  mutant(
    1,
    'ask-before-persist',
    'a candidate asks for votes before its term and vote are on disk',
    'raft/election.ts',
    "state.sendOncePersisted(id, { kind: 'requestVote', lastIndex",
    "state.send(id, { kind: 'requestVote', lastIndex",
  ),
  mutant(
    5,
    'vote-twice',
    'a vote is given to whoever asks',
    'raft/election.ts',
    'const isFree = state.vote === from || (state.vote === undefined && state.leader === undefined);',
    'const isFree = true;',
  ),
  mutant(
    2,
    'vote-for-short-log',
    'votes are given whatever the log of the candidate',
    'raft/election.ts',
    'const isUpToDate = state.log.isUpToDate({ index: lastIndex, term: lastTerm });',
    'const isUpToDate = lastIndex >= 0 && lastTerm >= 0;',
  ),
  mutant(
    4,
    'leader-counts-unwritten',
    'the leader counts its own entries before they are on disk',
    'raft/replication.ts',
    'own.match = state.log.stable',
    'own.match = state.log.lastIndex',
  ),
  mutant(
    1,
    'commit-by-half',
    'of an even number of voters, half are enough to commit',
    'raft/quorum.ts',
    'return sorted[voters.length - majority(voters.length)] as number;',
    'return sorted[Math.floor(voters.length / 2)] as number;',
  ),
  mutant(
    1,
    'heartbeat-commits-anything',
    "a heartbeat tells of a commit index that the follower's log may not agree with",
    'raft/replication.ts',
    'const commit = Math.min(progress.match, state.log.commit);',
    'const commit = Math.max(0 * progress.match, Math.min(state.log.commit, progress.next - 1));',
  ),
  mutant(
    1,
    'apply-before-persist',
    'committed entries are applied before they are on the own disk',
    'raft/log.ts',
    'const entries = this.slice(this.#applying + 1, Math.min(this.#commit, this.#stable), bytesMax);',
    'const entries = this.slice(this.#applying + 1, this.#commit, bytesMax);',
  ),
  mutant(
    12,
    'read-before-own-commit',
    'a leader serves reads before it has committed in its own term',
    'raft/replication.ts',
    'if (reads.ready && state.hasCommittedInTerm) {',
    'if (reads.ready) {',
  ),
  // ---- Applying, storing, snapshots ----
  {
    name: 'applied-twice',
    breaks: 'after a restart the last entry that was applied is applied again',
    foundBy: 1,
    patches: [
      {
        file: 'node/applier.ts',
        from: 'this.#index = options.state.backend.applied.index;',
        to: 'this.#index = Math.max(0, options.state.backend.applied.index - 1);',
      },
      {
        file: 'node/boot.ts',
        from: '      applied: backend.applied.index,\n    });\n    running.start',
        to: '      applied: Math.max(0, backend.applied.index - 1),\n    });\n    running.start',
      },
    ],
  },
  mutant(
    1,
    'applied-index-ahead',
    'the applied index is written before what was applied',
    'storage/record-backend.ts',
    '      applied: this.#applied,\n      mark: this.#mark,',
    '      applied: { ...this.#applied, index: this.#applied.index + 1 },\n      mark: this.#mark,',
  ),
  mutant(
    1,
    'snapshot-without-log',
    'a snapshot is installed and the log goes on as it was',
    'node/raft-log.ts',
    'await wal.resetTo({ index, term, confState: encodeConfiguration(configuration) });',
    'await Promise.resolve({ index, term, confState: encodeConfiguration(configuration) });',
  ),
  mutant(
    1,
    'members-not-replaced',
    'a snapshot replaces the store, and who the members are stays as it was',
    'node/applied-state.ts',
    'this.#parts = other.#parts;',
    'this.#parts = { ...other.#parts, machine: this.#parts.machine };',
  ),
  mutant(
    1,
    'applier-not-replaced',
    'the applier does not hear that a snapshot has taken it further',
    'node/node.ts',
    'this.#applier.replaced(mark);',
    '',
  ),
  mutant(
    2,
    'compaction-takes-last',
    'a compaction takes the newest revision at or below it of a living key as well',
    'mvcc/key-index.ts',
    'const lastIsDropped = lastVersion === 0 && lastMain < at;',
    'const lastIsDropped = lastMain < at && (lastVersion === 0 || !newestIncluded);',
  ),
  // ---- Leases ----
  mutant(
    1716380379,
    'renewed-while-ending',
    'a lease is renewed though its revocation may be in the log',
    'lease/lessor.ts',
    'if (mayBeLogged) timed.isEnding = true;',
    'if (mayBeLogged) timed.isEnding = false;',
  ),
  mutant(
    8,
    'renewal-forgotten',
    'a renewal is answered, and the lease ends when it would have without',
    'lease/lessor.ts',
    '      this.#ends.set(timed, Math.max(timed.at, at));',
    '      this.#ends.set(timed, Math.min(timed.at, at));',
  ),
  mutant(
    8,
    'leases-not-extended',
    'a new leader ends every lease at once',
    'lease/lessor.ts',
    'now + this.#extensionMs + leftMs(lease)',
    'now + 0 * this.#extensionMs * leftMs(lease)',
  ),
  // ---- Watching ----
  mutant(
    17,
    'watchers-not-restored',
    'watchers are not moved back to unsynced when a snapshot replaces the store',
    'watch/placement.ts',
    'for (const watcher of this.synced) {\n      watcher.minRev',
    'for (const watcher of this.synced) {\n      watcher.minRev = Math.max(watcher.minRev, rev + 1);\n      watcher.minRev',
  ),
  mutant(
    1,
    'restore-forgotten',
    'the watchable store does not hear that the state was replaced',
    'node/node.ts',
    'this.#parts.watchable.restore();',
    '',
  ),
  mutant(
    8,
    'victim-forgets-batch',
    'a victim forgets the batch that did not fit',
    'watch/move-victims.ts',
    'watcher.send(watcher.held, watcher.minRev - 1);',
    'true;',
  ),
  mutant(
    8,
    'victim-reads-batch-again',
    'a victim keeps its cursor before the batch that it holds',
    'watch/placement.ts',
    '    stream.heldBytes += bytes;\n    watcher.minRev = revision + 1;',
    '    stream.heldBytes += bytes;',
  ),
  mutant(
    1,
    'start-at-next',
    'a watcher from a revision of the past begins one behind it',
    'watch/placement.ts',
    '      watcher.minRev = startRev;\n      this.toUnsynced',
    '      watcher.minRev = startRev + 1;\n      this.toUnsynced',
  ),
  mutant(
    1,
    'bookmark-too-soon',
    'a bookmark does not wait for the watchers that lag',
    'watch/progress.ts',
    'stream.behind === 0 && stream.futureRev <= placement.rev + 1;',
    'stream.behind >= 0 && stream.futureRev <= placement.rev + 1;',
  ),
  mutant(
    8,
    'slow-count-leaks',
    'a watcher that is cancelled while it lags stays in the gauge',
    'watch/placement.ts',
    'this.gauges.slowWatchers += is ? 1 : -1;',
    "this.gauges.slowWatchers += is ? 1 : state === 'gone' ? 0 : -1;",
  ),
  mutant(
    8,
    'victim-loses-events',
    'the events that did not fit into the channel are dropped',
    'watch/placement.ts',
    'watcher.held = watcher.wanted(events);',
    'watcher.held = [];',
  ),
  mutant(
    8,
    'batch-ends-one-late',
    'a batch says that the revision which found no place was in it',
    'watch/watcher-batch.ts',
    'this.moreRev = revision;',
    'this.moreRev = revision + 1;',
  ),
  mutant(
    4,
    'window-ends-one-late',
    'a pass that ends early counts the revision that it did not read',
    'watch/sync-watchers.ts',
    '        this.end = revision;\n',
    '        this.end = revision + 1;\n',
  ),
  mutant(
    12,
    'revision-cut-in-two',
    'a batch may end within a transaction',
    'watch/watcher-batch.ts',
    'if (revision !== this.#newest) {',
    'if (revision !== this.#newest || this.#bytes >= BATCH_BYTES_MAX) {',
  ),
  mutant(
    2,
    'compaction-told-twice',
    'a watcher whose history is gone is told so twice',
    'watch/placement.ts',
    '    watcher.stream.announceCompaction(watcher, compactRev);',
    '    watcher.stream.announceCompaction(watcher, compactRev);\n    watcher.stream.announceCompaction(watcher, compactRev);',
  ),
  mutant(
    2,
    'compaction-not-told',
    'a watcher whose history is gone is forgotten in silence',
    'watch/placement.ts',
    '    watcher.stream.announceCompaction(watcher, compactRev);',
    '',
  ),
  mutant(
    2,
    'compaction-told-too-soon',
    'a watcher that stands just at the compact revision is cancelled',
    'watch/watcher-group.ts',
    'if (watcher.minRev < compactRev) compacted',
    'if (watcher.minRev <= compactRev) compacted',
  ),
  mutant(
    2,
    'compaction-passed-over',
    'a watcher whose history is gone goes on with what is left',
    'watch/watcher-group.ts',
    'if (watcher.minRev < compactRev) compacted.push(watcher);',
    'if (watcher.minRev < compactRev && watcher.minRev < 0) compacted.push(watcher);',
  ),
  mutant(
    1,
    'future-told-early',
    'a watcher that starts in the future is told of what comes before',
    'watch/notify.ts',
    'if (watcher.minRev > this.#rev) return;',
    '',
  ),
  mutant(
    27,
    'told-twice',
    'a watcher that is told of a revision in one slice may be told again in the next',
    'watch/notify.ts',
    'if (watcher.send(events, this.#rev)) watcher.minRev = this.#rev + 1;\n    else',
    'if (!watcher.send(events, this.#rev))',
  ),
  mutant(
    12,
    'future-lost-by-restore',
    'a watcher that starts in the future is moved to the present by a snapshot',
    'watch/placement.ts',
    'watcher.minRev = Math.max(watcher.minRev, next);',
    'watcher.minRev = next;',
  ),
  mutant(
    4,
    'cancelled-leaves-events',
    'what waits for a watcher is sent though it was cancelled',
    'watch/watch-stream.ts',
    'this.#dropped(this.#channel.drop(watcher));',
    '',
  ),
  mutant(
    8,
    'pending-count-leaks',
    'events that are dropped with their watcher stay in the gauge',
    'watch/watch-stream.ts',
    'if (events > 0) this.#watchable.dequeued(events, false);',
    'if (events < 0) this.#watchable.dequeued(events, false);',
  ),
];

export function mutantOf(name: string): Mutant {
  const found = MUTANTS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no mutant is called ${name}: ${MUTANTS.map((one) => one.name).join(', ')}`);
  return found;
}
