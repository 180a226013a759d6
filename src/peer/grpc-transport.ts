/**
 * The transport over the network: to each peer a stream of frames that lives as long as it can (PeerLink), and for each snapshot
 * a stream of its own (SnapshotUpload), and a line for questions (QuestionLine). What comes in from peers arrives elsewhere: at the server of the peer port (peer-service.ts).
 *
 *     send send send | the caller is done: one frame to each peer
 */

import { assert, type Bytes, type Clock, type Logger, type Prng } from '../base/index.ts';
import { encodeAddressedQuestion, encodeRaftMessage } from '../codec/index.ts';
import type { MemberId, Message, MessageOf } from '../raft/index.ts';
import type { OpenChannel } from './channel.ts';
import { helloTo, type Identity } from './hello.ts';
import { PEER_MESSAGE_BYTES_MAX, SNAPSHOTS_SENT_AT_ONCE_MAX } from './limits.ts';
import type { PeerObserver } from './observer.ts';
import { PeerLink } from './peer-link.ts';
import { QuestionLine } from './question-line.ts';
import { SnapshotUpload } from './snapshot-upload.ts';
import type { OutgoingSnapshot, PeerAddress, PeerTransport } from './transport.ts';

export interface GrpcPeersOptions {
  readonly clusterId: bigint;
  /** This member. */
  readonly memberId: MemberId;
  /** Where it is reached: told to those it speaks to. */
  readonly urls?: readonly string[];
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly observer: PeerObserver;
  readonly openChannel: OpenChannel;
}

/** Large, and sent again by Raft if it is lost; or, a proposal, given up by the member that made it. All else is urgent. */
const BULK: ReadonlySet<Message['kind']> = new Set(['appendEntries', 'propose']);

export class GrpcPeers implements PeerTransport {
  readonly #options: GrpcPeersOptions;
  readonly #identity: Identity;
  readonly #logger: Logger;
  readonly #links = new Map<MemberId, PeerLink>();
  readonly #lines = new Map<MemberId, QuestionLine>();
  readonly #uploads = new Set<SnapshotUpload>();
  /** Links of peers that are no more, on their way out. */
  readonly #leaving = new Set<Promise<void>>();
  #flushAsked = false;
  #closed = false;

  constructor(options: GrpcPeersOptions) {
    this.#options = options;
    this.#identity = {
      clusterId: options.clusterId,
      memberId: options.memberId,
      urls: options.urls ?? [],
    };
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
    // When the caller is done, and not a turn of the loop later: whoever sends has gathered what came in this turn already.
    queueMicrotask(() => {
      this.#flushAsked = false;
      for (const link of this.#links.values()) link.flush();
    });
  }

  isConnected(peer: MemberId): boolean {
    return this.#links.get(peer)?.isOpen ?? false;
  }

  async sendSnapshot(message: MessageOf<'installSnapshot'>, snapshot: OutgoingSnapshot): Promise<void> {
    try {
      await this.#upload(message, snapshot);
    } finally {
      snapshot.close();
    }
  }

  async ask(to: MemberId, question: Bytes): Promise<Bytes> {
    const url = this.#links.get(to)?.url;
    if (this.#closed || url === undefined) throw new Error(`no peer ${to} to ask`);
    let line = this.#lines.get(to);
    if (line === undefined) this.#lines.set(to, (line = new QuestionLine(this.#options.openChannel)));
    return await line.ask(url, encodeAddressedQuestion({ hello: helloTo(to, this.#identity), question }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const upload of this.#uploads) upload.cut('the member is stopping');
    for (const [id, link] of this.#links) this.#remove(id, link);
    await Promise.all(this.#leaving);
  }

  // ---- within ----

  #link(peer: MemberId, urls: readonly string[]): PeerLink {
    const { clock, prng, observer, openChannel } = this.#options;
    const logger = this.#logger;
    return new PeerLink({ identity: this.#identity, peer, urls, openChannel, clock, prng, observer, logger });
  }

  #remove(id: MemberId, link: PeerLink): void {
    this.#links.delete(id);
    this.#lines.get(id)?.close();
    this.#lines.delete(id);
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
    const { clock, observer, openChannel } = this.#options;
    const { to } = message;
    const url = this.#links.get(to)?.url;
    if (url === undefined) throw new Error(`no peer ${to} to send a snapshot to`);
    if (this.#uploads.size >= SNAPSHOTS_SENT_AT_ONCE_MAX) throw new Error('too many snapshots are being sent');
    const sent = (bytes: number): void => observer.sent(to, bytes);
    const upload = new SnapshotUpload({ url, openChannel, hello: helloTo(to, this.#identity), message, clock, sent });
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
