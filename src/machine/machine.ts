/**
 * The replicated state machine: what every member carries out for every entry of the log, in order (Ongaro, section 3.2).
 *
 *     entry -> request -> apply -> what came of it, for the client that asked
 *                            \---> events, for the watchers
 *                            \---> writes, in the backend's open batch
 *
 * It is a function of the entries alone: the same entries give the same state, the same answers and the same bytes on every
 * member. So a request that must be refused is refused here, on every member alike, by state that came from the log.
 * A refusal is an outcome, not an exception: it changes nothing, and it too is the same everywhere.
 */

import { type Author, AuthStore, NOBODY } from '../auth/index.ts';
import { type Bytes, type ErrorCode, RequestError, unreachable } from '../base/index.ts';
import type { Lease, Leases } from '../lease/index.ts';
import type { CompactionJob, Event, OperationResult, Store } from '../mvcc/index.ts';
import { type Alarm, Alarms } from './alarm.ts';
import { encodeLease, LEASE_ITEMS, leaseName } from './lease-item.ts';
import { decodeMembership, encodeMembership, Membership } from './membership.ts';
import { checkRequest } from './permission.ts';
import { costBytes } from './quota.ts';
import type { AlarmRequest, LeaseGrantRequest, LeaseRevokeRequest, MachineRequest } from './request.ts';

/** Small state of the machine beside the store, kept in the backend's batches. A port: storage/ has it. */
export interface StateBackend {
  getState(name: string): Bytes | undefined;
  putState(name: string, value: Bytes): void;
  /** One of many things of a kind, which are read at the start only (storage: items). */
  putItem(kind: string, name: string, value: Bytes): void;
  deleteItem(kind: string, name: string): void;
}

export interface AlarmResult {
  readonly kind: 'alarm';
  readonly alarms: readonly Alarm[];
  readonly revision: number;
}

export interface CompactionStarted {
  readonly kind: 'compaction';
  readonly revision: number;
  readonly job: CompactionJob;
}

export interface MembershipResult {
  readonly kind: 'membership';
  readonly revision: number;
}

export interface LeaseGrantResult {
  readonly kind: 'leaseGrant';
  readonly id: bigint;
  readonly ttl: number;
  readonly revision: number;
}

/** A lease was revoked, or some were written down. */
export interface LeaseResult {
  readonly kind: 'lease';
  readonly revision: number;
}

export type MachineResult =
  | OperationResult
  | CompactionStarted
  | AlarmResult
  | MembershipResult
  | LeaseGrantResult
  | LeaseResult
  | AuthResult;

/** Users, roles or permissions are as was asked. */
export interface AuthResult {
  readonly kind: 'auth';
  readonly revision: number;
}

export type Applied =
  | { readonly ok: true; readonly result: MachineResult; readonly events: readonly Event[] }
  | { readonly ok: false; readonly error: ErrorCode };

/** What no alarm forbids: without these, none could be mended. */
const ALWAYS: ReadonlySet<MachineRequest['kind']> = new Set([
  'alarm',
  'configuration',
  'memberAttributes',
  'memberUpdate',
]);

const NO_EVENTS: readonly Event[] = [];
const ALARMS_STATE = 'alarms';
export const MEMBERSHIP_STATE = 'membership';
/** Raft's configuration as of the applied entry: whoever starts from this state as a snapshot needs it. */
export const CONFIGURATION_STATE = 'configuration';

export class Machine {
  readonly store: Store;
  readonly #state: StateBackend;
  readonly #alarms: Alarms;
  readonly membership: Membership;
  readonly leases: Leases;
  readonly auth: AuthStore;

  /** The store, the state and the leases (those that the store tells of its keys) must have been loaded. */
  constructor(store: Store, state: StateBackend, leases: Leases) {
    this.store = store;
    this.leases = leases;
    this.#state = state;
    const alarms = state.getState(ALARMS_STATE);
    this.#alarms = alarms === undefined ? new Alarms() : Alarms.decode(alarms);
    const membership = state.getState(MEMBERSHIP_STATE);
    this.membership = new Membership(membership === undefined ? undefined : decodeMembership(membership));
    this.auth = new AuthStore(state);
  }

  alarms(): readonly Alarm[] {
    return this.#alarms.list();
  }

  /** Carries out the request of the entry at `index`, if its author may have it. Throws only for a broken invariant. */
  apply(request: MachineRequest, author: Author = NOBODY, index = 0): Applied {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return { ok: false, error: refusal };
    try {
      checkRequest(this.auth, author, request, this.leases);
      return this.#carryOut(request, index);
    } catch (error) {
      if (error instanceof RequestError) return { ok: false, error: error.code };
      throw error;
    }
  }

