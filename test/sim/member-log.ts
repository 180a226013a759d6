/**
 * What one member has asked its write-ahead log to keep, and what the log has said is kept. At a restart it must find what it was told,
 * and of what was under way a beginning, with nothing left out in between.
 *
 *     appended   1 2 3 4 5'          every call, at once
 *     durable    1 2 3               the calls that have resolved
 *     found      1 2 3 | 1 2 3 4 | 1 2 3 4 5'    any of these, nothing else; a call may have been torn within
 */

import {
  decodeConfiguration,
  type Entry,
  type HardState,
  raftEntry,
  type SnapshotMark,
} from '../../src/codec/index.ts';
import { type Configuration, EMPTY_CONFIGURATION } from '../../src/raft/index.ts';
import type { DataDirectory, Wal } from '../../src/storage/index.ts';
import { ensure } from './violation.ts';

type Call =
  | { readonly kind: 'append'; readonly entries: readonly Entry[]; readonly hardState: HardState | undefined }
  | { readonly kind: 'reset'; readonly mark: SnapshotMark };

const EMPTY_MARK: SnapshotMark = { index: 0, term: 0, confState: new Uint8Array(0) };

/** A log at one moment. */
export class LogState {
  start = EMPTY_MARK;
  entries: Entry[] = [];
  term = 0;
  vote = 0n;

  get lastIndex(): number {
    return this.start.index + this.entries.length;
  }

  /** Undefined where it has no entry, or none any more. */
  entryAt(index: number): Entry | undefined {
    return this.entries[index - this.start.index - 1];
  }

  termAt(index: number): number | undefined {
    return index === this.start.index ? this.start.term : this.entryAt(index)?.term;
  }

  /** Whether it has the entry, itself or in the snapshot that it begins behind. */
  has(index: number, term: number): boolean {
    return index < this.start.index || this.termAt(index) === term;
  }

  /** The configuration in force: the newest, committed or not. */
  get configuration(): Configuration {
    for (let i = this.entries.length - 1; i >= 0; i--) {
      const entry = this.entries[i];
      if (entry === undefined || entry.type === 'normal') continue;
      const read = raftEntry(entry);
      if (read.kind === 'configuration') return read.configuration;
    }
    const { confState } = this.start;
    return confState.length === 0 ? EMPTY_CONFIGURATION : decodeConfiguration(confState);
  }

  apply(call: Call): void {
    if (call.kind === 'reset') {
      this.start = call.mark;
      this.entries = [];
      return;
    }
    const [first] = call.entries;
    if (first !== undefined) {
      ensure(first.index <= this.lastIndex + 1, () => `entry ${first.index} is appended after ${this.lastIndex}`);
      this.entries.length = first.index - this.start.index - 1;
      for (const entry of call.entries) this.entries.push(entry);
    }
    if (call.hardState === undefined) return;
    this.term = call.hardState.term;
    this.vote = call.hardState.vote;
  }

  copy(): LogState {
    const copy = new LogState();
    copy.start = this.start;
    copy.entries = this.entries.slice();
    copy.term = this.term;
    copy.vote = this.vote;
    return copy;
  }
}

export class MemberLog {
  appended: LogState = new LogState();
  durable: LogState = new LogState();
  #underWay: Call[] = [];
  readonly #failed: (error: unknown) => void;
  readonly #entered: (entry: Entry, termBefore: number | undefined) => void;

  /** `failed` hears of what must not be and is noticed where nobody could catch it; `entered` of each entry, and of the term of the one before. */
  constructor(failed: (error: unknown) => void, entered: (entry: Entry, termBefore: number | undefined) => void) {
    this.#failed = failed;
    this.#entered = entered;
  }

  /** Listens to the calls of a log that has just been opened, once it is sure that nothing is missing from it. */
  opened(directory: DataDirectory): void {
    this.#checkFound(directory);
    const { wal } = directory;
    const append = wal.append.bind(wal);
    const resetTo = wal.resetTo.bind(wal);
    const calls: Pick<Wal, 'append' | 'resetTo'> = {
      append: (entries, hardState) => this.#call({ kind: 'append', entries, hardState }, append(entries, hardState)),
      resetTo: (mark) => this.#call({ kind: 'reset', mark }, resetTo(mark)),
    };
    Object.assign(wal, calls);
  }

  #call(call: Call, done: Promise<void>): Promise<void> {
    this.appended.apply(call);
    if (call.kind === 'append') this.#tellOf(call.entries);
    this.#underWay.push(call);
    // Registered first: whoever waits for the same promise finds it done.
    const finished = (): void => {
      ensure(this.#underWay[0] === call, () => 'calls of the log come to their end out of order');
      this.#underWay.shift();
      this.durable.apply(call);
    };
    // What failed may be on the disk or not. A log that fails ends its member.
    done.then(finished, () => undefined).catch(this.#failed);
    return done;
  }

  #tellOf(entries: readonly Entry[]): void {
    try {
      for (const entry of entries) this.#entered(entry, this.appended.termAt(entry.index - 1));
    } catch (error) {
      this.#failed(error);
    }
  }

  #checkFound(directory: DataDirectory): void {
    const found = foundIn(directory);
    const possible = this.durable.copy();
    const tried = [describe(possible)];
    let fits = isFound(found, possible, directory.installedAhead);
    for (const part of this.#underWay.flatMap(partsOf)) {
      if (fits) break;
      possible.apply(part);
      tried.push(describe(possible));
      fits = isFound(found, possible, directory.installedAhead);
    }
    ensure(fits, () => `the log was found as ${describe(found)}; it was ${tried.join(', or ')}`);
    this.appended = found;
    // What they hold must be as it was, too.
    this.#tellOf(found.entries);
    this.durable = found.copy();
    this.#underWay = [];
  }
}

/** A write that is torn may end behind any of its entries; the hard state comes after them. */
function partsOf(call: Call): readonly Call[] {
  if (call.kind === 'reset') return [call];
  const entries = call.entries.map((entry): Call => ({ kind: 'append', entries: [entry], hardState: undefined }));
  return [...entries, { ...call, entries: [] }];
}

function foundIn({ snapshotMark, entries, hardState }: DataDirectory): LogState {
  const found = new LogState();
  found.start = snapshotMark;
  found.entries = entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) }));
  found.term = hardState.term;
  found.vote = hardState.vote;
  return found;
}

/** What was found begins behind its snapshot mark. If a snapshot was installed and the log not told, its entries do not matter any more. */
function isFound(found: LogState, wanted: LogState, installedAhead: boolean): boolean {
  if (found.term !== wanted.term || found.vote !== wanted.vote) return false;
  if (installedAhead) return true;
  if (found.lastIndex !== wanted.lastIndex || found.start.index < wanted.start.index) return false;
  if (found.termAt(found.start.index) !== wanted.termAt(found.start.index)) return false;
  return found.entries.every(({ index, term }) => wanted.termAt(index) === term);
}

function describe(log: LogState): string {
  const last = log.lastIndex;
  return `${log.start.index}..${last}/${log.termAt(last)} term ${log.term} vote ${log.vote}`;
}
