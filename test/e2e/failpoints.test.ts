/**
 * Members crash at every failpoint there is (in CI; else at a few of each kind), under a workload whose writes are unique and whose watchers are on every
 * member. Whatever the moment: they start again, nothing acknowledged is lost, every key is a linearizable register, and no watcher is cheated.
 */

import { expect, test } from 'vitest';
import { PREFIX } from '../../cluster/workload/index.ts';
import { FAILPOINTS, type FailpointName } from '../../src/base/index.ts';
import type { Client } from '../../src/client/index.ts';
import { etcdserverpb } from '../../src/gen/etcd.js';
import { CrashRun } from '../support/crash-run.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';

const FIRST_PORT = 25_600;
const WITHIN_MS = 600_000;
/** Every failpoint takes minutes, a few of each kind seconds. */
const WANTS_EVERY = process.env['CI'] === 'true' || process.env['WATCHRAFT_ALL_FAILPOINTS'] !== undefined;

type Three = readonly [FailpointName, FailpointName, FailpointName];

/** Those that the workload alone brings about on every member, three at once: one on each. */
const BY_WORK: readonly Three[] = [
  ['raftBeforeSave', 'walBeforeSync', 'walAfterSync'],
  ['raftAfterSave', 'raftBeforeAdvance', 'beforeApplyOneEntryNormal'],
  ['beforeWritebackBuf', 'afterWritebackBuf', 'commitBeforePreCommitHook'],
  ['commitAfterPreCommitHook', 'beforeStartDBTxn', 'afterStartDBTxn'],
  ['beforeCommit', 'afterCommit', 'beforeSendWatchResponse'],
  ['raftBeforeWALSaveSnaphot', 'raftAfterWALRelease', 'beforeProgressIfSync'],
];

const BY_COMPACTION: readonly Three[] = [
  ['compactBeforeCommitScheduledCompact', 'compactAfterCommitScheduledCompact', 'compactAfterAcquiredBatchTxLock'],
  ['compactBeforeSetFinishedCompact', 'compactAfterSetFinishedCompact', 'compactBeforeCommitBatch'],
];

/** Each list on a member that needs a snapshot, and has not changed over to it before the end of the list. */
const BY_SNAPSHOT: readonly (readonly FailpointName[])[] = [
  ['applyBeforeOpenSnapshot', 'applyAfterOpenSnapshot', 'raftBeforeSaveSnap', 'raftAfterSaveSnap'],
  ['raftBeforeApplySnap'],
  ['raftAfterApplySnap'],
  // This one has come in another way above: by a checkpoint.
  ['raftBeforeWALSaveSnaphot'],
];

/** What is left of a lease is written down after five minutes. */
const NOT_SOON: FailpointName = 'beforeCheckpointInLeaseRenew';

const onEach = (names: Three): Map<string, FailpointName> => new Map(names.map((name, i) => [`n${i + 1}`, name]));
const on = (member: string, name: FailpointName): Map<string, FailpointName> => new Map([[member, name]]);

const ANY_RANGE = etcdserverpb.RangeRequest.encode({ key: Buffer.from(PREFIX) }).finish();
const ANY_LEASE = etcdserverpb.LeaseKeepAliveRequest.encode({ ID: 7 }).finish();
const TO_NOBODY = etcdserverpb.MoveLeaderRequest.encode({}).finish();

/** Adds a learner that nobody knows, and takes it away again, whoever was added before. */
async function changeMembers(client: Client): Promise<void> {
  await client.memberAdd(['http://127.0.0.1:1'], { isLearner: true }).catch(() => undefined);
  const { members } = await client.memberList();
  for (const { id, isLearner } of members) if (isLearner) await client.memberRemove(id);
}

async function watchFromBefore(run: CrashRun, member: string): Promise<void> {
  await run.ask(member, async (client) => {
    const startRevision = Math.max(1, run.workload.log.last - 20);
    await client.watch(PREFIX, { prefix: true, startRevision }).created;
  });
}

