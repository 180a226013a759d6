/**
 * What the leader knows of one member's log, and so what it may send next (thesis 3.5, 10.2.1).
 *
 *     match   highest index known to be on the member's disk
 *     next    index of the next entry to send
 *
 *                    rejected                             next is compacted
 *        probe  <---------------  replicate      probe  ------------------->  snapshot
 *          |                          ^            ^                              |
 *          +--------------------------+            +------------------------------+
 *                   accepted                           sent or failed; or accepted
 *
 * - probe: the leader looks for the place where the logs agree. One message at a time; the next after an answer or,
 *   in case it was lost, after the next heartbeat's answer.
 * - replicate: the logs agree. Messages follow each other without waiting, as far as the window allows.
 * - snapshot: the member is so far behind that the entries are gone. Nothing is sent until the snapshot has come through.
 */

import { assert, unreachable } from '../base/index.ts';
import { Inflight } from './inflight.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export class Progress {
  match = 0;
  next: number;
  state: ProgressState = 'probe';
  /** In probe: a message is on its way and nothing more goes out until something comes back. */
  waiting = false;
  /** A message is owed even if there is nothing new to say: its answer will show whether something was lost. */
  owed = false;
  /** The commit index that the member was last told of by an append. */
  commitTold = 0;
  /** Whether it was heard of since the last check of the quorum. A new one has the benefit of the doubt. */
  active = true;
  /** No longer a member; served a little longer so that it hears of its removal. Counts for nothing. */
  departing = false;
  /** In snapshot: the index of the snapshot that is on its way. */
  snapshotIndex = 0;
  readonly inflight: Inflight;

  constructor(next: number, inflight: Inflight) {
    this.next = next;
    this.inflight = inflight;
  }

  /** Whether nothing may be sent now. */
  get paused(): boolean {
    switch (this.state) {
      case 'probe':
        return this.waiting;
      case 'replicate':
        return this.inflight.full;
      case 'snapshot':
        return true;
      default:
        return unreachable(this.state);
    }
  }

  becomeProbe(next: number): void {
    assert(next > this.match, `next ${next} must be after match ${this.match}`);
    this.#enter('probe');
    this.next = next;
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter('snapshot');
    this.snapshotIndex = index;
  }

  /** An append went out with entries up to `lastIndex` (the index before `next` if it had none). */
  sent(lastIndex: number, bytes: number, commit: number): void {
    this.owed = false;
    this.commitTold = commit;
    if (this.state === 'probe') {
      this.waiting = true;
    } else if (lastIndex >= this.next) {
      this.inflight.add(lastIndex, bytes);
      this.next = lastIndex + 1;
    }
  }

  /** The member has everything up to `index`. Returns whether that is news. */
  accepted(index: number): boolean {
    // An answer that says nothing new still ends the search of a probe: the logs agree up to match.
    if (index < this.match || (index === this.match && this.state !== 'probe')) return false;
    this.match = index;
    switch (this.state) {
      case 'probe':
        this.becomeReplicate();
        break;
      case 'replicate':
        this.inflight.freeTo(index);
        this.next = Math.max(this.next, index + 1);
        break;
      case 'snapshot':
        if (index >= this.snapshotIndex) this.becomeReplicate();
        break;
    }
    return true;
  }

  /**
   * The member refused an append after `prevIndex`; the logs can agree at `agreeIndex` at most.
   * Refusals come late and twice; one that is no news changes nothing.
   */
  rejected(prevIndex: number, agreeIndex: number): void {
    if (this.state === 'replicate' && prevIndex > this.match) {
      this.becomeProbe(this.match + 1);
    } else if (this.state === 'probe' && prevIndex === this.next - 1) {
      this.becomeProbe(Math.max(this.match + 1, Math.min(prevIndex, agreeIndex + 1)));
    }
  }

  /** A heartbeat was answered: the member lives, and `behind` says whether its log is known to be whole. */
  answered(behind: boolean): void {
    this.active = true;
    this.waiting = false;
    if (!behind) return;
    this.owed = true;
    if (this.state === 'replicate' && this.inflight.full) this.inflight.freeOldest();
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.waiting = false;
    this.owed = state === 'probe';
    this.snapshotIndex = 0;
    this.inflight.clear();
  }
}
