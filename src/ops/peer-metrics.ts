/**
 * The traffic between members, under etcd's names. The peers are the labels: few, and those that leave the cluster keep their last numbers, as etcd's do.
 */

import type { MetricRegistry, Observe, Sample } from './metric-registry.ts';

/** Numbers of one peer, by its id in hexadecimal. */
class ByPeer {
  readonly #numbers = new Map<string, number>();

  add(peer: string, amount: number): void {
    this.#numbers.set(peer, (this.#numbers.get(peer) ?? 0) + amount);
  }

  /** With the labels in front, if any. */
  samples(...before: string[]): Sample[] {
    return Array.from(this.#numbers, ([peer, number]): Sample => [[...before, peer], number]);
  }
}

/** What the transport tells (see peer/observer.ts). */
export interface PeerMetrics {
  known(peer: string): void;
  forgotten(peer: string): void;
  active(peer: string): void;
  disconnected(peer: string): void;
  roundTrip(to: string, seconds: number): void;
  sent(to: string, bytes: number): void;
  received(from: string, bytes: number): void;
  sendFailed(to: string, messages: number): void;
  receiveFailed(from: string): void;
  snapshotSendStarted(to: string): void;
  snapshotSendEnded(to: string, ok: boolean, seconds: number): void;
  snapshotReceiveStarted(from: string): void;
  snapshotReceiveEnded(from: string, ok: boolean, seconds: number): void;
}

const exponential = (start: number, factor: number, count: number): number[] =>
  Array.from({ length: count }, (_, exponent) => start * factor ** exponent);

/** `local` is this member's id in hexadecimal. */
export function registerPeerMetrics(registry: MetricRegistry, local: string): PeerMetrics {
  const network = (name: string, help: string): { name: string; help: string } => ({
    name: `etcd_network_${name}`,
    help,
  });
  const perPeer = (type: 'counter' | 'gauge', name: string, label: string, help: string): ByPeer => {
    const numbers = new ByPeer();
    registry.readings(type, network(name, help), [label], () => numbers.samples());
    return numbers;
  };
  const pairs = (type: 'counter' | 'gauge', name: string, help: string): ByPeer => {
    const numbers = new ByPeer();
    registry.readings(type, network(name, help), ['Local', 'Remote'], () => numbers.samples(local));
    return numbers;
  };
  const durations = (name: string, label: string, help: string, buckets: number[]): ((peer: string) => Observe) => {
    const children = registry.histograms(network(name, help), [label], buckets);
    const made = new Map<string, Observe>();
    return (peer) => {
      const observe = made.get(peer) ?? children(peer);
      made.set(peer, observe);
      return observe;
    };
  };

  const known = pairs('gauge', 'known_peers', '1 for each peer that this member talks to.');
  const active = pairs('gauge', 'active_peers', '1 for each peer that answers.');
  const disconnected = pairs('counter', 'disconnected_peers_total', 'Connections to the peer that broke.');
  const sent = perPeer('counter', 'peer_sent_bytes_total', 'To', 'Bytes sent to the peer.');
  const received = perPeer('counter', 'peer_received_bytes_total', 'From', 'Bytes received from the peer.');
  const sentFailures = perPeer('counter', 'peer_sent_failures_total', 'To', 'Messages to the peer that were dropped.');
  const receivedFailures = perPeer(
    'counter',
    'peer_received_failures_total',
    'From',
    'Streams of the peer that were refused.',
  );
  const sendInflights = perPeer('gauge', 'snapshot_send_inflights_total', 'To', 'Snapshots being sent.');
  const sendOk = perPeer('counter', 'snapshot_send_success', 'To', 'Snapshots sent.');
  const sendFailed = perPeer('counter', 'snapshot_send_failures', 'To', 'Snapshots not sent.');
  const receiveInflights = perPeer('gauge', 'snapshot_receive_inflights_total', 'From', 'Snapshots being received.');
  const receiveOk = perPeer('counter', 'snapshot_receive_success', 'From', 'Snapshots received.');
  const receiveFailed = perPeer('counter', 'snapshot_receive_failures', 'From', 'Snapshots not received.');
  const roundTrip = durations(
    'peer_round_trip_time_seconds',
    'To',
    'From a message to its acknowledgement.',
    exponential(0.0001, 2, 16),
  );
  const sendTime = durations(
    'snapshot_send_total_duration_seconds',
    'To',
    'Time to send a snapshot.',
    exponential(0.1, 2, 10),
  );
  const receiveTime = durations(
    'snapshot_receive_total_duration_seconds',
    'From',
    'Time to receive a snapshot.',
    exponential(0.1, 2, 10),
  );
  const connected = new Set<string>();

  return {
    known: (peer) => known.add(peer, 1),
    forgotten: (peer) => {
      known.add(peer, -1);
      if (connected.delete(peer)) active.add(peer, -1);
    },
    active: (peer) => {
      connected.add(peer);
      active.add(peer, 1);
    },
    disconnected: (peer) => {
      if (!connected.delete(peer)) return;
      active.add(peer, -1);
      disconnected.add(peer, 1);
    },
    roundTrip: (to, seconds) => roundTrip(to)(seconds),
    sent: (to, bytes) => sent.add(to, bytes),
    received: (from, bytes) => received.add(from, bytes),
    sendFailed: (to, messages) => sentFailures.add(to, messages),
    receiveFailed: (from) => receivedFailures.add(from, 1),
    snapshotSendStarted: (to) => sendInflights.add(to, 1),
    snapshotSendEnded: (to, ok, seconds) => {
      sendInflights.add(to, -1);
      (ok ? sendOk : sendFailed).add(to, 1);
      sendTime(to)(seconds);
    },
    snapshotReceiveStarted: (from) => receiveInflights.add(from, 1),
    snapshotReceiveEnded: (from, ok, seconds) => {
      receiveInflights.add(from, -1);
      (ok ? receiveOk : receiveFailed).add(from, 1);
      receiveTime(from)(seconds);
    },
  };
}
