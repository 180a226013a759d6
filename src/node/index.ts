export type { AutoCompactionMode } from './auto-compaction.ts';
export { type BootedNode, type BootOptions, boot, type DiskTrouble, type PeerEnd, type PeerNetwork } from './boot.ts';
export { Identification } from './identification.ts';
export * from './member.ts';
export { Node, type NodeIdentity, type NodeObserver, type NodeSettings } from './node.ts';
export { RealClock } from './real-clock.ts';
export { restoreSnapshot } from './restore-snapshot.ts';
export { SLICE_MS } from './turn.ts';
