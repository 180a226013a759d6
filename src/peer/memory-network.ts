/**
 * The twin of the transport: a network in memory, on a clock and a prng of the caller's, that does to messages what networks do.
 *
 *     const network = new MemoryNetwork(clock, prng);
 *     const one = network.join('1', receiverOfOne);       a member starts
 *     network.setLink('1', '2', { delayMsMax: 30, lossRate: 0.1, reorders: true });
 *     network.setLink('2', '1', { isCut: true });         '1' is heard by '2', and hears nothing
 *     await one.close();                                  it is gone; it may join again
 *
 * Messages are handed over as they are, not encoded: nobody may change them.
 */

import { assert, type Bytes, below, type Clock, fraction, type Prng } from '../base/index.ts';
import type { MemberId, Message, MessageOf } from '../raft/index.ts';
import { ANSWER_MS_MAX, SNAPSHOTS_SENT_AT_ONCE_MAX } from './limits.ts';
import { MemorySnapshot } from './memory-snapshot.ts';
import type { OutgoingSnapshot, PeerAddress, PeerReceiver, PeerTransport } from './transport.ts';

/** What happens on the way from one member to another. */
export interface LinkState {
  /** Each message takes a whole number of milliseconds between these. */
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Of 1. */
  readonly lossRate: number;
  /** Of 1. Never a `propose`, as the port promises. */
  readonly duplicateRate: number;
  /** A message may overtake another one. */
  readonly reorders: boolean;
  /** Nothing arrives, not even what is on the way. Snapshots under way break, whichever direction is cut. */
  readonly isCut: boolean;
}

const UNDISTURBED: LinkState = {
  delayMsMin: 0,
  delayMsMax: 0,
  lossRate: 0,
  duplicateRate: 0,
  reorders: false,
  isCut: false,
};

interface Link {
  state: LinkState;
  /** When the latest message arrives, so that none overtakes it. */
  lastArrivalAt: number;
}

