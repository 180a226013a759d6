/**
 * Raft's messages as members send them: RaftMessage of proto/peer.proto. One flat message for all kinds; which fields a kind has stands in
 * the two switches below and nowhere else.
 */

import { type Bytes, EMPTY_BYTES, unreachable } from '../base/index.ts';
import type {
  ConfigurationChange,
  Entry,
  Message,
  MessageBody,
  Proposal,
  ProposeAnswer,
  Refusal,
} from '../raft/index.ts';
import {
  decodeConfiguration,
  encodeConfiguration,
  memberIdOf,
  raftEntry,
  raftId,
  storedEntry,
} from './configuration.ts';
import { ProtocolError, ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';
import type { EntryType } from './raft-entry.ts';

/** By number, from 1. */
const KINDS: readonly MessageBody['kind'][] = [
  'requestVote',
  'requestPreVote',
  'requestVoteResponse',
  'requestPreVoteResponse',
  'appendEntries',
  'appendEntriesAccepted',
  'appendEntriesRejected',
  'heartbeat',
  'heartbeatResponse',
  'installSnapshot',
  'timeoutNow',
  'transferLeadership',
  'propose',
  'proposeResponse',
  'readIndex',
  'readIndexResponse',
];
const ENTRY_TYPES: readonly EntryType[] = ['normal', 'confChange', 'confChangeV2'];
const CHANGE_KINDS: readonly ConfigurationChange['kind'][] = ['change', 'enterJoint', 'leaveJoint'];
const MEMBER_CHANGE_KINDS = ['addVoter', 'addLearner', 'remove'] as const;

const FIELD = {
  kind: 1,
  from: 2,
  to: 3,
  term: 4,
  index: 5,
  indexTerm: 6,
  commit: 7,
  round: 8,
  ticket: 9,
  flag: 10,
  agreeIndex: 11,
  agreeTerm: 12,
  target: 13,
  entries: 14,
  confState: 15,
  proposals: 16,
  refusal: 17,
} as const;

/** Every field, as read; absent ones are zero or empty. */
interface Fields {
  kind: number;
  from: string;
  to: string;
  term: number;
  index: number;
  indexTerm: number;
  commit: number;
  round: number;
  ticket: number;
  flag: boolean;
  agreeIndex: number;
  agreeTerm: number;
  target: string;
  entries: Entry[];
  confState: Bytes | undefined;
  proposals: Proposal[];
  refusal: string;
}

export function encodeRaftMessage(message: Message): Bytes {
  const writer = new ProtoWriter();
  writeBody(writer, message);
  writer.numberField(FIELD.term, message.term);
  writer.bigintField(FIELD.to, memberIdOf(message.to));
  writer.bigintField(FIELD.from, memberIdOf(message.from));
  writer.numberField(FIELD.kind, KINDS.indexOf(message.kind) + 1);
  return joined(writer.finish());
}

/** From the last field to the first. */
function writeBody(writer: ProtoWriter, message: Message): void {
  switch (message.kind) {
    case 'requestVote':
    case 'requestPreVote':
      writer.boolField(FIELD.flag, message.transfer);
      writer.numberField(FIELD.indexTerm, message.lastTerm);
      writer.numberField(FIELD.index, message.lastIndex);
      return;
    case 'requestVoteResponse':
    case 'requestPreVoteResponse':
      writer.boolField(FIELD.flag, message.granted);
      return;
    case 'appendEntries':
      for (const entry of message.entries.toReversed()) writeEntry(writer, entry);
      writer.boolField(FIELD.flag, message.quiet);
      writer.numberField(FIELD.commit, message.commit);
      writer.numberField(FIELD.indexTerm, message.prevTerm);
      writer.numberField(FIELD.index, message.prevIndex);
      return;
    case 'appendEntriesAccepted':
      writer.numberField(FIELD.index, message.index);
      return;
    case 'appendEntriesRejected':
      writer.numberField(FIELD.agreeTerm, message.agreeTerm);
      writer.numberField(FIELD.agreeIndex, message.agreeIndex);
      writer.numberField(FIELD.index, message.prevIndex);
      return;
    case 'heartbeat':
      writer.numberField(FIELD.round, message.round);
      writer.numberField(FIELD.commit, message.commit);
      return;
    case 'heartbeatResponse':
      writer.numberField(FIELD.round, message.round);
      return;
    case 'installSnapshot':
      writer.bytesField(FIELD.confState, encodeConfiguration(message.snapshot.configuration));
      writer.numberField(FIELD.indexTerm, message.snapshot.term);
      writer.numberField(FIELD.index, message.snapshot.index);
      return;
    case 'timeoutNow':
      return;
    case 'transferLeadership':
      writer.bigintField(FIELD.target, memberIdOf(message.target));
      return;
    case 'propose':
      for (const proposal of message.proposals.toReversed()) writeProposal(writer, proposal);
      writer.numberField(FIELD.ticket, message.ticket);
      return;
    case 'proposeResponse':
      writeAnswer(writer, message.answer);
      writer.numberField(FIELD.ticket, message.ticket);
      return;
    case 'readIndex':
      writer.numberField(FIELD.ticket, message.ticket);
      return;
    case 'readIndexResponse':
      writer.boolField(FIELD.flag, message.index !== undefined);
      writer.numberField(FIELD.ticket, message.ticket);
      writer.numberField(FIELD.index, message.index ?? 0);
      return;
    default:
      return unreachable(message);
  }
}

/** Throws ProtocolError for bytes that are no message of ours. */
export function decodeRaftMessage(bytes: Bytes): Message {
  const fields = readFields(bytes);
  const { from, to, term } = fields;
  if (from === '' || to === '') throw new ProtocolError('a Raft message from or to nobody');
  return { from, to, term, ...bodyOf(fields) };
}

function bodyOf(fields: Fields): MessageBody {
  const { index, indexTerm, commit, round, ticket, flag, agreeIndex, agreeTerm, target, entries, proposals } = fields;
  const kind = KINDS[fields.kind - 1];
  switch (kind) {
    case 'requestVote':
    case 'requestPreVote':
      return { kind, lastIndex: index, lastTerm: indexTerm, transfer: flag };
    case 'requestVoteResponse':
    case 'requestPreVoteResponse':
      return { kind, granted: flag };
    case 'appendEntries':
      return { kind, prevIndex: index, prevTerm: indexTerm, entries, commit, quiet: flag };
    case 'appendEntriesAccepted':
      return { kind, index };
    case 'appendEntriesRejected':
      return { kind, prevIndex: index, agreeIndex, agreeTerm };
    case 'heartbeat':
      return { kind, commit, round };
    case 'heartbeatResponse':
      return { kind, round };
    case 'installSnapshot': {
      if (fields.confState === undefined) throw new ProtocolError('a snapshot without a configuration');
      return { kind, snapshot: { index, term: indexTerm, configuration: decodeConfiguration(fields.confState) } };
    }
    case 'timeoutNow':
      return { kind };
    case 'transferLeadership':
      return { kind, target };
    case 'propose':
      return { kind, ticket, proposals };
    case 'proposeResponse':
      return { kind, ticket, answer: answerOf(fields) };
    case 'readIndex':
      return { kind, ticket };
    case 'readIndexResponse':
      return { kind, ticket, index: flag ? index : undefined };
    case undefined:
      throw new ProtocolError(`a Raft message of kind ${fields.kind}`);
    default:
      return unreachable(kind);
  }
}

function readFields(bytes: Bytes): Fields {
  const fields: Fields = {
    kind: 0,
    from: '',
    to: '',
    term: 0,
    index: 0,
    indexTerm: 0,
    commit: 0,
    round: 0,
    ticket: 0,
    flag: false,
    agreeIndex: 0,
    agreeTerm: 0,
    target: '',
    entries: [],
    confState: undefined,
    proposals: [],
    refusal: '',
  };
  const reader = new ProtoReader(bytes);
  while (reader.next()) readField(reader, fields);
  return fields;
}

const NUMBERS: ReadonlyMap<
  number,
  'kind' | 'term' | 'index' | 'indexTerm' | 'commit' | 'round' | 'ticket' | 'agreeIndex' | 'agreeTerm'
> = new Map([
  [FIELD.kind, 'kind'],
  [FIELD.term, 'term'],
  [FIELD.index, 'index'],
  [FIELD.indexTerm, 'indexTerm'],
  [FIELD.commit, 'commit'],
  [FIELD.round, 'round'],
  [FIELD.ticket, 'ticket'],
  [FIELD.agreeIndex, 'agreeIndex'],
  [FIELD.agreeTerm, 'agreeTerm'],
]);

function readField(reader: ProtoReader, fields: Fields): void {
  const name = NUMBERS.get(reader.field);
  if (name !== undefined) {
    fields[name] = reader.number();
    return;
  }
  switch (reader.field) {
    case FIELD.from:
      fields.from = raftId(reader.uint64());
      return;
    case FIELD.to:
      fields.to = raftId(reader.uint64());
      return;
    case FIELD.target:
      fields.target = raftId(reader.uint64());
      return;
    case FIELD.flag:
      fields.flag = reader.bool();
      return;
    case FIELD.entries:
      fields.entries.push(readEntry(reader.bytes()));
      return;
    case FIELD.confState:
      fields.confState = reader.bytes();
      return;
    case FIELD.proposals:
      fields.proposals.push(readProposal(reader.bytes()));
      return;
    case FIELD.refusal:
      fields.refusal = reader.text();
      return;
    default:
      reader.skip();
  }
}

/** raftpb.Entry, as the log keeps it. */
function writeEntry(writer: ProtoWriter, entry: Entry): void {
  const { type, term, index, data } = storedEntry(entry);
  const end = writer.length;
  if (data.length > 0) writer.bytesField(4, data);
  writer.numberField(3, index);
  writer.numberField(2, term);
  writer.numberField(1, ENTRY_TYPES.indexOf(type));
  writer.messageField(FIELD.entries, end);
}

function readEntry(bytes: Bytes): Entry {
  let type = 0;
  let term = 0;
  let index = 0;
  let data = EMPTY_BYTES;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) type = reader.number();
    else if (reader.field === 2) term = reader.number();
    else if (reader.field === 3) index = reader.number();
    // Copied: the log keeps entries, and must not keep the frame that they came in.
    else if (reader.field === 4) data = Uint8Array.from(reader.bytes());
    else reader.skip();
  }
  const known = ENTRY_TYPES[type];
  if (known === undefined) throw new ProtocolError(`an entry of type ${type}`);
  return raftEntry({ type: known, term, index, data });
}

