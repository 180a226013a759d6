/**
 * How members talk. A port: grpc-transport.ts carries it over the network, and memory-network.ts, its twin, through a simulated one.
 *
 * Messages may be lost, delayed and reordered; Raft expects no better. A `propose` message must not arrive twice.
 */

import type { Bytes } from '../base/index.ts';
import type { MemberId, Message, MessageOf } from '../raft/index.ts';

export interface PeerAddress {
  readonly id: MemberId;
  /** Where its peer port is; tried in turn. */
  readonly urls: readonly string[];
}

/** The state that goes along with an installSnapshot message. */
export interface OutgoingSnapshot {
  /** In order, each at most SNAPSHOT_CHUNK_BYTES_MAX. May be read once. */
  readonly chunks: AsyncIterable<Bytes>;
  /** Frees what the reading holds. The transport calls it once, however the sending ends. */
  close(): void;
}

export const SNAPSHOT_CHUNK_BYTES_MAX: number = 256 * 1024;

export interface PeerTransport {
  /** The other members from now on. Those who are no more among them are sent nothing. */
  setPeers(peers: readonly PeerAddress[]): void;
  /** Sends what it can, but no installSnapshot: that is for sendSnapshot. Never waits: what does not fit the bounded queue of a peer is dropped, bulk before heartbeats and votes. */
  send(messages: readonly Message[]): void;
  /** Whether this member reaches that one at the moment, as far as it knows. */
  isConnected(peer: MemberId): boolean;
  /**
   * Sends a snapshot beside the message stream. Resolves when the peer has the whole of it and its receiver is done; rejects with
   * an Error if not, or if that is not known.
   */
  sendSnapshot(message: MessageOf<'installSnapshot'>, snapshot: OutgoingSnapshot): Promise<void>;
  /**
   * Asks a peer something small. Rejects with an Error if no answer came in ANSWER_MS_MAX: then the peer may have heard the question or
   * not. Never waits behind messages.
   */
  ask(to: MemberId, question: Bytes): Promise<Bytes>;
  /** Sends what it can in a moment, breaks off snapshots, and ends. Afterwards nothing is sent. */
  close(): Promise<void>;
}

/** Who is told what comes in. */
export interface PeerReceiver {
  /** Must not throw. */
  receive(message: Message): void;
  /** A member of this cluster speaks to us, and is reached there. Must not throw. */
  met?(peer: PeerAddress): void;
  /**
   * Takes a snapshot's chunks, at its own pace. The message counts only when the loop over them has come to its end: it throws if
   * they were cut short or damaged. The receiver steps the message itself. Rejects to refuse it; the sender is told the error's text.
   * Several may come at once (SNAPSHOTS_RECEIVED_AT_ONCE_MAX): from a leader, and from one that does not know that it is none any more.
   */
  receiveSnapshot(message: MessageOf<'installSnapshot'>, chunks: AsyncIterable<Bytes>): Promise<void>;
  /** Answers a question of a peer's. Rejects if it cannot; the asker is told that much. */
  answer(question: Bytes): Promise<Bytes>;
}
