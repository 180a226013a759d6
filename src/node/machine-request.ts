/** From the request in an entry to what it asks of the machine. */

import { assert, type Bytes, unreachable } from '../base/index.ts';
import {
  decodeAlarm,
  decodeAuthRequest,
  decodeCompaction,
  decodeDeleteRange,
  decodeLeaseCheckpoint,
  decodeLeaseGrant,
  decodeLeaseRevoke,
  decodeMemberAttributes,
  decodeMemberUpdate,
  decodePut,
  decodeTxn,
  type InternalKind,
} from '../codec/index.ts';
import type { MachineRequest } from '../machine/index.ts';

/**
 * The bytes were decoded once before they were let into the log, so failing here is a broken invariant; so is a kind that this
 * version does not know: to pass over an entry that others apply would make this member differ from them.
 */
export function machineRequest(kind: InternalKind | 'unknown', request: Bytes): MachineRequest {
  assert(kind !== 'unknown', 'an entry of a kind that this version does not know: it was written by a newer version');
  switch (kind) {
    case 'put':
      return decodePut(request);
    case 'deleteRange':
      return decodeDeleteRange(request);
    case 'txn':
      return decodeTxn(request);
    case 'compaction':
      return decodeCompaction(request);
    case 'alarm':
      return decodeAlarm(request);
    case 'leaseGrant':
      return decodeLeaseGrant(request);
    case 'leaseRevoke':
      return decodeLeaseRevoke(request);
    case 'leaseCheckpoint':
      return decodeLeaseCheckpoint(request);
    case 'memberAttributes':
      return decodeMemberAttributes(request);
    case 'memberUpdate':
      return decodeMemberUpdate(request);
    case 'authEnable':
    case 'authDisable':
    case 'authenticate':
    case 'authUserAdd':
    case 'authUserDelete':
    case 'authUserChangePassword':
    case 'authUserGrantRole':
    case 'authUserRevokeRole':
    case 'authRoleAdd':
    case 'authRoleDelete':
    case 'authRoleGrantPermission':
    case 'authRoleRevokePermission':
      return decodeAuthRequest(kind, request);
    default:
      return unreachable(kind);
  }
}
