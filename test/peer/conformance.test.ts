/** Both transports, the real one and its twin, do the same. */

import { peerSuite } from '../suites/peer.suite.ts';
import { GrpcWorld, MemoryWorld } from '../support/peer-world.ts';

peerSuite('over gRPC', () => new GrpcWorld());
peerSuite('in memory', () => new MemoryWorld());
