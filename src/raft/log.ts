/**
 * One member's log (thesis 3.5), from its compacted start (5.1) to entries that are not on its disk yet.
 *
 *        compacted          kept in memory
 *     1 . . . . . . 7 | 8  9  10  11  12  13  14  15
 *              offset ^    ^applied        ^stable ^last
 *                             ^applying ^commit
 *
 *     offset     the entries up to it are gone; only its own position is known
 *     applied    the owner has applied them
 *     applying   handed to the owner for applying
 *     commit     known to be committed
 *     written    handed to the owner for writing
 *     stable     on this member's disk
 *
 * applied <= applying <= commit, stable; and stable <= written <= last. Entries are applied only once they are on the own disk as
 * well, so that the state machine is never ahead of the log after a crash.
 *
 * Several writes may be under way at once. A write that is overtaken by a truncation must not make stable what replaced
 * its entries, so a truncation shortens the writes under way:
 *
 *     write 1: up to 15      truncate from 12, append 12' 13'      write 2: up to 13'
 *     write 1 done           stable = 11, not 15
 *     write 2 done           stable = 13'
 */

import { assert, InvariantError, present } from '../base/index.ts';
import { checkedPosition, type Entry, entryBytes, type Position } from './entry.ts';

interface WriteUnderWay {
  readonly number: number;
  lastIndex: number;
}

export class Log {
  #offset: Position;
  /** #entries[i] has the index #offset.index + 1 + i. */
  #entries: Entry[] = [];
  #stable: number;
  #written: number;
  #commit: number;
  #applying: number;
  #applied: number;
  #writes: WriteUnderWay[] = [];

