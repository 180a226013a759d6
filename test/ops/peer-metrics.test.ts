import { expect, test } from 'vitest';
import { MetricRegistry } from '../../src/ops/metric-registry.ts';
import { registerPeerMetrics } from '../../src/ops/peer-metrics.ts';

test('each peer has its numbers, and a link that breaks is no more active, once', async () => {
  const registry = new MetricRegistry();
  const peers = registerPeerMetrics(registry, 'a1');
  peers.known('b2');
  peers.active('b2');
  peers.sent('b2', 10);
  peers.sent('b2', 5);
  peers.roundTrip('b2', 0.003);
  peers.disconnected('b2');
  peers.disconnected('b2');
  peers.snapshotSendStarted('b2');
  peers.snapshotSendEnded('b2', false, 0.2);
  const text = await registry.render();
  for (const line of [
    'etcd_network_known_peers{Local="a1",Remote="b2"} 1',
    'etcd_network_active_peers{Local="a1",Remote="b2"} 0',
    'etcd_network_disconnected_peers_total{Local="a1",Remote="b2"} 1',
    'etcd_network_peer_sent_bytes_total{To="b2"} 15',
    'etcd_network_peer_round_trip_time_seconds_count{To="b2"} 1',
    'etcd_network_snapshot_send_inflights_total{To="b2"} 0',
    'etcd_network_snapshot_send_failures{To="b2"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});
