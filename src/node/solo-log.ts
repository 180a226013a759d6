/**
 * The log of a cluster of one: what is on its disk is committed.
 *
 * Group commit. One write to the disk is under way at a time; whatever is proposed meanwhile goes into the next one:
 *
 *     turn 1   propose a, b            write [a b] + sync ......
 *     turn 2   propose c                                        \  committed(a b), write [c d e] + sync ...
 *     turn 3   propose d, e                                     /
 *
 * So a lone writer waits for one sync, and a thousand share one.
 */

import { type Bytes, type Clock, EMPTY_BYTES } from '../base/index.ts';
import type { Entry } from '../codec/index.ts';
import { type Wal, WalFailedError } from '../storage/index.ts';
import type { LogOwner, ReplicatedLog, StoredPosition } from './log.ts';

interface Waiting {
  readonly data: Bytes;
  readonly refused: (error: Error) => void;
}

/** Bounds one write: how long its sync takes, and how long the turn that encodes it. The rest waits for the next write. */
const GROUP_ENTRIES_MAX = 4096;
const GROUP_BYTES_MAX = 8 * 1024 * 1024;

export class SoloLog implements ReplicatedLog {
  readonly term: number;
  readonly leader: bigint;
  readonly #clock: Clock;
  readonly #wal: Wal;
  readonly #owner: LogOwner;
  #lastIndex: number;
  #committedIndex: number;
  #waiting: Waiting[] = [];
  #writing = false;
  #turnEndAsked = false;
  #closed = false;

  /** Everything in `wal`, up to `lastIndex`, must be on disk, and with it the hard state of `term`. */
  constructor(options: { clock: Clock; wal: Wal; owner: LogOwner; memberId: bigint; term: number; lastIndex: number }) {
    this.#clock = options.clock;
    this.#wal = options.wal;
    this.#owner = options.owner;
    this.leader = options.memberId;
    this.term = options.term;
    this.#lastIndex = options.lastIndex;
    this.#committedIndex = options.lastIndex;
  }

  get committedIndex(): number {
    return this.#committedIndex;
  }

  /** The owner bounds how many proposals are under way at once. */
  propose(data: Bytes, refused: (error: Error) => void): void {
    this.#waiting.push({ data, refused });
    this.#askForTurnEnd();
  }

  readIndex(): Promise<number> {
    return Promise.resolve(this.#committedIndex);
  }

  async release(stored: StoredPosition): Promise<void> {
    await this.#wal.markSnapshot({ ...stored, confState: EMPTY_BYTES });
    await this.#wal.release(stored.index);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#wal.close();
  }

  #askForTurnEnd(): void {
    if (this.#turnEndAsked || this.#writing) return;
    this.#turnEndAsked = true;
    this.#clock.after(0, () => {
      this.#turnEndAsked = false;
      void this.#writeGroup();
    });
  }

  /** Never rejects: what goes wrong is told to the proposers and the owner. */
  async #writeGroup(): Promise<void> {
    if (this.#writing || this.#closed || this.#waiting.length === 0) return;
    this.#writing = true;
    const group = this.#takeGroup();
    const entries = group.map(
      (waiting, i): Entry => ({
        type: 'normal',
        term: this.term,
        index: this.#lastIndex + 1 + i,
        data: waiting.data,
      }),
    );
    try {
      await this.#wal.append(entries);
      this.#lastIndex += entries.length;
      this.#committedIndex = this.#lastIndex;
      this.#owner.committed(entries);
    } catch (error) {
      this.#groupFailed(group, error as Error);
    } finally {
      this.#writing = false;
      if (this.#waiting.length > 0) this.#askForTurnEnd();
    }
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.data.length;
      if (count > 0 && (count === GROUP_ENTRIES_MAX || bytes > GROUP_BYTES_MAX)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /**
   * A failed write that the WAL took back is a refusal: nothing of the group is in the log. After a failed sync nobody knows
   * what is on the disk, now or after a restart: that is for the owner, and the group's fate stays open.
   */
  #groupFailed(group: readonly Waiting[], error: Error): void {
    if (error instanceof WalFailedError) {
      this.#owner.failed(error);
      return;
    }
    for (const waiting of group) waiting.refused(error);
  }
}
