/**
 * Raft's configurations and entries, to and from what the log keeps.
 *
 * A configuration is a raftpb.ConfState. A configuration entry is an entry of type EntryConfChangeV2 whose data is
 *
 *     1 conf_state   the configuration that counts from this entry on
 *     2 data         what belongs to the owner: who was added, by which name and at which addresses
 *
 * (etcd logs the change and not its outcome. With the outcome in the entry, a member knows who has a vote without having
 * applied anything.)
 */

import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import type { Configuration, MemberId, Entry as RaftEntry, HardState as RaftHardState } from '../raft/index.ts';
import { ProtocolError, ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';
import type { Entry, HardState } from './raft-entry.ts';

/** A member's id as Raft has it, from the 64-bit number of the API. */
export function raftId(id: bigint): MemberId {
  return BigInt.asUintN(64, id).toString(16);
}

/** The last one asked for: whoever leads or is voted for is asked for with every write, and making a bigint of a text is slow. */
let idLast: { readonly name: MemberId; readonly id: bigint } = { name: '0', id: 0n };

/** The 64-bit number of the API. */
export function memberIdOf(name: MemberId): bigint {
  if (idLast.name !== name) idLast = { name, id: BigInt(`0x${name}`) };
  return idLast.id;
}

const CONF_STATE = { voters: 1, learners: 2, votersOutgoing: 3, learnersNext: 4 } as const;
const AUTO_LEAVE = 5;

/** The lists from the last field to the first: the writer goes backwards. */
const LISTS = ['learnersNext', 'votersOutgoing', 'learners', 'voters'] as const;

export function encodeConfiguration(configuration: Configuration): Bytes {
  const writer = new ProtoWriter();
  writer.boolField(AUTO_LEAVE, configuration.autoLeave);
  for (const list of LISTS) {
    for (const id of configuration[list].toReversed()) writer.bigintField(CONF_STATE[list], memberIdOf(id));
  }
  return joined(writer.finish());
}

/** Throws ProtocolError for bytes that are no ConfState. */
export function decodeConfiguration(bytes: Bytes): Configuration {
  const ids = { voters: [], learners: [], votersOutgoing: [], learnersNext: [] } as Record<
    keyof typeof CONF_STATE,
    MemberId[]
  >;
  let autoLeave = false;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    const list = LISTS.find((name) => CONF_STATE[name] === reader.field);
    if (list !== undefined) ids[list].push(raftId(reader.uint64()));
    else if (reader.field === AUTO_LEAVE) autoLeave = reader.bool();
    else reader.skip();
  }
  return { ...ids, autoLeave };
}

/** The entry as the log keeps it. */
export function storedEntry(entry: RaftEntry): Entry {
  const { index, term } = entry;
  if (entry.kind === 'normal') return { type: 'normal', index, term, data: entry.data };
  const writer = new ProtoWriter();
  writer.bytesField(2, entry.data);
  writer.bytesField(1, encodeConfiguration(entry.configuration));
  return { type: 'confChangeV2', index, term, data: joined(writer.finish()) };
}

/** The entry as Raft has it. Throws ProtocolError for one that we did not write. */
export function raftEntry({ type, index, term, data }: Entry): RaftEntry {
  if (type === 'normal') return { kind: 'normal', index, term, data };
  if (type === 'confChange') throw new ProtocolError(`entry ${index} is a change of membership in etcd's own encoding`);
  let configuration: Configuration | undefined;
  let owned: Bytes = EMPTY_BYTES;
  const reader = new ProtoReader(data);
  while (reader.next()) {
    if (reader.field === 1) configuration = decodeConfiguration(reader.bytes());
    else if (reader.field === 2) owned = reader.bytes();
    else reader.skip();
  }
  if (configuration === undefined) throw new ProtocolError(`entry ${index} changes the membership to nothing`);
  return { kind: 'configuration', index, term, configuration, data: owned };
}

export function storedHardState({ term, vote, commit }: RaftHardState): HardState {
  return { term, vote: vote === undefined ? 0n : memberIdOf(vote), commit };
}

export function raftHardState({ term, vote, commit }: HardState): RaftHardState {
  return { term, vote: vote === 0n ? undefined : raftId(vote), commit };
}
