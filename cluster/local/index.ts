/** A cluster of real processes on this machine. */

export { LocalCluster, type LocalClusterOptions } from './local-cluster.ts';
export type { Member, MemberState } from './member.ts';
export type { ClusterView, MemberView, Role } from './monitor.ts';
