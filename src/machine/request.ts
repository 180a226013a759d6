/** What an entry of the log asks of the machine, decoded. */

import type { AuthRequest } from '../auth/index.ts';
import type { Bytes } from '../base/index.ts';
import type { Checkpoint } from '../lease/index.ts';
import type { DeleteRangeOperation, PutOperation, TxnOperation } from '../mvcc/index.ts';
import type { AlarmType } from './alarm.ts';
import type { MembershipChange } from './membership.ts';

export interface CompactionRequest {
  readonly kind: 'compaction';
  readonly revision: number;
  /** The caller wants to hear when the old revisions are really gone: nothing that concerns the machine. */
  readonly physical: boolean;
}

export interface AlarmRequest {
  readonly kind: 'alarm';
  readonly action: 'get' | 'activate' | 'deactivate';
  readonly memberId: bigint;
  readonly alarm: AlarmType | 'none';
}

/** The members have changed along with Raft's configuration. */
export interface ConfigurationRequest {
  readonly kind: 'configuration';
  readonly change: MembershipChange;
  /** Raft's configuration from here on, encoded: kept with the state, for snapshots. */
  readonly configuration: Bytes;
}

/** What a member says of itself when it starts. */
export interface MemberAttributesRequest {
  readonly kind: 'memberAttributes';
  readonly id: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

/** A member is to be reached elsewhere. */
export interface MemberUpdateRequest {
  readonly kind: 'memberUpdate';
  readonly id: bigint;
  readonly peerUrls: readonly string[];
}

export interface LeaseGrantRequest {
  readonly kind: 'leaseGrant';
  readonly id: bigint;
  /** Seconds. */
  readonly ttl: number;
}

export interface LeaseRevokeRequest {
  readonly kind: 'leaseRevoke';
  readonly id: bigint;
  /** Only the lease that this entry granted; undefined: whichever there is. */
  readonly grantedAt?: number | undefined;
}

/** What was left of some leases when the leader looked. */
export interface LeaseCheckpointRequest {
  readonly kind: 'leaseCheckpoint';
  readonly checkpoints: readonly Checkpoint[];
}

export type MachineRequest =
  | PutOperation
  | DeleteRangeOperation
  | TxnOperation
  | CompactionRequest
  | AlarmRequest
  | ConfigurationRequest
  | MemberAttributesRequest
  | MemberUpdateRequest
  | LeaseGrantRequest
  | LeaseRevokeRequest
  | LeaseCheckpointRequest
  | AuthRequest;