export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #members = new Map<MemberId, MemoryPeers>();
  readonly #links = new Map<string, Link>();
  readonly #snapshots = new Set<MemorySnapshot>();

  constructor(clock: Clock, prng: Prng) {
    this.#clock = clock;
    this.#prng = prng;
  }

  /** A member starts. It must not be there already. */
  join(id: MemberId, receiver: PeerReceiver): PeerTransport {
    assert(!this.#members.has(id), `member ${id} is there already`);
    const member = new MemoryPeers(id, receiver, this);
    this.#members.set(id, member);
    return member;
  }

  /** Changes what happens from one member to another, from now on. What is not named stays as it is. */
  setLink(from: MemberId, to: MemberId, change: Partial<LinkState>): void {
    const link = this.#link(from, to);
    link.state = { ...link.state, ...change };
    if (link.state.isCut) this.#breakSnapshots((a, b) => (a === from && b === to) || (a === to && b === from));
  }

  /** For MemoryPeers. */
  leave(id: MemberId): void {
    this.#members.delete(id);
    this.#breakSnapshots((from, to) => from === id || to === id);
  }

  /** For MemoryPeers. Over the network it takes both directions to keep a connection. */
  reaches(from: MemberId, to: MemberId): boolean {
    return this.#members.has(to) && !this.#link(from, to).state.isCut && !this.#link(to, from).state.isCut;
  }

  /** For MemoryPeers. */
  carry(message: Message): void {
    const { state } = this.#link(message.from, message.to);
    if (state.isCut || this.#happens(state.lossRate)) return;
    const receive = ({ receiver }: MemoryPeers): void => {
      receiver.met?.({ id: message.from, urls: [] });
      receiver.receive(message);
    };
    this.#arriveLater(message.from, message.to, receive);
    if (message.kind !== 'propose' && this.#happens(state.duplicateRate)) {
      this.#arriveLater(message.from, message.to, receive);
    }
  }

  /** For MemoryPeers. */
  async carrySnapshot(message: MessageOf<'installSnapshot'>, chunks: AsyncIterable<Bytes>): Promise<void> {
    const { from, to } = message;
    const target = this.#members.get(to);
    if (target === undefined || this.#link(from, to).state.isCut || this.#link(to, from).state.isCut) {
      throw new Error(`member ${to} cannot be reached`);
    }
    if ([...this.#snapshots].filter((snapshot) => snapshot.from === from).length >= SNAPSHOTS_SENT_AT_ONCE_MAX) {
      throw new Error('too many snapshots are being sent');
    }
    const snapshot = new MemorySnapshot(message, this.#clock, () => this.#delayMs(this.#link(from, to).state));
    this.#snapshots.add(snapshot);
    try {
      await snapshot.run(chunks, target.receiver);
    } finally {
      this.#snapshots.delete(snapshot);
    }
  }

  /** For MemoryPeers. Question and answer each go the way of a message. */
  carryQuestion(from: MemberId, to: MemberId, question: Bytes): Promise<Bytes> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(ANSWER_MS_MAX, () => reject(new Error(`no answer from member ${to}`)));
      const failed = (error: Error): void => {
        timer.cancel();
        reject(error);
      };
      const answered = (answer: Bytes): void => {
        timer.cancel();
        resolve(answer);
      };
      const answer = ({ receiver }: MemoryPeers): void => {
        receiver.answer(question).then((bytes) => this.#passLater(to, from, () => answered(bytes)), failed);
      };
      this.#passLater(from, to, answer);
    });
  }

  // ---- within ----

  /** What is lost on the way is never passed on. */
  #passLater(from: MemberId, to: MemberId, pass: (target: MemoryPeers) => void): void {
    const { state } = this.#link(from, to);
    if (!state.isCut && !this.#happens(state.lossRate)) this.#arriveLater(from, to, pass);
  }

  #link(from: MemberId, to: MemberId): Link {
    const name = `${from} -> ${to}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = { state: UNDISTURBED, lastArrivalAt: 0 };
      this.#links.set(name, link);
    }
    return link;
  }

  /** A member that has been started anew meanwhile is another one: what was meant for the old one is lost. */
  #arriveLater(from: MemberId, to: MemberId, arrive: (target: MemoryPeers) => void): void {
    const link = this.#link(from, to);
    const target = this.#members.get(to);
    const now = this.#clock.now();
    const earliest = now + this.#delayMs(link.state);
    const arrivalAt = link.state.reorders ? earliest : Math.max(earliest, link.lastArrivalAt);
    link.lastArrivalAt = Math.max(arrivalAt, link.lastArrivalAt);
    this.#clock.after(arrivalAt - now, () => {
      if (target !== undefined && this.#members.get(to) === target && !link.state.isCut) arrive(target);
    });
  }

  #delayMs({ delayMsMin, delayMsMax }: LinkState): number {
    return delayMsMax > delayMsMin ? delayMsMin + below(this.#prng, delayMsMax - delayMsMin + 1) : delayMsMin;
  }

  /** Takes nothing from the prng where nothing is left to chance. */
  #happens(rate: number): boolean {
    return rate > 0 && fraction(this.#prng) < rate;
  }

  #breakSnapshots(which: (from: MemberId, to: MemberId) => boolean): void {
    for (const snapshot of this.#snapshots) if (which(snapshot.from, snapshot.to)) snapshot.break();
  }
}

/** The transport of one member. */
class MemoryPeers implements PeerTransport {
  readonly receiver: PeerReceiver;
  readonly #id: MemberId;
  readonly #network: MemoryNetwork;
  #peers: ReadonlySet<MemberId> = new Set();
  #closed = false;

  constructor(id: MemberId, receiver: PeerReceiver, network: MemoryNetwork) {
    this.#id = id;
    this.receiver = receiver;
    this.#network = network;
  }

  setPeers(peers: readonly PeerAddress[]): void {
    this.#peers = new Set(peers.map(({ id }) => id).filter((id) => id !== this.#id));
  }

  send(messages: readonly Message[]): void {
    if (this.#closed) return;
    for (const message of messages) {
      assert(message.kind !== 'installSnapshot', 'a snapshot travels with its state, by sendSnapshot');
      if (this.#peers.has(message.to)) this.#network.carry(message);
    }
  }

  isConnected(peer: MemberId): boolean {
    return this.#peers.has(peer) && this.#network.reaches(this.#id, peer);
  }

  async sendSnapshot(message: MessageOf<'installSnapshot'>, snapshot: OutgoingSnapshot): Promise<void> {
    try {
      if (this.#closed || !this.#peers.has(message.to)) throw new Error(`no peer ${message.to} to send a snapshot to`);
      await this.#network.carrySnapshot(message, snapshot.chunks);
    } finally {
      snapshot.close();
    }
  }

  async ask(to: MemberId, question: Bytes): Promise<Bytes> {
    if (this.#closed || !this.#peers.has(to)) throw new Error(`no peer ${to} to ask`);
    return await this.#network.carryQuestion(this.#id, to, question);
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#network.leave(this.#id);
    }
    return Promise.resolve();
  }
}
