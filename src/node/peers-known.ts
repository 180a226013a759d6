/**
 * Who the other members are and where they are reached, for the transport. A member that is being added must be reached before its addition is
 * committed (its own acknowledgement may be needed for that), so additions count from the moment they are in the log.
 */

import { raftId } from '../codec/index.ts';
import { decodeMembershipChange, type Membership } from '../machine/index.ts';
import type { PeerTransport } from '../peer/index.ts';
import type { Entry } from '../raft/index.ts';

export class PeersKnown {
  readonly #transport: PeerTransport;
  readonly #self: bigint;
  readonly #membership: () => Membership;
  /** Added by entries that are in the log and not applied yet. */
  readonly #coming = new Map<bigint, readonly string[]>();

  constructor(transport: PeerTransport, self: bigint, membership: () => Membership) {
    this.#transport = transport;
    this.#self = self;
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
    this.tell();
  }

  tell(): void {
    const urls = new Map(this.#coming);
    for (const { id, peerUrls } of this.#membership().list()) urls.set(id, peerUrls);
    urls.delete(this.#self);
    this.#transport.setPeers(Array.from(urls, ([id, peerUrls]) => ({ id: raftId(id), urls: peerUrls })));
  }
}
