/** A member that was away while another was added, and comes back when that one leads: it must find the way to it. */

import { afterEach, expect, test } from 'vitest';
import { Membership } from '../../src/machine/index.ts';
import { PeersKnown } from '../../src/node/peers-known.ts';
import type { PeerAddress, PeerTransport } from '../../src/peer/index.ts';

let told: readonly PeerAddress[] = [];
afterEach(() => {
  told = [];
});

const transport = { setPeers: (peers: readonly PeerAddress[]) => (told = peers) } as unknown as PeerTransport;

const memberOf = (
  id: bigint,
): { id: bigint; name: string; peerUrls: string[]; clientUrls: string[]; isLearner: false } => ({
  id,
  name: `m${id}`,
  peerUrls: [`http://m${id}:2380`],
  clientUrls: [],
  isLearner: false,
});

function known(): { peers: PeersKnown; membership: Membership } {
  const membership = new Membership({ members: [memberOf(1n), memberOf(2n)], removed: [9n] });
  return { peers: new PeersKnown({ transport, identity: { memberId: 1n }, peers: [] }, () => membership), membership };
}

test('a stranger that speaks to us is reached where it says, until the log has told', () => {
  const { peers, membership } = known();
  peers.met({ id: '3', urls: ['http://says:2380'] });
  expect(told).toEqual([
    { id: '3', urls: ['http://says:2380'] },
    { id: '2', urls: ['http://m2:2380'] },
  ]);
  membership.change({ added: [memberOf(3n)], removed: [], proposal: 0 });
  peers.changed();
  expect(told.find(({ id }) => id === '3')).toEqual({ id: '3', urls: ['http://m3:2380'] });
  membership.change({ added: [], removed: [3n], proposal: 0 });
  peers.changed();
  expect(told.map(({ id }) => id)).toEqual(['2']);
});

test('nobody who was removed, and no more of them than can be', () => {
  const { peers } = known();
  peers.met({ id: '9', urls: ['http://m9:2380'] });
  peers.met({ id: '2', urls: ['http://elsewhere:2380'] });
  expect(told).toEqual([]);
  for (let id = 16; id < 100; id++) peers.met({ id: id.toString(16), urls: [] });
  expect(told).toHaveLength(17);
});
