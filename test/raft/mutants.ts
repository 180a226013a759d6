/**
 * Raft broken on purpose: one promise at a time, by a change of a line or two in a copy of the code. A test that cannot find these
 * proves little about the code as it is.
 *
 *     npx tsx test/raft/mutants.ts [NAME,NAME]    walks each mutant from seed 1 on until something is found, tells it every trace if
 *                                                nothing is, and prints the table for the README
 *
 * mutants.test.ts repeats what is written down here.
 */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { RaftCode } from '../support/raft-cluster.ts';
import { retold } from './trace.ts';
import { walk } from './walk.ts';

export const STEPS = 3000;
const SEEDS_MAX = 400;

interface Patch {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly breaks: string;
  readonly patches: readonly Patch[];
  /** A seed whose walk finds it, or the trace that shows it. */
  readonly foundBy: number | string;
}

const mutant = (
  foundBy: number | string,
  name: string,
  breaks: string,
  file: string,
  from: string,
  to: string,
): Mutant => {
  return { name, breaks, foundBy, patches: [{ file, from, to }] };
};

export const MUTANTS: readonly Mutant[] = [
  // ---- Durability (3.8) ----
  mutant(
    225,
    'vote-before-persist',
    'a vote is granted before it is on disk',
    'election.ts',
    "state.sendOncePersisted(from, { kind: 'requestVoteResponse', granted });",
    "state.send(from, { kind: 'requestVoteResponse', granted });",
  ),
  mutant(
    42,
    'ask-before-persist',
    'a candidate asks for votes before its term, vote and log are on disk',
    'election.ts',
    "state.sendOncePersisted(id, { kind: 'requestVote', lastIndex",
    "state.send(id, { kind: 'requestVote', lastIndex",
  ),
  mutant(
    169,
    'vote-not-written',
    'a vote in the current term is no reason to write',
    'raft.ts',
    'term !== writtenTerm || vote !== writtenVote ||',
    'term !== writtenTerm || (vote === writtenVote && false) ||',
  ),
  mutant(
    2,
    'accept-before-persist',
    'entries are acknowledged before they are on disk',
    'follower.ts',
    "state.sendOncePersisted(from, { kind: 'appendEntriesAccepted', index });",
    "state.send(from, { kind: 'appendEntriesAccepted', index });",
  ),
  mutant(
    55,
    'accept-snapshot-before-persist',
    'a snapshot is acknowledged before it is on disk',
    'follower.ts',
    "  state.sendOncePersisted(from, { kind: 'appendEntriesAccepted', index: log.commit });\n}",
    "  state.send(from, { kind: 'appendEntriesAccepted', index: log.commit });\n}",
  ),
  mutant(
    3,
    'leader-counts-unwritten',
    'the leader counts its own entries before they are on disk',
    'replication.ts',
    'own.match = state.log.stable',
    'own.match = state.log.lastIndex',
  ),
  mutant(
    392,
    'write-overtaken',
    'a write that was overtaken by a truncation makes stable what replaced its entries',
    'log.ts',
    'for (const write of this.#writes) write.lastIndex = Math.min(write.lastIndex, from - 1);',
    '',
  ),
  mutant(
    4,
    'apply-before-persist',
    'committed entries are applied before they are on the own disk',
    'log.ts',
    'const entries = this.slice(this.#applying + 1, Math.min(this.#commit, this.#stable), bytesMax);',
    'const entries = this.slice(this.#applying + 1, this.#commit, bytesMax);',
  ),
  // ---- Election (3.4, 3.6.1, 9.6) ----
  mutant(
    2,
    'vote-twice',
    'a vote is given to whoever asks',
    'election.ts',
    'const isFree = state.vote === from || (state.vote === undefined && state.leader === undefined);',
    'const isFree = true;',
  ),
  mutant(
    2,
    'vote-for-short-log',
    'votes are given whatever the log of the candidate',
    'election.ts',
    'const isUpToDate = state.log.isUpToDate({ index: lastIndex, term: lastTerm });',
    'const isUpToDate = lastIndex >= 0 && lastTerm >= 0;',
  ),
  mutant(
    130,
    'up-to-date-by-length',
    'the longer log is taken for the more complete one, whatever its term',
    'log.ts',
    'return last.term > this.lastTerm || (last.term === this.lastTerm && last.index >= this.lastIndex);',
    'return last.index >= this.lastIndex;',
  ),
  mutant(
    1,
    'pre-votes-count',
    'votes are not reset: pre-votes count in the election',
    'election.ts',
    "state.standing = { role: 'candidate', votes: new Map() };",
    "state.standing = { role: 'candidate', votes: state.standing.role === 'preCandidate' ? state.standing.votes : new Map() };",
  ),
  mutant(
    20,
    'vote-forgotten-in-term',
    'becoming a follower in the same term frees the vote again',
    'state.ts',
    'if (term === this.term) return;\n    this.term = term;',
    'this.term = term;',
  ),
  // ---- Replication and commit (3.5, 3.6.2) ----
  mutant(
    'figure-8.txt',
    'commit-older-term',
    'entries of earlier terms are committed by counting (figure 3.7)',
    'replication.ts',
    'if (index <= log.commit || log.termAt(index) !== state.term) return;',
    'if (index <= log.commit) return;',
  ),
  mutant(
    46,
    'append-without-match',
    'entries are taken in although the one before is another',
    'follower.ts',
    'if (log.termAt(prevIndex) !== prevTerm) {',
    'if (log.termAt(prevIndex) === undefined) {',
  ),
  mutant(
    4,
    'truncate-always',
    'every append cuts the log, not only one that conflicts',
    'follower.ts',
    'const news = entries.findIndex((entry) => !log.has(entry));',
    'const news = entries.length > 0 ? 0 : -1;',
  ),
  mutant(
    4,
    'heartbeat-commits-all',
    'heartbeats tell the commit index to members that may not have the log so far',
    'replication.ts',
    'const commit = Math.min(progress.match, state.log.commit);',
    'const commit = state.log.commit;',
  ),
  mutant(
    25,
    'lost-in-silence',
    'nobody is told of entries that were overwritten',
    'state.ts',
    'this.#lose(this.log.truncate(from));',
    'this.log.truncate(from);',
  ),
  mutant(
    2,
    'probe-waits-forever',
    'a probe that was lost is not repeated',
    'progress.ts',
    'this.active = true;\n    this.waiting = false;',
    'this.active = true;',
  ),
  mutant(
    192,
    'nothing-owed',
    'an append that was lost in the pipeline is not noticed by heartbeats',
    'progress.ts',
    'if (!behind) return;\n    this.owed = true;',
    'if (!behind) return;',
  ),
  // ---- Membership (4) ----
  mutant(
    16,
    'joint-commit-by-new',
    'in a joint configuration the new majority alone commits',
    'quorum.ts',
    'return Math.min(majorityIndex(voters.voters, indexOf), majorityIndex(voters.votersOutgoing, indexOf));',
    'return majorityIndex(voters.voters, indexOf);',
  ),
  mutant(
    'joint.txt',
    'joint-vote-by-new',
    'in a joint configuration the new majority alone elects',
    'quorum.ts',
    'const outgoing = majorityVote(voters.votersOutgoing, voteOf);',
    "const outgoing: VoteResult = 'won';",
  ),
  mutant(
    'change-rules.txt',
    'two-voters-at-once',
    'two voters change without a joint configuration',
    'conf-change.ts',
    'difference(current.voters, voters) > 1',
    'difference(current.voters, voters) > 2',
  ),
  mutant(
    4,
    'second-change-early',
    'a second change begins before the first is committed',
    'proposal.ts',
    'if (configurations.latestIndex > log.applied || !state.hasCommittedInTerm)',
    'if (configurations.latestIndex > log.lastIndex || !state.hasCommittedInTerm)',
  ),
  mutant(
    'change-rules.txt',
    'change-without-own-commit',
    'a new leader changes the members before it has committed in its term',
    'proposal.ts',
    'if (configurations.latestIndex > log.applied || !state.hasCommittedInTerm)',
    'if (configurations.latestIndex > log.applied)',
  ),
  mutant(
    87,
    'leave-joint-early',
    'the joint configuration is left before it is committed',
    'replication.ts',
    'if (configurations.latestIndex > log.commit) return;\n  if (isJoint(configuration)) {',
    'if (isJoint(configuration)) {',
  ),
  mutant(
    123,
    'configuration-not-taken-back',
    'a configuration stays in force although its entry was overwritten',
    'state.ts',
    'this.configurations.truncate(from);',
    '',
  ),
  mutant(
    226,
    'removed-never-stands',
    'a member does not stand for election once its log leaves it out (figure 4.6)',
    'state.ts',
    'return latestIndex > log.commit && isVoter(configurations.at(latestIndex - 1), this.id);',
    'return latestIndex < 0 && isVoter(configurations.at(latestIndex - 1), this.id);',
  ),
  // ---- Snapshots (5) and reads (6.4) ----
  mutant(
    4,
    'snapshot-without-members',
    'a snapshot does not bring its configuration',
    'state.ts',
    'this.configurations.restore(mark);',
    'this.configurations.restore({ ...mark, configuration: this.configuration });',
  ),
  mutant(
    52,
    'snapshot-sent-once',
    'a snapshot that failed leaves the member waiting for it',
    'replication.ts',
    "if (progress === undefined || progress.state !== 'snapshot') return;",
    "if (progress === undefined || progress.state !== 'snapshot' || !arrived) return;",
  ),
  mutant(
    185,
    'read-without-round',
    'reads are served without asking a quorum',
    'read-index.ts',
    'const round = quorumIndex(voters, (id) => this.#confirmed.get(id) ?? 0);',
    'const round = voters.voters.length * 0 + quorumIndex({ voters: [], votersOutgoing: [] }, () => 0);',
  ),
  mutant(
    4,
    'read-joins-round',
    'a read joins the round under way, which began before it',
    'read-index.ts',
    'this.#waiting.push(read);',
    '(this.#begun.at(-1)?.reads as WaitingRead[] ?? this.#waiting).push(read);',
  ),
  mutant(
    6,
    'read-before-own-commit',
    'a new leader serves reads before it knows what is committed',
    'replication.ts',
    'if (reads.ready && state.hasCommittedInTerm) {',
    'if (reads.ready) {',
  ),
];

