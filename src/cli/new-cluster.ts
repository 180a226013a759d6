/** The cluster that the --initial-cluster flags describe: every first member computes the same one, with nobody asked. */

import type { ClusterMember, NodeIdentity } from '../node/index.ts';
import { clusterIdOf, memberIdOf } from './member-id.ts';
import { bootstrapProblem, type ServerConfig } from './server-config.ts';

export interface NewCluster {
  readonly identity: NodeIdentity;
  readonly firstMembers: readonly ClusterMember[];
}

/** Throws an Error that says which flags contradict each other. */
export function newCluster(config: ServerConfig): NewCluster {
  const problem = bootstrapProblem(config);
  if (problem !== undefined) throw new Error(problem);
  if (config.initialCluster.length > 1) {
    throw new Error('--initial-cluster names several members: this version runs a cluster of one');
  }
  const firstMembers = config.initialCluster.map(
    ({ peerUrls }): ClusterMember => ({
      id: memberIdOf(peerUrls, config.clusterToken),
      name: '',
      peerUrls,
      clientUrls: [],
      isLearner: false,
    }),
  );
  const own = config.initialCluster.findIndex(({ name }) => name === config.name);
  return {
    identity: {
      clusterId: clusterIdOf(firstMembers.map(({ id }) => id)),
      memberId: firstMembers[own]?.id ?? 0n,
      name: config.name,
      peerUrls: config.advertisePeerUrls,
      clientUrls: config.advertiseClientUrls,
    },
    firstMembers,
  };
}
