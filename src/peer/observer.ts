/** What the traffic between members tells of itself, for the metrics (etcd_network_*). Implementations must be quick. */

import type { MemberId } from '../raft/index.ts';

export interface PeerObserver {
  /** A peer is one of those to talk to from now on, or no more. */
  known(peer: MemberId): void;
  forgotten(peer: MemberId): void;
  /** The stream to the peer is open and answered. */
  active(peer: MemberId): void;
  /** It was, and has broken. */
  disconnected(peer: MemberId): void;
  /** From sending a frame to its acknowledgement. */
  roundTrip(to: MemberId, seconds: number): void;
  sent(to: MemberId, bytes: number): void;
  received(from: MemberId, bytes: number): void;
  /** So many messages were dropped. */
  sendFailed(to: MemberId, messages: number): void;
  /** A stream of the peer's was ended because of what it said. */
  receiveFailed(from: MemberId): void;
  snapshotSendStarted(to: MemberId): void;
  /** Once for each that started. */
  snapshotSendEnded(to: MemberId, ok: boolean, seconds: number): void;
  snapshotReceiveStarted(from: MemberId): void;
  /** Once for each that started. */
  snapshotReceiveEnded(from: MemberId, ok: boolean, seconds: number): void;
}

/** Observes nothing. */
export const UNOBSERVED_PEERS: PeerObserver = {
  known() {},
  forgotten() {},
  active() {},
  disconnected() {},
  roundTrip() {},
  sent() {},
  received() {},
  sendFailed() {},
  receiveFailed() {},
  snapshotSendStarted() {},
  snapshotSendEnded() {},
  snapshotReceiveStarted() {},
  snapshotReceiveEnded() {},
};
