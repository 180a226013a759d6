/** A member with a real machine, store and watchers, alone and without a log: what is proposed is applied at once. */

import type { AuthStore } from '../../src/auth/index.ts';
import { RequestError, SimulatedClock } from '../../src/base/index.ts';
import { encodeLeaseGrant, encodeLeaseRevoke } from '../../src/codec/index.ts';
import type { RangeOperation, RangeResult, TxnOperation, TxnResult } from '../../src/mvcc/index.ts';
import { AppliedState } from '../../src/node/applied-state.ts';
import type { LeaseAccess, Outcome, Proposal } from '../../src/node/index.ts';
import { machineRequest } from '../../src/node/machine-request.ts';
import { MemoryTable, RecordBackend } from '../../src/storage/index.ts';
import { WatchableStore } from '../../src/watch/index.ts';
import { FakeMember } from './fake-member.ts';

const FIRST_LEASE = 1000n;

export class StoredMember extends FakeMember {
  readonly clock: SimulatedClock;
  readonly watchable: WatchableStore;
  readonly #state: AppliedState;
  #nextLease = FIRST_LEASE;
  #index = 0;

  private constructor(state: AppliedState, clock: SimulatedClock) {
    super();
    this.#state = state;
    this.clock = clock;
    this.watchable = new WatchableStore(state, clock);
    this.revision = state.currentRevision;
  }

  static async open(): Promise<StoredMember> {
    const clock = new SimulatedClock();
    const backend = await RecordBackend.open(new MemoryTable(), {
      onFailure: (error) => {
        throw error;
      },
    });
    return new StoredMember(await AppliedState.load(backend, clock), clock);
  }

  override get auth(): AuthStore {
    return this.#state.machine.auth;
  }

  override async propose({ kind, request, by }: Proposal): Promise<Outcome> {
    // As if through a log: the answer is not there in the same breath.
    await Promise.resolve();
    const asked = machineRequest(kind, request);
    const applied = this.#state.machine.apply(asked, by);
    this.#index++;
    this.revision = this.#state.currentRevision;
    if (!applied.ok) return applied;
    this.identification.applied(asked, this.#index);
    if (applied.events.length > 0) this.watchable.notify(this.revision, applied.events);
    const { result } = applied;
    if (result.kind === 'auth') return { ok: true, result: { ...result, index: this.#index } };
    if (result.kind !== 'compaction') return { ok: true, result };
    while (!result.job.step(Number.POSITIVE_INFINITY)) continue;
    return { ok: true, result: { kind: 'compaction', revision: result.revision, removed: Promise.resolve() } };
  }

  override async range(operation: RangeOperation): Promise<RangeResult> {
    return this.#state.store.range(operation);
  }

  override async readTxn(operation: TxnOperation): Promise<TxnResult> {
    return this.#state.store.readTxn(operation);
  }

  override readonly leases: LeaseAccess = {
    grant: async (id, ttl, by) => {
      const given = id === 0n ? this.#nextLease++ : id;
      const outcome = await this.propose({
        kind: 'leaseGrant',
        request: encodeLeaseGrant({ kind: 'leaseGrant', id: given, ttl }),
        by,
      });
      if (!outcome.ok) throw new RequestError(outcome.error);
      return { kind: 'leaseGrant', id: given, ttl, revision: this.revision };
    },
    revoke: async (id, by) => {
      const outcome = await this.propose({
        kind: 'leaseRevoke',
        request: encodeLeaseRevoke({ kind: 'leaseRevoke', id }),
        by,
      });
      if (!outcome.ok) throw new RequestError(outcome.error);
      return this.revision;
    },
    renew: async (ids) => ids.map(() => 60),
    timeOf: async () => ({ ttl: 60, grantedTtl: 60, keys: [] }),
    list: async () => [],
    keysOf: (id) => this.#state.machine.leases.keysOf(id),
  };
}
