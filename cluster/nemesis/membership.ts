/**
 * Changes of membership as a fault: a learner joins, and after a while it is given a vote, and then removed, so that the cluster is what it was. The
 * cluster may refuse any of it (no leader, a member that is not connected yet, a learner that lags): then it is tried again.
 *
 *     n1 n2 n3 -> n1 n2 n3 (n4) -> n1 n2 n3 n4 -> n1 n2 n3
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster } from '../local/index.ts';

type Cluster = Pick<LocalCluster, 'members' | 'add' | 'promote' | 'remove'>;

const ATTEMPTS_MAX = 40;
const AGAIN_MS = 500;

/** Resolves to what was done, in words. */
export async function join(cluster: Cluster): Promise<string> {
  let name = '';
  const refusal = await persistently(async () => {
    name = await cluster.add({ isLearner: true });
  });
  return refusal === undefined ? `${name} joins as a learner` : `no learner may join: ${refusal}`;
}

/** Gives those who have joined a vote, and then takes them out. Rejects if one cannot be taken out: then nothing that follows would be what it seems. */
export async function leave(
  cluster: Cluster,
  firstMembers: readonly string[],
  note: (text: string) => void,
): Promise<void> {
  for (const { name } of cluster.members.filter((member) => !firstMembers.includes(member.name))) {
    const refusal = await persistently(() => cluster.promote(name));
    note(refusal === undefined ? `${name} has a vote` : `${name} gets no vote: ${refusal}`);
    const stays = await persistently(() => cluster.remove(name));
    if (stays !== undefined) throw new Error(`${name} cannot be removed: ${stays}`);
    note(`${name} is removed`);
  }
}

/** The last refusal, if it never works. */
async function persistently(work: () => Promise<void>): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return undefined;
    } catch (error) {
      if (attempt === ATTEMPTS_MAX) return error instanceof Error ? error.message : String(error);
      await sleep(AGAIN_MS);
    }
  }
}