/** The leader crashes when it, or another member, is asked. */
async function byLeases(run: CrashRun): Promise<void> {
  const ask = (member: string, name: 'LeaseTimeToLive' | 'LeaseKeepAlive'): Promise<void> =>
    run.ask(member, (client) => client.raw(`/etcdserverpb.Lease/${name}`, ANY_LEASE));
  const moments = [
    ['beforeLookupWhenLeaseTimeToLive', 'LeaseTimeToLive', 'leader'],
    ['beforeLookupWhenForwardLeaseTimeToLive', 'LeaseTimeToLive', 'follower'],
    ['beforeServeHTTPLeaseRenew', 'LeaseKeepAlive', 'follower'],
  ] as const;
  for (const [name, method, asked] of moments) {
    const leader = await run.leader();
    const follower = leader === 'n1' ? 'n2' : 'n1';
    await run.crash(on(leader, name), () => ask(asked === 'leader' ? leader : follower, method));
  }
}

async function byRequests(run: CrashRun): Promise<void> {
  await run.crash(onEach(['compactAfterCommitBatch', 'beforeSyncWatchers', 'beforeRangeStreamChunk']), () =>
    Promise.all([
      run.workload.compact(50),
      watchFromBefore(run, 'n2'),
      run.ask('n3', (client) => client.raw('/etcdserverpb.KV/RangeStream', ANY_RANGE)),
    ]),
  );
}

/** None of these changes anything: nobody is removed, nobody gets the lead, and the learner is taken away again. */
async function byMembership(run: CrashRun): Promise<void> {
  await run.crash(onEach(['afterIsMemberExist', 'beforeMoveLeader', 'beforeApplyOneConfChange']), () =>
    Promise.all([
      run.ask('n1', (client) => client.memberRemove(1n)),
      run.ask('n2', (client) => client.raw('/etcdserverpb.Maintenance/MoveLeader', TO_NOBODY)),
      run.ask('n3', changeMembers),
    ]),
  );
}

/** A stream that is sent nothing fills up, and its watchers become victims. */
async function byVictims(run: CrashRun): Promise<void> {
  await run.cluster.arm('n1', 'beforeSendWatchResponse', 'sleep(10000)');
  await run.crash(on('n1', 'beforeMoveVictims'));
}

async function byRole(run: CrashRun): Promise<void> {
  await run.crash(on(await run.leader(), 'raftBeforeLeaderSend'));
  await run.crash(on(await run.leader(), 'raftDropHeartbeat'));
  const leader = await run.leader();
  await run.crash(on(leader === 'n1' ? 'n2' : 'n1', 'raftBeforeFollowerSend'));
}

type Step = (run: CrashRun) => Promise<void>;

const byWork = BY_WORK.map(
  (names): Step =>
    (run) =>
      run.crash(onEach(names)),
);
const byCompaction = BY_COMPACTION.map(
  (names): Step =>
    (run) =>
      run.crash(onEach(names), () => run.workload.compact(50)),
);
const bySnapshot = BY_SNAPSHOT.map(
  (names): Step =>
    (run) =>
      run.crashBehind('n3', names),
);

const byPowerLoss: Step = (run) => run.crashBeforeSave();

const EVERY = [
  ...byWork,
  byPowerLoss,
  ...byCompaction,
  byRequests,
  byMembership,
  byVictims,
  byLeases,
  byRole,
  ...bySnapshot,
];
/** One of each kind: what is synced, what is acknowledged, what a compaction leaves half done, who leads, and a snapshot between its two halves. */
const FEW = [...byWork.slice(0, 1), byPowerLoss, ...byCompaction.slice(0, 1), byRole, ...bySnapshot.slice(1, 2)];

test(
  'a member may crash at any moment: nothing acknowledged is lost, no watcher is cheated, and it starts again',
  () =>
    withTemporaryDirectory(async (directory) => {
      await using run = await CrashRun.start({ directory, firstPort: FIRST_PORT }, 'beforePublishing');
      await run.work();
      for (const step of WANTS_EVERY ? EVERY : FEW) await step(run);
      expect(await run.findings()).toEqual([]);
      if (WANTS_EVERY) expect([...run.crashed, NOT_SOON].sort()).toEqual([...FAILPOINTS].sort());
    }),
  WITHIN_MS,
);
