/**
 * What the entries applied so far have made of this member: the records (backend), their index (store), and the machine above. It is replaced
 * as a whole when a snapshot comes from the leader; whoever holds this object sees the new one from then on, the watchers too.
 */

import type { Bytes, Clock } from '../base/index.ts';
import { Leases } from '../lease/index.ts';
import { decodeLease, LEASE_ITEMS, Machine } from '../machine/index.ts';
import { type Event, type History, Store } from '../mvcc/index.ts';
import type { DurableBackend } from '../storage/index.ts';
import { nextTurn, SLICE_MS } from './turn.ts';

interface Parts {
  readonly backend: DurableBackend;
  readonly store: Store;
  readonly machine: Machine;
}

export class AppliedState implements History {
  #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Reads every lease and every record, in slices, checking each; the index is built on the way. Rejects with StoreDamagedError, BackendDamagedError. */
  static async load(backend: DurableBackend, clock: Clock): Promise<AppliedState> {
    const leases = new Leases();
    for await (const items of backend.items(LEASE_ITEMS)) {
      for (const { name, value } of items) leases.restore(decodeLease(name, value));
    }
    const store = new Store(backend, leases);
    let until = clock.now() + SLICE_MS;
    for await (const records of backend.scan()) {
      for (const record of records) {
        store.restore(record);
        if (clock.now() < until) continue;
        await nextTurn(clock);
        until = clock.now() + SLICE_MS;
      }
    }
    store.restoreDone(backend.mark);
    return new AppliedState({ backend, store, machine: new Machine(store, backend, leases) });
  }

  get backend(): DurableBackend {
    return this.#parts.backend;
  }

  get store(): Store {
    return this.#parts.store;
  }

  get machine(): Machine {
    return this.#parts.machine;
  }

  /** Becomes what `other` is. Returns the backend that it had, to be closed. */
  replace(other: AppliedState): DurableBackend {
    const { backend } = this.#parts;
    this.#parts = other.#parts;
    return backend;
  }

  // ---- History, for the watchers ----

  get currentRevision(): number {
    return this.#parts.store.currentRevision;
  }

  get compactRevision(): number {
    return this.#parts.store.compactRevision;
  }

  eventsOf(main: number): readonly Event[] {
    return this.#parts.store.eventsOf(main);
  }

  previousOf(event: Event): Bytes | undefined {
    return this.#parts.store.previousOf(event);
  }
}
