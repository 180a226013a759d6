/** What a member says of itself. */

import type { etcdserverpb } from '../gen/etcd.js';
import { bigintOf, numberOf } from './integer.ts';

export interface MemberStatus {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly term: number;
  readonly version: string;
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  /** 0n for none. */
  readonly leader: bigint;
  readonly committedIndex: number;
  readonly appliedIndex: number;
  readonly isLearner: boolean;
  readonly errors: readonly string[];
}

export interface HashKvResult {
  readonly revision: number;
  readonly hash: number;
  /** The revision below which history was forgotten, -1 if none was. */
  readonly compactRevision: number;
}

export function statusResult(response: etcdserverpb.StatusResponse): MemberStatus {
  return {
    clusterId: bigintOf(response.header?.cluster_id),
    memberId: bigintOf(response.header?.member_id),
    revision: numberOf(response.header?.revision),
    term: numberOf(response.raftTerm),
    version: response.version,
    sizeBytes: numberOf(response.dbSize),
    sizeInUseBytes: numberOf(response.dbSizeInUse),
    leader: bigintOf(response.leader),
    committedIndex: numberOf(response.raftIndex),
    appliedIndex: numberOf(response.raftAppliedIndex),
    isLearner: response.isLearner,
    errors: response.errors,
  };
}

export function hashKvResult(response: etcdserverpb.HashKVResponse): HashKvResult {
  return {
    revision: numberOf(response.header?.revision),
    hash: response.hash,
    compactRevision: numberOf(response.compact_revision),
  };
}
