/**
 * Building the index again from the records when a member starts: all of them, in order of (main, sub), in as many slices as
 * the caller likes.
 *
 * The backend may have lost something without noticing. So revisions are counted: from the compact revision on there must not
 * be a gap, and the last must be the one that was written down as the last. And every key's lease must be there: the leases are
 * restored before the records.
 */

import { assert, type Key } from '../base/index.ts';
import type { ScannedRecord, StoreMark } from './backend.ts';
import { KeyIndex } from './key-index.ts';
import { decodeKeyValue } from './key-value.ts';
import type { StoreState } from './state.ts';

/** The records are not those of a whole store: it must be rebuilt from somewhere else. The message says what is missing. */
export class StoreDamagedError extends Error {
  override readonly name = 'StoreDamagedError';
}

export class Restoration {
  readonly #state: StoreState;
  #main = 1;
  #sub = 0;
  /** From this revision on, everything up to the last record is there. */
  #wholeFrom = 2;
  /** Keys by the lease of their last record so far, where there is no such lease. */
  readonly #orphans = new Map<Key, bigint>();

  constructor(state: StoreState) {
    this.#state = state;
  }

  /** Takes the next record. Throws StoreDamagedError if it cannot follow the one before. */
  add({ main, sub, tombstone, keyValue }: ScannedRecord): void {
    this.#count(main, sub);
    const { key, createRevision, version, modRevision, lease } = decodeKeyValue(keyValue);
    if (modRevision !== (tombstone ? 0 : main) || version > 0 === tombstone) {
      throw new StoreDamagedError(`the record of revision ${main}.${sub} says that it is of revision ${modRevision}`);
    }
    const { index } = this.#state;
    const entry = index.get(key);
    const wasAlive = entry?.alive === true;
    if (entry === undefined) index.set(key, new KeyIndex(main, sub, createRevision, version));
    else entry.append(main, sub, createRevision, version);
    if (wasAlive !== !tombstone) this.#state.keys += tombstone ? -1 : 1;
    this.#hang(key, lease);
  }

  /** All records have been taken. Throws StoreDamagedError if they are not those of a store that has this mark. */
  done(mark: StoreMark): void {
    const state = this.#state;
    const { currentRevision, compactRevision, finishedCompactRevision } = mark;
    if (this.#main !== currentRevision) {
      throw new StoreDamagedError(`the last revision is ${this.#main}, where it should be ${currentRevision}`);
    }
    if (this.#wholeFrom > Math.max(compactRevision, 1) + 1) {
      throw new StoreDamagedError(
        `something is missing just below revision ${this.#wholeFrom}, and the store was compacted at ${compactRevision} only`,
      );
    }
    for (const [, lease] of this.#orphans) {
      throw new StoreDamagedError(`${this.#orphans.size} keys hang on leases that are missing, such as ${lease}`);
    }
    assert(finishedCompactRevision <= compactRevision, 'a compaction cannot finish before it begins');
    state.currentRevision = currentRevision;
    state.compactRevision = compactRevision;
    state.finishedCompactRevision = finishedCompactRevision;
  }

  /** A key that has come to its last record hangs on the lease in that. Leases in records before it may be long gone. */
  #hang(key: Key, lease: bigint): void {
    const { leases } = this.#state;
    const isThere = lease === 0n || leases.exists(lease);
    leases.attach(key, isThere ? lease : 0n);
    if (!isThere) this.#orphans.set(key, lease);
    else if (this.#orphans.size > 0) this.#orphans.delete(key);
  }

  #count(main: number, sub: number): void {
    const isNext = main > this.#main || (main === this.#main && sub > this.#sub);
    if (!isNext || main < 2) throw new StoreDamagedError(`revision ${main}.${sub} after ${this.#main}.${this.#sub}`);
    const follows = main === this.#main ? sub === this.#sub + 1 : sub === 0;
    if (!follows) this.#wholeFrom = main + 1;
    else if (main > this.#main + 1) this.#wholeFrom = main;
    this.#main = main;
    this.#sub = sub;
    if (sub > 0) this.#state.operationCounts.set(main, sub + 1);
  }
}
