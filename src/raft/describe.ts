/**
 * States and messages as lines, for logs and traces. One line each, the same words as in the code, nothing that changes from run to run.
 *
 *     1>2 t2 appendEntries after 3/1 [4/2 "x"] commit 3
 *     2>1 t2 accepted 4
 */

import { type Bytes, unreachable } from '../base/index.ts';
import type { Configuration } from './configuration.ts';
import type { Entry, Position } from './entry.ts';
import type { Message, ProposeAnswer } from './message.ts';
import type { ForwardOutcome, HardState, MemberProgress, Ready, SoftState, Status } from './ready.ts';

/** Longer data is cut in a line. */
const DATA_CHARACTERS_MAX = 16;

/** index/term */
export function describePosition({ index, term }: Position): string {
  return `${index}/${term}`;
}

export function describeData(data: Bytes): string {
  const text = String.fromCharCode(...data.subarray(0, DATA_CHARACTERS_MAX));
  return `${JSON.stringify(text)}${data.length > DATA_CHARACTERS_MAX ? `+${data.length - DATA_CHARACTERS_MAX}` : ''}`;
}

/** voters (1 2 3)&&(1 2) learners (4) next (3) auto */
export function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  let line = `voters (${voters.join(' ')})`;
  if (votersOutgoing.length > 0) line += `&&(${votersOutgoing.join(' ')})`;
  if (learners.length > 0) line += ` learners (${learners.join(' ')})`;
  if (learnersNext.length > 0) line += ` next (${learnersNext.join(' ')})`;
  return autoLeave ? `${line} auto` : line;
}

export function describeEntry(entry: Entry): string {
  const position = describePosition(entry);
  if (entry.kind === 'configuration') return `${position} ${describeConfiguration(entry.configuration)}`;
  return entry.data.length === 0 ? `${position} -` : `${position} ${describeData(entry.data)}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(describeEntry).join(', ')}]`;
}

export function describeAnswer(answer: ProposeAnswer | ForwardOutcome['answer']): string {
  switch (answer.kind) {
    case 'appended':
      return `appended at ${describePosition(answer)}`;
    case 'refused':
      return `refused: ${answer.reason}`;
    case 'unknown':
      return 'unknown';
    default:
      return unreachable(answer);
  }
}

export function describeMessage(message: Message): string {
  return `${message.from}>${message.to} t${message.term} ${describeBody(message)}`;
}

function describeBody(message: Message): string {
  switch (message.kind) {
    case 'requestVote':
    case 'requestPreVote': {
      const last = describePosition({ index: message.lastIndex, term: message.lastTerm });
      return `${message.kind} last ${last}${message.transfer ? ' transfer' : ''}`;
    }
    case 'requestVoteResponse':
    case 'requestPreVoteResponse':
      return `${message.kind} ${message.granted ? 'granted' : 'refused'}`;
    case 'appendEntries': {
      const previous = describePosition({ index: message.prevIndex, term: message.prevTerm });
      return `appendEntries after ${previous} ${describeEntries(message.entries)} commit ${message.commit}${message.quiet ? ' quiet' : ''}`;
    }
    case 'appendEntriesAccepted':
      return `accepted ${message.index}`;
    case 'appendEntriesRejected': {
      const agree = describePosition({ index: message.agreeIndex, term: message.agreeTerm });
      return `rejected ${message.prevIndex}, may agree at ${agree}`;
    }
    case 'heartbeat':
      return `heartbeat commit ${message.commit}${describeRound(message.round)}`;
    case 'heartbeatResponse':
      return `heartbeatResponse${describeRound(message.round)}`;
    case 'installSnapshot': {
      const { snapshot } = message;
      return `installSnapshot ${describePosition(snapshot)} ${describeConfiguration(snapshot.configuration)}`;
    }
    case 'timeoutNow':
      return 'timeoutNow';
    case 'transferLeadership':
      return `transferLeadership to ${message.target}`;
    case 'propose': {
      const what = message.proposals.map(({ kind, data }) => (kind === 'normal' ? describeData(data) : kind));
      return `propose [${what.join(', ')}]`;
    }
    case 'proposeResponse':
      return `proposeResponse ${describeAnswer(message.answer)}`;
    case 'readIndex':
      return 'readIndex';
    case 'readIndexResponse':
      return `readIndexResponse ${message.index ?? 'refused'}`;
    default:
      return unreachable(message);
  }
}

function describeRound(round: number): string {
  return round === 0 ? '' : ` round ${round}`;
}

export function describeHardState({ term, vote, commit }: HardState): string {
  return `term ${term} vote ${vote ?? '-'} commit ${commit}`;
}

export function describeSoftState({ role, term, leader }: SoftState): string {
  return `${role} in term ${term}, leader ${leader ?? '-'}`;
}

/** What a Ready holds but its messages, a line for each thing. Tickets are left out: they differ from run to run. */
export function describeReady(ready: Ready): string[] {
  const lines: string[] = [];
  if (ready.softState !== undefined) lines.push(describeSoftState(ready.softState));
  if (ready.write !== undefined) {
    const { number, snapshot, entries, hardState } = ready.write;
    const parts: string[] = [];
    if (snapshot !== undefined) parts.push(`snapshot ${describePosition(snapshot)}`);
    if (entries.length > 0) parts.push(`entries ${describeEntries(entries)}`);
    if (hardState !== undefined) parts.push(describeHardState(hardState));
    lines.push(`write ${number}: ${parts.join('; ')}`);
  }
  if (ready.lost.length > 0) lines.push(`lost ${ready.lost.map(describePosition).join(' ')}`);
  if (ready.snapshot !== undefined) lines.push(`install snapshot ${describePosition(ready.snapshot)}`);
  if (ready.committed.length > 0) lines.push(`committed ${describeEntries(ready.committed)}`);
  for (const { index } of ready.reads) lines.push(index === undefined ? 'read refused' : `read at ${index}`);
  for (const { answer } of ready.proposals) lines.push(`forwarded proposal ${describeAnswer(answer)}`);
  return lines;
}

export function describeProgress(progress: MemberProgress): string {
  const { id, state, match, next, active, inflightMessages } = progress;
  const inflight = inflightMessages > 0 ? ` inflight ${inflightMessages}` : '';
  return `${id}: ${state} match ${match} next ${next}${inflight}${active ? '' : ' silent'}`;
}

/** One line for the member, and one for each of those it leads. */
export function describeStatus(status: Status): string[] {
  const { id, role, term, vote, leader, offset, applied, commit, stable, lastIndex, configuration } = status;
  const transfer = status.transferee === undefined ? '' : `, handing over to ${status.transferee}`;
  return [
    `${id} ${role} in term ${term}, vote ${vote ?? '-'}, leader ${leader ?? '-'}${transfer}; ` +
      `log ${offset}..${lastIndex}, stable ${stable}, commit ${commit}, applied ${applied}; ${describeConfiguration(configuration)}`,
    ...status.progress.filter((one) => one.id !== id).map((one) => `  ${describeProgress(one)}`),
  ];
}
