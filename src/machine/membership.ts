/**
 * Who is in the cluster, by names and addresses. Who has a vote is Raft's business, in its configurations; this is what goes along
 * with them: it is applied from the log like everything else, and is the same on every member.
 *
 *     configuration entry { added: [n4, no name yet] }  ->  n4 is known by its peer URLs
 *     attributes { n4, name, client URLs }              ->  n4 has started, and says how clients reach it
 *     configuration entry { removed: [n2] }             ->  n2 is gone, and its id never comes back
 *
 * Changes and the whole are written as JSON, as etcd writes its members: they are few, and rarely read.
 */

import { type Bytes, decodeJson, encodeJson } from '../base/index.ts';

export interface ClusterMember {
  readonly id: bigint;
  /** Empty until the member has started once. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** What travels with a change of configuration. */
export interface MembershipChange {
  /** Names the proposal, for the member that made it. 0: nobody waits for it. */
  readonly proposal: number;
  readonly added: readonly ClusterMember[];
  readonly removed: readonly bigint[];
}

export interface MembershipSnapshot {
  readonly members: readonly ClusterMember[];
  readonly removed: readonly bigint[];
}

/** Everything known of members past and present. Changed only by apply. */
export class Membership {
  readonly #members = new Map<bigint, ClusterMember>();
  readonly #removed = new Set<bigint>();

  constructor(snapshot: MembershipSnapshot = { members: [], removed: [] }) {
    for (const member of snapshot.members) this.#members.set(member.id, member);
    for (const id of snapshot.removed) this.#removed.add(id);
  }

  /** In order of id. */
  list(): readonly ClusterMember[] {
    return [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: bigint): ClusterMember | undefined {
    return this.#members.get(id);
  }

  wasRemoved(id: bigint): boolean {
    return this.#removed.has(id);
  }

  change({ added, removed }: MembershipChange): void {
    for (const id of removed) {
      this.#members.delete(id);
      this.#removed.add(id);
    }
    for (const member of added) {
      // A promotion brings no news of name and addresses: what the member has said of itself stays.
      const known = this.#members.get(member.id);
      this.#members.set(member.id, known === undefined ? member : { ...known, isLearner: member.isLearner });
    }
  }

  /** What a member says of itself when it starts. Of one that is no member (any more) nothing is kept. */
  setAttributes(id: bigint, name: string, clientUrls: readonly string[]): void {
    this.#update(id, { name, clientUrls });
  }

  setPeerUrls(id: bigint, peerUrls: readonly string[]): void {
    this.#update(id, { peerUrls });
  }

  snapshot(): MembershipSnapshot {
    return { members: this.list(), removed: [...this.#removed].sort((a, b) => (a < b ? -1 : 1)) };
  }

  #update(id: bigint, news: Partial<ClusterMember>): void {
    const member = this.#members.get(id);
    if (member !== undefined) this.#members.set(id, { ...member, ...news });
  }
}

/** A change as the data of a configuration entry. */
export function encodeMembershipChange(change: MembershipChange): Bytes {
  return encodeJson(change);
}

/** No bytes at all: Raft itself has left a joint configuration, and nobody comes or goes. */
export function decodeMembershipChange(bytes: Bytes): MembershipChange {
  if (bytes.length === 0) return { proposal: 0, added: [], removed: [] };
  const { proposal, added, removed } = decodeJson(bytes) as { proposal: number; added: Json[]; removed: string[] };
  return { proposal, added: added.map(memberFrom), removed: removed.map(BigInt) };
}

/** All of it, for the machine's state on disk. */
export function encodeMembership(snapshot: MembershipSnapshot): Bytes {
  return encodeJson(snapshot);
}

export function decodeMembership(bytes: Bytes): MembershipSnapshot {
  const { members, removed } = decodeJson(bytes) as { members: Json[]; removed: string[] };
  return { members: members.map(memberFrom), removed: removed.map(BigInt) };
}

/** A member with its id in decimal digits: JSON has no number that could hold it. */
type Json = Omit<ClusterMember, 'id'> & { readonly id: string };

const memberFrom = ({ id, ...member }: Json): ClusterMember => ({ id: BigInt(id), ...member });
