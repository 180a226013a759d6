/** What is asked after a run: what clients were told, against one another and against the members. */

import { type Client, connect } from '../../src/client/index.ts';
import {
  type Check,
  checkHashes,
  checkLeases,
  checkLinearizable,
  checkLog,
  checkPairs,
  checkReads,
  checkStore,
  checkWatches,
  checkWrites,
} from '../checker/index.ts';
import type { LocalCluster } from '../local/index.ts';
import { nameIn, PREFIX, textOf, type Workload } from '../workload/index.ts';

const SETTLE_WITHIN_MS = 60_000;
const ANSWER_WITHIN_MS = 30_000;

/** Lets every watcher hear the rest, and checks all that a workload was told. It must have been stopped. `first`: the revision before it began. */
export async function settleAndCheck(
  cluster: LocalCluster,
  client: Client,
  workload: Workload,
  first: number,
): Promise<readonly Check[]> {
  const { log, record, followers } = workload;
  await workload.settle(SETTLE_WITHIN_MS);
  const { revision: last } = await client.get('\0');
  const store = new Map<string, string>();
  const scan = client.scan(PREFIX, { prefix: true, revision: last });
  for await (const { key, value } of scan) store.set(textOf(key), nameIn(value));
  return [
    checkLog(log, first),
    checkWrites(record.operations, log, workload.leases),
    checkPairs(record.operations, log),
    checkReads(record.operations, log),
    checkLinearizable(record.byKey),
    checkLeases(workload.leases, log, workload.leasesLeft),
    checkWatches(followers, log, last, workload.compactedThrough),
    checkStore(store, log, last),
    checkHashes(await hashesOf(cluster, last)),
  ];
}

/** The hash of each member's store at a revision, asked of the member itself. */
async function hashesOf(cluster: LocalCluster, revision: number): Promise<ReadonlyMap<string, number | string>> {
  const hashes = new Map<string, number | string>();
  for (const [i, { name }] of cluster.members.entries()) {
    await using client = connect({
      endpoints: [cluster.endpoints[i] ?? ''],
      tls: cluster.tls,
      deadlineMs: ANSWER_WITHIN_MS,
    });
    const hash = await client.hashKv(revision).then(
      (result) => result.hash,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    hashes.set(name, hash);
  }
  return hashes;
}
