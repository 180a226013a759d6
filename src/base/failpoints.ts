/**
 * Moments at which a test may interfere: crash the process, hold it up, or let a step fail. They have etcd's names, so that tools
 * which drive etcd's failpoints drive ours.
 *
 *     const text = await this.#failpoints?.reach('walBeforeSync');     where there can be waited: a sleep holds up this path only
 *     this.#failpoints?.hit('raftBeforeAdvance');                      in the middle of a turn: a sleep holds the whole member
 *
 * A part that has such moments takes Failpoints as it takes a Clock. In production nobody hands any in; what is left then is one look at a field.
 * What may be armed, and how, is in ops/failpoints. Each name with its place: the table in ops/failpoints/README.md.
 */

/** In etcd's order, by where they are. */
export const FAILPOINTS = [
  'raftBeforeSave',
  'raftAfterSave',
  'raftBeforeLeaderSend',
  'raftBeforeFollowerSend',
  'raftBeforeAdvance',
  'raftBeforeSaveSnap',
  'raftAfterSaveSnap',
  'raftBeforeApplySnap',
  'raftAfterApplySnap',
  'raftAfterWALRelease',
  'raftBeforeWALSaveSnaphot',
  'raftDropHeartbeat',
  'walBeforeSync',
  'walAfterSync',
  'beforeApplyOneEntryNormal',
  'beforeApplyOneConfChange',
  'applyBeforeOpenSnapshot',
  'applyAfterOpenSnapshot',
  'beforeCommit',
  'afterCommit',
  'beforeStartDBTxn',
  'afterStartDBTxn',
  'beforeWritebackBuf',
  'afterWritebackBuf',
  'commitBeforePreCommitHook',
  'commitAfterPreCommitHook',
  'compactBeforeCommitBatch',
  'compactAfterCommitBatch',
  'compactAfterAcquiredBatchTxLock',
  'compactBeforeSetFinishedCompact',
  'compactAfterSetFinishedCompact',
  'compactBeforeCommitScheduledCompact',
  'compactAfterCommitScheduledCompact',
  'beforeSendWatchResponse',
  'beforeSyncWatchers',
  'beforeMoveVictims',
  'beforeProgressIfSync',
  'beforeRangeStreamChunk',
  'beforeServeHTTPLeaseRenew',
  'beforeCheckpointInLeaseRenew',
  'beforeLookupWhenLeaseTimeToLive',
  'beforeLookupWhenForwardLeaseTimeToLive',
  'beforePublishing',
  'afterIsMemberExist',
  'beforeMoveLeader',
] as const;

export type FailpointName = (typeof FAILPOINTS)[number];

/** What a moment is told, if it is told to fail: the text of `return("text")`. Most moments have nothing that could fail, and go on. */
export type ToldToFail = string | undefined;

export interface Failpoints {
  /** Passes a moment at which nobody can wait. */
  hit(name: FailpointName): ToldToFail;
  /** Passes a moment at which there can be waited: at once if undefined, else when it resolves. Never rejects. */
  reach(name: FailpointName): PromiseLike<ToldToFail> | undefined;
}
