/** What the parts of the store share: the index in memory, the records behind the backend, and where history begins and ends. */

import { type Bytes, InvariantError, type Key, RequestError } from '../base/index.ts';
import type { Backend } from './backend.ts';
import type { KeyIndex, KeyRevision } from './key-index.ts';
import { OrderedMap } from './ordered-map.ts';
import { Pins } from './pins.ts';

/** Which lease keeps which key alive. A port: lease/ has it. It is told of every put and delete, as they are made or found at the start. */
export interface LeaseBook {
  /** Whether a lease of this id is granted and not revoked. */
  exists(id: bigint): boolean;
  /** The key hangs on this lease from now on, on none if that is 0n. */
  attach(key: Key, lease: bigint): void;
  /** The key is gone. */
  detach(key: Key): void;
}

/** Numbers since the start of the process, for the metrics. */
export interface StoreCounters {
  /** Operations, those within transactions included. */
  puts: number;
  deletes: number;
  ranges: number;
  /** Transactions of more than one operation. */
  txns: number;
  /** Bytes of keys and values put. */
  putBytes: number;
  /** Records that compaction has removed. */
  removedRecords: number;
}

export class StoreState {
  readonly backend: Backend;
  readonly leases: LeaseBook;
  readonly index: OrderedMap<KeyIndex> = new OrderedMap<KeyIndex>();
  /** Operations of each revision that has more than one; oldest first. Revisions that compaction has left behind are taken out. */
  readonly operationCounts: Map<number, number> = new Map<number, number>();
  readonly pins: Pins = new Pins();
  readonly counters: StoreCounters = { puts: 0, deletes: 0, ranges: 0, txns: 0, putBytes: 0, removedRecords: 0 };
  /** Keys that are there at the current revision. */
  keys = 0;
  currentRevision = 1;
  compactRevision = -1;
  finishedCompactRevision = -1;
  /** A write transaction is open. */
  writing = false;

  constructor(backend: Backend, leases: LeaseBook) {
    this.backend = backend;
    this.leases = leases;
  }

  /** What was written at a revision that the index knows. */
  record({ main, sub }: Pick<KeyRevision, 'main' | 'sub'>): Bytes {
    const record = this.backend.getRecord(main, sub);
    if (record === undefined) throw new InvariantError(`missing: the record of revision ${main}.${sub}`);
    return record;
  }

  /** Writes down where history begins and ends, in the batch that changed it. */
  putMark(): void {
    const { currentRevision, compactRevision, finishedCompactRevision } = this;
    this.backend.putStoreMark({ currentRevision, compactRevision, finishedCompactRevision });
  }

  /**
   * The revision that a read which asks for `revision` (0 or less for the newest) reads at, `newest` being the newest it can see.
   * Throws RequestError futureRevision, compacted.
   */
  revisionToRead(revision: number, newest: number): number {
    if (revision > newest) throw new RequestError('futureRevision');
    if (revision <= 0) return newest;
    if (revision < this.compactRevision) throw new RequestError('compacted');
    return revision;
  }
}
