/**
 * How members talk. A port: grpc/ carries it over the network, and a twin in memory carries it for the simulator.
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
  /** Frees what the reading holds. To be called once, also if it was not read to the end. */
  close(): void;
}

export const SNAPSHOT_CHUNK_BYTES_MAX: number = 256 * 1024;

export interface PeerTransport {
  /** The other members from now on. Those who are no more among them are sent nothing. */
  setPeers(peers: readonly PeerAddress[]): void;
  /** Sends what it can. Never waits: what does not fit the bounded queue of a peer is dropped, bulk before heartbeats and votes. */
  send(messages: readonly Message[]): void;
  /** Sends a snapshot beside the message stream. Resolves when the peer has the whole of it; rejects if it has not. */
  sendSnapshot(message: MessageOf<'installSnapshot'>, snapshot: OutgoingSnapshot): Promise<void>;
  close(): Promise<void>;
}

/** Who is told what comes in. */
export interface PeerReceiver {
  receive(message: Message): void;
  /** Takes a snapshot's chunks. The message counts only when all have come: the receiver steps it itself. Rejects to refuse it. */
  receiveSnapshot(message: MessageOf<'installSnapshot'>, chunks: AsyncIterable<Bytes>): Promise<void>;
}
