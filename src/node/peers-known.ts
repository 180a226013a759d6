/**
 * Who the other members are and where they are reached, for the transport. A member that is being added must be reached before its addition is
 * committed (its own acknowledgement may be needed for that), so additions count from the moment they are in the log.
 *
 * A member that was away may be spoken to by one that was added meanwhile, and even be led by it: it answers where that says it is reached, until
 * its own log has told.
 */

import { memberIdOf, raftId } from '../codec/index.ts';
import { decodeMembershipChange, type Membership } from '../machine/index.ts';
import type { PeerAddress, PeerTransport } from '../peer/index.ts';
import type { Entry } from '../raft/index.ts';

/** Strangers that are remembered: more are not added while one is away. */
const STRANGERS_MAX = 16;

export interface PeersKnownOptions {
  readonly transport: PeerTransport;
  readonly identity: { readonly memberId: bigint };
  /** Whom this member can reach before its own log tells. */
  readonly peers: readonly PeerAddress[];
}

export class PeersKnown {
  readonly #transport: PeerTransport;
  readonly #self: bigint;
  readonly #membership: () => Membership;
  readonly #first: readonly PeerAddress[];
  /** Added by entries that are in the log and not applied yet. */
  readonly #coming = new Map<bigint, readonly string[]>();
  /** Who has spoken to this member, and is not in its log. */
  readonly #strangers = new Map<bigint, readonly string[]>();

  constructor(own: PeersKnownOptions, membership: () => Membership) {
    this.#transport = own.transport;
    this.#self = own.identity.memberId;
    this.#first = own.peers;
    this.#membership = membership;
  }

  /** These are in the log now, or were when this member started. */
  logged(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind !== 'configuration') continue;
      for (const { id, peerUrls } of decodeMembershipChange(entry.data).added) this.#coming.set(id, peerUrls);
    }
    this.tell();
  }

  /** The membership is another now. */
  changed(): void {
    for (const id of this.#coming.keys()) if (this.#membership().get(id) !== undefined) this.#coming.delete(id);
    for (const id of this.#strangers.keys()) if (this.#isTold(id)) this.#strangers.delete(id);
    this.tell();
  }

  /** Somebody of this cluster speaks to this member. */
  met(peer: PeerAddress): void {
    const id = memberIdOf(peer.id);
    if (this.#strangers.has(id) || this.#isTold(id) || this.#strangers.size >= STRANGERS_MAX) return;
    this.#strangers.set(id, peer.urls);
    this.tell();
  }

  /** Whether the log has told of this member: that it is one, that it will be, or that it was. */
  #isTold(id: bigint): boolean {
    const membership = this.#membership();
    return membership.get(id) !== undefined || membership.wasRemoved(id) || this.#coming.has(id);
  }

  tell(): void {
    const members = this.#membership().list();
    // Those asked at the start count until the log has told.
    const urls = new Map(members.length === 0 ? this.#first.map((peer) => [peer.id, peer.urls]) : []);
    for (const [id, peerUrls] of this.#strangers) urls.set(raftId(id), peerUrls);
    for (const [id, peerUrls] of this.#coming) urls.set(raftId(id), peerUrls);
    for (const { id, peerUrls } of members) urls.set(raftId(id), peerUrls);
    urls.delete(raftId(this.#self));
    this.#transport.setPeers(Array.from(urls, ([id, peerUrls]) => ({ id, urls: peerUrls })));
  }
}