function writeProposal(writer: ProtoWriter, proposal: Proposal): void {
  const end = writer.length;
  if (proposal.kind === 'configuration') {
    const { change } = proposal;
    const changeEnd = writer.length;
    if (change.kind !== 'leaveJoint') {
      for (const { kind, id } of change.changes.toReversed()) {
        const memberEnd = writer.length;
        writer.bigintField(2, memberIdOf(id));
        writer.numberField(1, MEMBER_CHANGE_KINDS.indexOf(kind) + 1);
        writer.messageField(2, memberEnd);
      }
    }
    writer.numberField(1, CHANGE_KINDS.indexOf(change.kind) + 1);
    writer.messageField(2, changeEnd);
  }
  writer.bytesField(1, proposal.data);
  writer.messageField(FIELD.proposals, end);
}

function readProposal(bytes: Bytes): Proposal {
  let data = EMPTY_BYTES;
  let change: ConfigurationChange | undefined;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) data = Uint8Array.from(reader.bytes());
    else if (reader.field === 2) change = readChange(reader.bytes());
    else reader.skip();
  }
  return change === undefined ? { kind: 'normal', data } : { kind: 'configuration', change, data };
}

function readChange(bytes: Bytes): ConfigurationChange {
  let kind = 0;
  const changes: { kind: (typeof MEMBER_CHANGE_KINDS)[number]; id: string }[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) kind = reader.number();
    else if (reader.field === 2) changes.push(readMemberChange(reader.bytes()));
    else reader.skip();
  }
  const known = CHANGE_KINDS[kind - 1];
  if (known === undefined) throw new ProtocolError(`a change of configuration of kind ${kind}`);
  return known === 'leaveJoint' ? { kind: known } : { kind: known, changes };
}