  /** Why an alarm forbids the request, if one does. */
  #refusal(request: MachineRequest): ErrorCode | undefined {
    if (ALWAYS.has(request.kind)) return undefined;
    if (this.#alarms.has('corrupt')) return 'corrupt';
    if (this.#alarms.has('nospace') && costBytes(request) > 0) return 'noSpace';
    return undefined;
  }

  #carryOut(request: MachineRequest, index: number): Applied {
    switch (request.kind) {
      case 'put':
      case 'deleteRange':
      case 'txn': {
        const { result, events } = this.store.apply(request);
        return { ok: true, result, events };
      }
      case 'compaction': {
        const job = this.store.compact(request.revision);
        return {
          ok: true,
          result: { kind: 'compaction', revision: this.store.currentRevision, job },
          events: NO_EVENTS,
        };
      }
      case 'alarm':
        return { ok: true, result: this.#applyAlarm(request), events: NO_EVENTS };
      case 'configuration':
        this.membership.change(request.change);
        this.#state.putState(CONFIGURATION_STATE, request.configuration);
        return this.#membershipChanged();
      case 'memberAttributes':
        this.membership.setAttributes(request.id, request.name, request.clientUrls);
        return this.#membershipChanged();
      case 'memberUpdate':
        this.membership.setPeerUrls(request.id, request.peerUrls);
        return this.#membershipChanged();
      case 'leaseGrant':
        return this.#grantLease(request, index);
      case 'leaseRevoke':
        return this.#revokeLease(request);
      case 'leaseCheckpoint':
        for (const { id, remainingTtl } of request.checkpoints) {
          const lease = this.leases.checkpoint(id, remainingTtl);
          if (lease !== undefined) this.#putLease(lease);
        }
        return this.#leaseChanged(NO_EVENTS);
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
        this.auth.apply(request);
        return { ok: true, result: { kind: 'auth', revision: this.store.currentRevision }, events: NO_EVENTS };
      default:
        return unreachable(request);
    }
  }

  #grantLease({ id, ttl }: LeaseGrantRequest, index: number): Applied {
    this.#putLease(this.leases.grant(id, ttl, index));
    const revision = this.store.currentRevision;
    return { ok: true, result: { kind: 'leaseGrant', id, ttl, revision }, events: NO_EVENTS };
  }

  /** Its keys are deleted in their order, all in one revision; there is none if it has no keys. */
  #revokeLease({ id, grantedAt }: LeaseRevokeRequest): Applied {
    const lease = this.leases.get(id);
    if (lease === undefined || isAnother(lease, grantedAt)) throw new RequestError('leaseNotFound');
    const keys = [...this.leases.keysOf(id)].sort();
    const write = this.store.begin();
    for (const key of keys) write.deleteRange({ kind: 'deleteRange', range: { key, end: undefined }, prevKv: false });
    const events = write.end();
    this.leases.remove(id);
    this.#state.deleteItem(LEASE_ITEMS, leaseName(id));
    return this.#leaseChanged(events);
  }

  #putLease(lease: Lease): void {
    this.#state.putItem(LEASE_ITEMS, leaseName(lease.id), encodeLease(lease));
  }

  #leaseChanged(events: readonly Event[]): Applied {
    return { ok: true, result: { kind: 'lease', revision: this.store.currentRevision }, events };
  }

  #membershipChanged(): Applied {
    this.#state.putState(MEMBERSHIP_STATE, encodeMembership(this.membership.snapshot()));
    return { ok: true, result: { kind: 'membership', revision: this.store.currentRevision }, events: NO_EVENTS };
  }

  #applyAlarm(request: AlarmRequest): AlarmResult {
    const revision = this.store.currentRevision;
    const { action, memberId, alarm: type } = request;
    if (action === 'get')
      return { kind: 'alarm', alarms: this.#alarms.list(type === 'none' ? undefined : type), revision };
    if (type === 'none') return { kind: 'alarm', alarms: [], revision };
    const alarm: Alarm = { memberId, type };
    const changed = action === 'activate' ? this.#alarms.activate(alarm) : this.#alarms.deactivate(alarm);
    if (changed) this.#state.putState(ALARMS_STATE, this.#alarms.encode());
    // Raising an alarm answers with it even if it was up already; lowering one that was not up answers with nothing.
    return { kind: 'alarm', alarms: changed || action === 'activate' ? [alarm] : [], revision };
  }
}

/** Whether it is not the lease that was meant: another one of the same id has been granted since. */
function isAnother(lease: Lease, grantedAt: number | undefined): boolean {
  return grantedAt !== undefined && lease.grantedAt !== 0 && grantedAt !== lease.grantedAt;
}
