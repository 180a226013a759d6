/**
 * How members find out that they should not be talking: the first thing said on each stream names the cluster, who speaks
 * and to whom, and the version of the protocol.
 *
 *     member 1 of cluster a, started anew with another --initial-cluster, becomes member 7 of cluster b:
 *     hello { cluster a, from 2, to 1, protocol 1 }   ->   FailedPrecondition: this is member 7 of cluster b, ...
 *
 * Without this, a member that was set up wrongly could vote in a cluster that is not its own.
 */

import { memberIdOf, type PeerHello, raftId } from '../codec/index.ts';
import type { MemberId, Message } from '../raft/index.ts';

export const PEER_PROTOCOL = 1;

export const MESSAGES_METHOD = '/watchraftpb.Peer/Messages';
export const SNAPSHOT_METHOD = '/watchraftpb.Peer/Snapshot';
export const STATE_METHOD = '/watchraftpb.Peer/State';
export const MEMBERS_METHOD = '/watchraftpb.Peer/Members';
export const ASK_METHOD = '/watchraftpb.Peer/Ask';

/** Who this member is. */
export interface Identity {
  readonly clusterId: bigint;
  readonly memberId: MemberId;
  /** Where it is reached. */
  readonly urls?: readonly string[];
}

export function helloTo(to: MemberId, { clusterId, memberId, urls = [] }: Identity): PeerHello {
  return { clusterId, from: memberIdOf(memberId), to: memberIdOf(to), protocol: PEER_PROTOCOL, urls };
}

/** Why this is no hello for us; undefined if it is one. */
export function helloProblem(hello: PeerHello, { clusterId, memberId }: Identity): string | undefined {
  const { protocol } = hello;
  if (protocol !== PEER_PROTOCOL) return `peer protocol ${protocol} is not known here, only ${PEER_PROTOCOL}`;
  if (hello.clusterId !== clusterId) {
    return `cluster ID mismatch: this is a member of cluster ${raftId(clusterId)}, not of ${raftId(hello.clusterId)}`;
  }
  if (hello.to !== memberIdOf(memberId)) return `this is member ${memberId}, not ${raftId(hello.to)}`;
  if (hello.from === hello.to || hello.from === 0n) return 'a member with the ID of another';
  return undefined;
}

/** Why this message does not belong on a stream from `from`; undefined if it does. */
export function envelopeProblem(message: Message, from: MemberId, to: MemberId): string | undefined {
  if (message.from === from && message.to === to) return undefined;
  return `a message from ${message.from} to ${message.to} on the stream from ${from} to ${to}`;
}
