/** A member for tests of the services: does what it is told, and remembers what it was asked. */

import { AuthStore } from '../../src/auth/index.ts';
import type { RangeOperation, RangeResult, TxnOperation, TxnResult } from '../../src/mvcc/index.ts';
import {
  type ClusterMember,
  type HashAt,
  Identification,
  type LeaseAccess,
  type Member,
  type MemberStatus,
  type MembershipChanges,
  type Outcome,
  type Proposal,
} from '../../src/node/index.ts';
import type { StateSnapshot } from '../../src/storage/index.ts';
import { MemoryState } from './memory-state.ts';
import { SteppedClock } from './stepped-clock.ts';

const RANGE_RESULT: RangeResult = { kind: 'range', kvs: [], more: false, count: 0, revision: 7 };

export class FakeMember implements Member {
  readonly clusterId = 0xcdf8_1859_4e17_8b21n;
  readonly memberId = 0x8e9e_05c5_2164_694dn;
  revision = 7;
  term = 3;
  /** What was asked, in order: 'readIndex', 'range', 'readTxn', 'propose put'... */
  readonly asked: string[] = [];
  readonly proposals: Proposal[] = [];

  // What to do when asked; tests put in what they need.
  outcome: (proposal: Proposal) => Promise<Outcome> = async () => ({ ok: false, error: 'timeout' });
  ranges: (operation: RangeOperation) => Promise<RangeResult> = async () => RANGE_RESULT;
  read: () => Promise<void> = async () => {};
  hashes: (revision: number) => Promise<HashAt> = async () => ({ hash: 42, compactRevision: 2, hashRevision: 7 });
  readonly #auth = new AuthStore(new MemoryState());
  get auth(): AuthStore {
    return this.#auth;
  }
  readonly identification = new Identification(new SteppedClock(), 300_000, () => this.auth);
  now: MemberStatus = {
    leader: this.memberId,
    term: 3,
    committedIndex: 11,
    appliedIndex: 10,
    sizeBytes: 1000,
    sizeInUseBytes: 900,
    quotaBytes: 2 ** 31,
    isLearner: false,
    alarms: [],
  };

  /** Remembers what was asked, and does what `change` does. */
  change: () => Promise<void> = async () => {};
  readonly changes: MembershipChanges = {
    add: async (peerUrls, isLearner) => {
      this.asked.push(`add ${peerUrls.join()} ${isLearner ? 'learner' : 'voter'}`);
      await this.change();
      return { id: 9n, name: '', peerUrls, clientUrls: [], isLearner };
    },
    remove: (id) => this.#changed(`remove ${id}`),
    promote: (id) => this.#changed(`promote ${id}`),
    update: (id, peerUrls) => this.#changed(`update ${id} ${peerUrls.join()}`),
    moveLeader: (target) => this.#changed(`move leader ${target}`),
  };

  #changed(asked: string): Promise<void> {
    this.asked.push(asked);
    return this.change();
  }

  readonly leases: LeaseAccess = {
    grant: async (id, ttl) => ({ kind: 'leaseGrant', id: id === 0n ? 77n : id, ttl, revision: this.revision }),
    revoke: async () => this.revision,
    renew: async (ids) => ids.map((id) => (id === 7n ? 60 : 0)),
    timeOf: async () => ({ ttl: 21, grantedTtl: 60, keys: ['a'] }),
    list: async () => [7n],
    keysOf: (id) => (id === 7n ? ['a'] : []),
  };

  get leader(): bigint {
    return this.now.leader;
  }

  get isLearner(): boolean {
    return this.now.isLearner;
  }

  /** Chunks of the snapshot; `closedSnapshots` counts how many were closed. */
  chunks: readonly Uint8Array[] = [];
  closedSnapshots = 0;

  async snapshot(): Promise<StateSnapshot> {
    const { chunks } = this;
    return {
      applied: { index: 10, term: 3 },
      sizeBytesEstimate: chunks.reduce((sum, { length }) => sum + length, 0),
      chunks: (async function* () {
        yield* chunks;
      })(),
      close: () => {
        this.closedSnapshots++;
      },
    };
  }

  propose(proposal: Proposal): Promise<Outcome> {
    this.asked.push(`propose ${proposal.kind}`);
    this.proposals.push(proposal);
    return this.outcome(proposal);
  }

  readIndex(): Promise<void> {
    this.asked.push('readIndex');
    return this.read();
  }

  range(operation: RangeOperation): Promise<RangeResult> {
    this.asked.push('range');
    return this.ranges(operation);
  }

  async readTxn(operation: TxnOperation): Promise<TxnResult> {
    this.asked.push('readTxn');
    return { kind: 'txn', succeeded: operation.compare.length === 0, results: [], revision: this.revision };
  }

  hashKv(revision: number): Promise<HashAt> {
    this.asked.push(`hashKv ${revision}`);
    return this.hashes(revision);
  }

  status(): MemberStatus {
    return this.now;
  }

  members(): readonly ClusterMember[] {
    return [
      {
        id: this.memberId,
        name: 'default',
        peerUrls: ['http://127.0.0.1:2380'],
        clientUrls: ['http://127.0.0.1:2379'],
        isLearner: false,
      },
    ];
  }
}