  /** A log as it was read from disk: what is compacted, the entries after that, and how far it was committed and applied. */
  constructor(offset: Position, entries: readonly Entry[], commit: number, applied: number) {
    this.#offset = { index: offset.index, term: offset.term };
    this.#push(entries);
    this.#stable = this.lastIndex;
    this.#written = this.lastIndex;
    this.#applied = Math.max(applied, offset.index);
    this.#applying = this.#applied;
    this.#commit = Math.max(commit, this.#applied);
    assert(this.#commit <= this.lastIndex, `commit ${this.#commit} is beyond the log's end ${this.lastIndex}`);
  }

  /** The position of the last compacted entry, or of the snapshot that the log begins after. */
  get offset(): Position {
    return this.#offset;
  }

  get lastIndex(): number {
    return this.#offset.index + this.#entries.length;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#offset.term;
  }

  get stable(): number {
    return this.#stable;
  }

  get commit(): number {
    return this.#commit;
  }

  get applying(): number {
    return this.#applying;
  }

  get applied(): number {
    return this.#applied;
  }

  /** The term of the entry at `index`; undefined if it is compacted or not there yet. */
  termAt(index: number): number | undefined {
    if (index === this.#offset.index) return this.#offset.term;
    return this.#entries[index - this.#offset.index - 1]?.term;
  }

  /** Whether this log has that very entry. */
  has(position: Position): boolean {
    return this.termAt(position.index) === position.term;
  }

  /** The election restriction (3.6.1): whether a log that ends at `last` is at least as complete as this one. */
  isUpToDate(last: Position): boolean {
    return last.term > this.lastTerm || (last.term === this.lastTerm && last.index >= this.lastIndex);
  }

  /**
   * The highest index, at most `index`, whose term is at most `term`: the best guess where this log can agree with one that has
   * `term` at `index` (the last paragraph of 3.5). Terms never fall along a log, so whole terms are skipped at once.
   *
   *     leader    1 1 1 5 5 5 5          append after 7 (term 5); the follower refuses: at most 7, term at most 5 -> 6, term 3
   *     follower  1 1 1 3 3 3            the leader: at most 6, term at most 3 -> 3, term 1. Next probe after 3. It agrees.
   *
   * Below the offset nothing is known: then it is `index` itself, if that is below, or the offset.
   */
  agreeingIndex(index: number, term: number): number {
    if (index <= this.#offset.index) return index;
    let low = 0;
    let high = Math.min(index, this.lastIndex) - this.#offset.index;
    // Among the first `high` entries, how many have a term of at most `term`?
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#entries[middle - 1] as Entry).term <= term) low = middle;
      else high = middle - 1;
    }
    return this.#offset.index + low;
  }

  /** Entries from `from` to `to`, both included, as many as fit in `bytesMax` but at least one if there is one. */
  slice(from: number, to: number, bytesMax: number): Entry[] {
    assert(from > this.#offset.index, `entry ${from} is compacted (up to ${this.#offset.index})`);
    const entries: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= Math.min(to, this.lastIndex); index++) {
      const entry = this.entryAt(index);
      bytes += entryBytes(entry);
      if (entries.length > 0 && bytes > bytesMax) break;
      entries.push(entry);
    }
    return entries;
  }

  /** The entry at `index`, which must be in memory. */
  entryAt(index: number): Entry {
    const entry = this.#entries[index - this.#offset.index - 1];
    if (entry === undefined) throw new InvariantError(`missing: log entry ${index}`);
    return entry;
  }

  /** Adds entries at the end. */
  append(entries: readonly Entry[]): void {
    this.#push(entries);
  }

  /** Takes away the entry at `from` and all after it, which no quorum can have; returns them. */
  truncate(from: number): Entry[] {
    assert(from > this.#commit, `entry ${from} cannot be taken back: committed up to ${this.#commit}`);
    const removed = this.#entries.splice(from - this.#offset.index - 1);
    this.#stable = Math.min(this.#stable, from - 1);
    this.#written = Math.min(this.#written, from - 1);
    for (const write of this.#writes) write.lastIndex = Math.min(write.lastIndex, from - 1);
    return removed;
  }

  /** Raises the commit index; it never falls. */
  commitTo(index: number): void {
    if (index <= this.#commit) return;
    assert(index <= this.lastIndex, `commit ${index} is beyond the log's end ${this.lastIndex}`);
    this.#commit = index;
  }

  get hasUnwritten(): boolean {
    return this.#written < this.lastIndex;
  }

  /** The entries that no write has taken yet; they belong to write `number` from now on. */
  takeUnwritten(number: number): Entry[] {
    const entries = this.#entries.slice(this.#written - this.#offset.index);
    this.#written = this.lastIndex;
    if (entries.length > 0) this.#writes.push({ number, lastIndex: this.lastIndex });
    return entries;
  }

  /** Write `number` and all before it are on disk. */
  writesDone(number: number): void {
    let done = 0;
    for (const write of this.#writes) {
      if (write.number > number) break;
      this.#stable = Math.max(this.#stable, write.lastIndex);
      done++;
    }
    this.#writes.splice(0, done);
  }

  /** Whether there is something to hand to the owner for applying. */
  get hasApplicable(): boolean {
    return this.#applying < Math.min(this.#commit, this.#stable);
  }

  /** The next committed entries to apply, as many as fit in `bytesMax` but at least one. */
  takeApplicable(bytesMax: number): Entry[] {
    if (!this.hasApplicable) return [];
    const entries = this.slice(this.#applying + 1, Math.min(this.#commit, this.#stable), bytesMax);
    this.#applying += entries.length;
    return entries;
  }

  /** The owner has applied everything up to `index`. */
  appliedTo(index: number): void {
    assert(index <= this.#applying, `applied ${index} was never handed out (up to ${this.#applying})`);
    this.#applied = Math.max(this.#applied, index);
  }

  /** Forgets the entries up to `index`, which are applied. */
  compact(index: number): void {
    if (index <= this.#offset.index) return;
    assert(index <= this.#applied, `cannot compact to ${index}: applied up to ${this.#applied}`);
    const term = present(this.termAt(index), `the term of entry ${index}`);
    this.#entries.splice(0, index - this.#offset.index);
    this.#offset = { index, term };
  }

  /** A snapshot takes the place of the whole log; returns the entries that were not applied yet. */
  restore(mark: Position): Entry[] {
    assert(mark.index > this.#commit, `snapshot ${mark.index} is not ahead of commit ${this.#commit}`);
    const removed = this.#entries.slice(Math.max(0, this.#applying - this.#offset.index));
    this.#entries = [];
    this.#offset = { index: mark.index, term: mark.term };
    this.#writes = [];
    this.#stable = mark.index;
    this.#written = mark.index;
    this.#commit = mark.index;
    this.#applying = mark.index;
    return removed;
  }

  #push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      checkedPosition(entry);
      const { index, term } = entry;
      // Texts are made only when they are wanted: this is done for each write.
      if (index !== this.lastIndex + 1) throw new InvariantError(`entry ${index} does not follow ${this.lastIndex}`);
      if (term < this.lastTerm)
        throw new InvariantError(`term ${term} at ${index} is below ${this.lastTerm} before it`);
      this.#entries.push(entry);
    }
  }
}