function readMemberChange(bytes: Bytes): { kind: (typeof MEMBER_CHANGE_KINDS)[number]; id: string } {
  let kind = 0;
  let id = 0n;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) kind = reader.number();
    else if (reader.field === 2) id = reader.uint64();
    else reader.skip();
  }
  const known = MEMBER_CHANGE_KINDS[kind - 1];
  if (known === undefined) throw new ProtocolError(`a change of a member of kind ${kind}`);
  return { kind: known, id: raftId(id) };
}

function writeAnswer(writer: ProtoWriter, answer: ProposeAnswer): void {
  if (answer.kind === 'refused') {
    writer.bytesField(FIELD.refusal, Buffer.from(answer.reason, 'utf8'));
    return;
  }
  writer.numberField(FIELD.indexTerm, answer.term);
  writer.numberField(FIELD.index, answer.index);
}

const REFUSALS: ReadonlySet<string> = new Set<Refusal>([
  'noLeader',
  'transferring',
  'tooManyUncommitted',
  'tooManyForwarded',
  'changePending',
  'notJoint',
  'noVoters',
  'noChange',
  'learnerBehind',
  'invalidChange',
]);

function isRefusal(text: string): text is Refusal {
  return REFUSALS.has(text);
}

function answerOf({ refusal, index, indexTerm }: Fields): ProposeAnswer {
  if (refusal === '') return { kind: 'appended', index, term: indexTerm };
  // A reason that only a newer version knows is a refusal all the same.
  return { kind: 'refused', reason: isRefusal(refusal) ? refusal : 'noLeader' };
}
