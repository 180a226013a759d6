/** The transport of a cluster of one: there is nobody to talk to. */

import type { PeerTransport } from './transport.ts';

export const NO_PEERS: PeerTransport = {
  setPeers() {},
  send() {},
  sendSnapshot: (_message, snapshot) => {
    snapshot.close();
    return Promise.reject(new Error('there is nobody to send a snapshot to'));
  },
  close: () => Promise.resolve(),
};
