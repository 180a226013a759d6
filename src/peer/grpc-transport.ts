/**
 * The transport over the network: to each peer a stream of frames that lives as long as it can (PeerLink), and for each snapshot
 * a stream of its own (SnapshotUpload). What comes in from peers arrives elsewhere: at the server of the peer port (peer-service.ts).
 *
 *     send send send | end of the turn: one frame to each peer
 */

import { assert, type Clock, type Logger, type Prng } from '../base/index.ts';
import { encodeRaftMessage } from '../codec/index.ts';
import type { MemberId, Message, MessageOf } from '../raft/index.ts';
import { helloTo, type Identity } from './hello.ts';
import { PEER_MESSAGE_BYTES_MAX, SNAPSHOTS_SENT_AT_ONCE_MAX } from './limits.ts';
import type { PeerObserver } from './observer.ts';
import { PeerLink } from './peer-link.ts';
import { SnapshotUpload } from './snapshot-upload.ts';
import type { OutgoingSnapshot, PeerAddress, PeerTransport } from './transport.ts';

export interface GrpcPeersOptions {
  readonly clusterId: bigint;
  /** This member. */
  readonly memberId: MemberId;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly observer: PeerObserver;
}

/** Large, and sent again by Raft if it is lost; or, a proposal, given up by the member that made it. All else is urgent. */
const BULK: ReadonlySet<Message['kind']> = new Set(['appendEntries', 'propose']);

export class GrpcPeers implements PeerTransport {
  readonly #options: GrpcPeersOptions;
  readonly #identity: Identity;
  readonly #logger: Logger;
  readonly #links = new Map<MemberId, PeerLink>();
  readonly #uploads = new Set<SnapshotUpload>();
  /** Links of peers that are no more, on their way out. */
  readonly #leaving = new Set<Promise<void>>();
  #flushAsked = false;
  #closed = false;

  constructor(options: GrpcPeersOptions) {
    this.#options = options;
    this.#identity = { clusterId: options.clusterId, memberId: options.memberId };
    this.#logger = options.logger.named('peer');
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (this.#closed) return;
    const staying = new Map(peers.filter(({ id }) => id !== this.#identity.memberId).map((peer) => [peer.id, peer]));
    for (const [id, link] of this.#links) if (!staying.has(id)) this.#remove(id, link);
    for (const { id, urls } of staying.values()) {
      const link = this.#links.get(id);
      if (link === undefined) this.#links.set(id, this.#link(id, urls));
      else link.setUrls(urls);
    }
  }

  send(messages: readonly Message[]): void {
    if (this.#closed) return;
    for (const message of messages) this.#push(message);
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    this.#options.clock.after(0, () => {
      this.#flushAsked = false;
      for (const link of this.#links.values()) link.flush();
    });
  }

  async sendSnapshot(message: MessageOf<'installSnapshot'>, snapshot: OutgoingSnapshot): Promise<void> {
    try {
      await this.#upload(message, snapshot);
    } finally {
      snapshot.close();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const upload of this.#uploads) upload.cut('the member is stopping');
    for (const [id, link] of this.#links) this.#remove(id, link);
    await Promise.all(this.#leaving);
  }

  // ---- within ----

  #link(peer: MemberId, urls: readonly string[]): PeerLink {
    const { clock, prng, observer } = this.#options;
    return new PeerLink({ identity: this.#identity, peer, urls, clock, prng, observer, logger: this.#logger });
  }

  #remove(id: MemberId, link: PeerLink): void {
    this.#links.delete(id);
    const left = link.close().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  #push(message: Message): void {
    assert(message.kind !== 'installSnapshot', 'a snapshot travels with its state, by sendSnapshot');
    const link = this.#links.get(message.to);
    if (link === undefined) return;
    const bytes = encodeRaftMessage(message);
    if (bytes.length <= PEER_MESSAGE_BYTES_MAX) {
      link.push(bytes, !BULK.has(message.kind));
      return;
    }
    this.#options.observer.sendFailed(message.to, 1);
    const { kind, to } = message;
    this.#logger.error('a message is too large to be sent', { kind, peer: to, bytes: bytes.length });
  }

  async #upload(message: MessageOf<'installSnapshot'>, { chunks }: OutgoingSnapshot): Promise<void> {
    const { clock, observer } = this.#options;
    const { to } = message;
    const url = this.#links.get(to)?.url;
    if (url === undefined) throw new Error(`no peer ${to} to send a snapshot to`);
    if (this.#uploads.size >= SNAPSHOTS_SENT_AT_ONCE_MAX) throw new Error('too many snapshots are being sent');
    const sent = (bytes: number): void => observer.sent(to, bytes);
    const upload = new SnapshotUpload({ url, hello: helloTo(to, this.#identity), message, clock, sent });
    this.#uploads.add(upload);
    const startedAt = clock.now();
    let ok = false;
    observer.snapshotSendStarted(to);
    try {
      await upload.run(chunks);
      ok = true;
    } finally {
      this.#uploads.delete(upload);
      observer.snapshotSendEnded(to, ok, (clock.now() - startedAt) / 1000);
    }
  }
}
