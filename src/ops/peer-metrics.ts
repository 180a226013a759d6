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

type LinkMetrics = Omit<PeerMetrics, keyof SnapshotMetrics>;
type SnapshotMetrics = Pick<
  PeerMetrics,
  'snapshotSendStarted' | 'snapshotSendEnded' | 'snapshotReceiveStarted' | 'snapshotReceiveEnded'
>;

const exponential = (start: number, factor: number, count: number): number[] =>
  Array.from({ length: count }, (_, exponent) => start * factor ** exponent);

/** Makes numbers by peer: the families all begin with etcd_network_. */
class PeerFamilies {
  readonly #registry: MetricRegistry;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  numbers(type: 'counter' | 'gauge', name: string, label: string, help: string): ByPeer {
    const numbers = new ByPeer();
    this.#registry.readings(type, { name: `etcd_network_${name}`, help }, [label], () => numbers.samples());
    return numbers;
  }

  /** Labelled with both ends. */
  pairs(type: 'counter' | 'gauge', name: string, local: string, help: string): ByPeer {
    const numbers = new ByPeer();
    const labels = ['Local', 'Remote'];
    this.#registry.readings(type, { name: `etcd_network_${name}`, help }, labels, () => numbers.samples(local));
    return numbers;
  }

  durations(name: string, label: string, help: string, buckets: number[]): (peer: string) => Observe {
    const children = this.#registry.histograms({ name: `etcd_network_${name}`, help }, [label], buckets);
    const made = new Map<string, Observe>();
    return (peer) => {
      const observe = made.get(peer) ?? children(peer);
      made.set(peer, observe);
      return observe;
    };
  }
}

/** `local` is this member's id in hexadecimal. */
export function registerPeerMetrics(registry: MetricRegistry, local: string): PeerMetrics {
  const families = new PeerFamilies(registry);
  return { ...linkMetrics(families, local), ...snapshotMetrics(families) };
}

function linkMetrics(families: PeerFamilies, local: string): LinkMetrics {
  const known = families.pairs('gauge', 'known_peers', local, '1 for each peer that this member talks to.');
  const active = families.pairs('gauge', 'active_peers', local, '1 for each peer that answers.');
  const broken = families.pairs('counter', 'disconnected_peers_total', local, 'Connections to the peer that broke.');
  const sent = families.numbers('counter', 'peer_sent_bytes_total', 'To', 'Bytes sent to the peer.');
  const received = families.numbers('counter', 'peer_received_bytes_total', 'From', 'Bytes received from the peer.');
  const dropped = families.numbers(
    'counter',
    'peer_sent_failures_total',
    'To',
    'Messages to the peer that were dropped.',
  );
  const refused = families.numbers(
    'counter',
    'peer_received_failures_total',
    'From',
    'Streams of the peer that were refused.',
  );
  const help = 'From a message to its acknowledgement.';
  const roundTrip = families.durations('peer_round_trip_time_seconds', 'To', help, exponential(0.0001, 2, 16));
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
      broken.add(peer, 1);
    },
    roundTrip: (to, seconds) => roundTrip(to)(seconds),
    sent: (to, bytes) => sent.add(to, bytes),
    received: (from, bytes) => received.add(from, bytes),
    sendFailed: (to, messages) => dropped.add(to, messages),
    receiveFailed: (from) => refused.add(from, 1),
  };
}

function snapshotMetrics(families: PeerFamilies): SnapshotMetrics {
  const direction = (
    way: 'send' | 'receive',
    label: string,
    done: string,
  ): [(peer: string) => void, (peer: string, ok: boolean, seconds: number) => void] => {
    const inflights = families.numbers('gauge', `snapshot_${way}_inflights_total`, label, `Snapshots being ${done}.`);
    const successes = families.numbers('counter', `snapshot_${way}_success`, label, `Snapshots ${done}.`);
    const failures = families.numbers('counter', `snapshot_${way}_failures`, label, `Snapshots not ${done}.`);
    const help = `Time until a snapshot was ${done}.`;
    const time = families.durations(`snapshot_${way}_total_duration_seconds`, label, help, exponential(0.1, 2, 10));
    const started = (peer: string): void => inflights.add(peer, 1);
    const ended = (peer: string, ok: boolean, seconds: number): void => {
      inflights.add(peer, -1);
      (ok ? successes : failures).add(peer, 1);
      time(peer)(seconds);
    };
    return [started, ended];
  };
  const [snapshotSendStarted, snapshotSendEnded] = direction('send', 'To', 'sent');
  const [snapshotReceiveStarted, snapshotReceiveEnded] = direction('receive', 'From', 'received');
  return { snapshotSendStarted, snapshotSendEnded, snapshotReceiveStarted, snapshotReceiveEnded };
}
