/** etcdserverpb.Maintenance. Downgrade is not served: there is no other version to go to. */

import type { Caller } from '../auth/index.ts';
import { type Bytes, EMPTY_BYTES, ERRORS, RequestError, SERVER_VERSION, STORAGE_VERSION } from '../base/index.ts';
import { etcdserverpb as pb } from '../gen/etcd.js';
import type { Alarm, Member } from '../node/index.ts';
import type { Message, Method } from '../wire/index.ts';
import type { Callers } from './auth/callers.ts';
import { headerOf } from './header.ts';
import { decodeMessage, encodeMessage, headerFields, uint64Of } from './message.ts';
import { snapshotMethod } from './snapshot.ts';

export function maintenanceMethods(member: Member, callers: Callers): readonly (readonly [string, Method])[] {
  return [
    ['/etcdserverpb.Maintenance/Status', { kind: 'unary', handler: () => status(member) }],
    [
      '/etcdserverpb.Maintenance/Alarm',
      { kind: 'unary', handler: (request, call) => alarm(member, request, callers.of(call)) },
    ],
    ['/etcdserverpb.Maintenance/HashKV', { kind: 'unary', handler: (request) => hashKv(member, request) }],
    ['/etcdserverpb.Maintenance/Hash', { kind: 'unary', handler: () => hash(member) }],
    ['/etcdserverpb.Maintenance/MoveLeader', { kind: 'unary', handler: (request) => moveLeader(member, request) }],
    ['/etcdserverpb.Maintenance/Snapshot', snapshotMethod(member)],
    ['/etcdserverpb.Maintenance/Defragment', { kind: 'unary', handler: defragment }],
  ];
}

/** etcd's numbers. */
const ALARM_TYPES: Readonly<Record<Alarm['type'], number>> = { nospace: 1, corrupt: 2 };

const alarmFields = (one: Alarm): object => ({ memberID: one.memberId, alarm: ALARM_TYPES[one.type] });

function status(member: Member): Message {
  const now = member.status();
  // The blank at the end is protobuf's text format, and etcd's.
  const errors = now.alarms.map(({ memberId, type }) => `memberID:${memberId} alarm:${type.toUpperCase()} `);
  if (now.leader === 0n) errors.unshift(ERRORS.noLeader.text);
  return encodeMessage(pb.StatusResponse, {
    header: headerFields(headerOf(member)),
    version: SERVER_VERSION,
    dbSize: now.sizeBytes,
    leader: now.leader,
    raftIndex: now.committedIndex,
    raftTerm: now.term,
    raftAppliedIndex: now.appliedIndex,
    errors,
    dbSizeInUse: now.sizeInUseBytes,
    isLearner: now.isLearner,
    storageVersion: STORAGE_VERSION,
    dbSizeQuota: now.quotaBytes,
    downgradeInfo: { enabled: false, targetVersion: '' },
  });
}

/** Alarms are the cluster's: even asking for them goes through the log. */
async function alarm(member: Member, request: Bytes, by: Caller): Promise<Message> {
  decodeMessage(pb.AlarmRequest, request);
  const outcome = await member.propose({ kind: 'alarm', request, by });
  if (!outcome.ok) throw new RequestError(outcome.error);
  if (outcome.result.kind !== 'alarm') throw new Error(`an alarm request came to ${outcome.result.kind}`);
  const { alarms, revision } = outcome.result;
  return encodeMessage(pb.AlarmResponse, {
    header: headerFields(headerOf(member, revision)),
    alarms: alarms.map(alarmFields),
  });
}

async function hashKv(member: Member, request: Bytes): Promise<Message> {
  const { revision } = decodeMessage(pb.HashKVRequest, request);
  const at = await member.hashKv(Number(revision));
  return encodeMessage(pb.HashKVResponse, {
    header: headerFields(headerOf(member)),
    hash: at.hash,
    compact_revision: at.compactRevision,
    hash_revision: at.hashRevision,
  });
}

/** etcd hashes its whole file, which tells members of one version apart at best. Ours have no such file; the store's hash tells more. */
async function hash(member: Member): Promise<Message> {
  const at = await member.hashKv(0);
  return encodeMessage(pb.HashResponse, { header: headerFields(headerOf(member)), hash: at.hash });
}

/**
 * Nothing to do, and so nothing to stop the world for: etcd's file keeps the pages that compaction has emptied until it is
 * rewritten, but LevelDB's tables are rewritten as part of its daily work. The answer is empty, as etcd's is.
 */
function defragment(): Message {
  return EMPTY_BYTES;
}

/** The answer has no header, as etcd's has none. */
async function moveLeader(member: Member, request: Bytes): Promise<Message> {
  const { targetID } = decodeMessage(pb.MoveLeaderRequest, request);
  await member.changes.moveLeader(uint64Of(targetID));
  return EMPTY_BYTES;
}
