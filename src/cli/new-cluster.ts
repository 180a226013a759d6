/** Who this member is, and in which cluster, when it starts for the first time. One that has a log takes its ids from there. */

import { raftId } from '../codec/index.ts';
import type { ClusterMember, NodeIdentity } from '../node/index.ts';
import { askMembers, type OpenChannel, type PeerAddress } from '../peer/index.ts';
import { clusterIdOf, memberIdOf } from './member-id.ts';
import { bootstrapProblem, type ServerConfig } from './server-config.ts';

export interface NewCluster {
  readonly identity: NodeIdentity;
  /** The first members, if this cluster is a new one; none if it runs already. */
  readonly firstMembers: readonly ClusterMember[];
  /** Whom this member can reach before its own log tells: those of the cluster that it joins. */
  readonly peers: readonly PeerAddress[];
}

/** From the flags, or, for a member that joins (--initial-cluster-state existing), from the others. Rejects with an Error that says what is wrong. */
export async function newCluster(config: ServerConfig, openChannel: OpenChannel): Promise<NewCluster> {
  const problem = bootstrapProblem(config);
  if (problem !== undefined) throw new Error(problem);
  return config.initialClusterState === 'new' ? describedCluster(config) : await runningCluster(config, openChannel);
}

/** Every first member computes the same from the same flags, with nobody asked. */
export function describedCluster(config: ServerConfig): NewCluster {
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
  const clusterId = clusterIdOf(firstMembers.map(({ id }) => id));
  return { identity: identityOf(config, clusterId, firstMembers[own]?.id ?? 0n), firstMembers, peers: [] };
}

/** The others know this member by its peer URLs: it has been added beforehand (member add). */
async function runningCluster(config: ServerConfig, openChannel: OpenChannel): Promise<NewCluster> {
  const others = config.initialCluster.filter(({ name }) => name !== config.name).flatMap(({ peerUrls }) => peerUrls);
  const { clusterId, members } = await askMembers(others, openChannel);
  const own = [...config.advertisePeerUrls].sort().join();
  const self = members.find(({ peerUrls }) => [...peerUrls].sort().join() === own);
  if (self === undefined) {
    throw new Error(`the cluster has no member with the peer URLs ${own}: add it first (member add)`);
  }
  const unknown = config.initialCluster
    .flatMap(({ peerUrls }) => peerUrls)
    .filter((url) => !members.some(({ peerUrls }) => peerUrls.includes(url)));
  if (unknown.length > 0)
    throw new Error(`--initial-cluster names peer URLs that are not in the cluster: ${unknown.join()}`);
  const peers = members.map(({ id, peerUrls }) => ({ id: raftId(id), urls: peerUrls }));
  return { identity: identityOf(config, clusterId, self.id), firstMembers: [], peers };
}

function identityOf(config: ServerConfig, clusterId: bigint, memberId: bigint): NodeIdentity {
  return {
    clusterId,
    memberId,
    name: config.name,
    peerUrls: config.advertisePeerUrls,
    clientUrls: config.advertiseClientUrls,
  };
}