const TRACES = new URL('./testdata/', import.meta.url);
const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** A copy of the code with the mutant in it, in a folder of its own that `remove` takes away. */
export async function plant(one: Omit<Mutant, 'foundBy'>): Promise<{ code: RaftCode; remove: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'watchraft-mutant-'));
  const remove = () => rmSync(folder, { recursive: true });
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const name of ['base', 'raft']) cpSync(join(SRC, name), join(folder, name), { recursive: true });
    for (const { file, from, to } of one.patches) {
      const path = join(folder, 'raft', file);
      const parts = readFileSync(path, 'utf8').split(from);
      if (parts.length !== 2) throw new Error(`${one.name}: its text is ${parts.length - 1} times in ${file}`);
      writeFileSync(path, parts.join(to));
    }
    return { code: (await import(pathToFileURL(join(folder, 'raft/index.ts')).href)) as RaftCode, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** What the walk from a seed, or a trace, finds wrong; undefined if nothing. */
export function findIn(code: RaftCode, by: number | string): string | undefined {
  try {
    if (typeof by === 'number') {
      walk(code, by, STEPS);
      return undefined;
    }
    const document = readFileSync(new URL(by, TRACES), 'utf8');
    const told = retold(document, code).split('\n');
    const wanted = document.split('\n');
    const at = wanted.findIndex((line, i) => line !== told[i]);
    return at < 0 ? undefined : `line ${at + 1} reads: ${told[at]?.trim()}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function search(only: string | undefined): Promise<void> {
  const ways = [...Array.from({ length: SEEDS_MAX }, (_, i) => i + 1), ...readdirSync(TRACES)];
  for (const one of MUTANTS.filter(({ name }) => only === undefined || only.split(',').includes(name))) {
    const { code, remove } = await plant(one);
    let finding: string | undefined;
    let by: number | string = '-';
    for (const way of ways) {
      finding = findIn(code, way);
      if (finding === undefined) continue;
      by = way;
      break;
    }
    console.log(`| ${one.name} | ${one.breaks} | ${by} | ${finding?.split('\n')[0] ?? 'nothing'} |`);
    remove();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await search(process.argv[2]);
