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

import { type Bytes, type ErrorCode, RequestError, unreachable } from '../base/index.ts';
import type { CompactionJob, Event, OperationResult, Store } from '../mvcc/index.ts';
import { type Alarm, Alarms } from './alarm.ts';
import { decodeMembership, encodeMembership, Membership } from './membership.ts';
import { costBytes } from './quota.ts';
import type { AlarmRequest, MachineRequest } from './request.ts';

/** Small state of the machine beside the store, kept in the backend's batches. A port: storage/ has it. */
export interface StateBackend {
  getState(name: string): Bytes | undefined;
  putState(name: string, value: Bytes): void;
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

export type MachineResult = OperationResult | CompactionStarted | AlarmResult | MembershipResult;

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
const MEMBERSHIP_STATE = 'membership';
/** Raft's configuration as of the applied entry: whoever starts from this state as a snapshot needs it. */
export const CONFIGURATION_STATE = 'configuration';

export class Machine {
  readonly store: Store;
  readonly #state: StateBackend;
  readonly #alarms: Alarms;
  readonly membership: Membership;

  /** The store and the state must have been loaded. */
  constructor(store: Store, state: StateBackend) {
    this.store = store;
    this.#state = state;
    const alarms = state.getState(ALARMS_STATE);
    this.#alarms = alarms === undefined ? new Alarms() : Alarms.decode(alarms);
    const membership = state.getState(MEMBERSHIP_STATE);
    this.membership = new Membership(membership === undefined ? undefined : decodeMembership(membership));
  }

  alarms(): readonly Alarm[] {
    return this.#alarms.list();
  }

  /** Carries out one entry's request. Throws only for a broken invariant. */
  apply(request: MachineRequest): Applied {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return { ok: false, error: refusal };
    try {
      return this.#carryOut(request);
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

  #carryOut(request: MachineRequest): Applied {
    switch (request.kind) {
      case 'put':
      case 'deleteRange':
      case 'txn':
        return { ok: true, ...this.store.apply(request) };
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
      default:
        return unreachable(request);
    }
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
