/**
 * Applies what the log has committed: in order, each entry once, synchronously, in slices.
 *
 *     committed entries -> [ machine.apply -> watchable.notify ] for a slice of them
 *                       -> backend.commit: their writes and the applied index, in one batch
 *                       -> the proposals that waited for them, the reads that waited for the index
 *
 * Where a revision has more watchers than one turn has time for, the slice ends with it, and the next one waits until all are told.
 *
 * An outcome is told only after the slice's batch has been closed, so whoever hears of a write finds it.
 */

import { type Clock, type Failpoints, InvariantError } from '../base/index.ts';
import { decodeInternalRequest, encodeConfiguration } from '../codec/index.ts';
import { type Applied, decodeMembershipChange, type MachineRequest } from '../machine/index.ts';
import type { CompactionJob } from '../mvcc/index.ts';
import type { Entry } from '../raft/index.ts';
import type { WatchableStore } from '../watch/index.ts';
import type { AppliedState } from './applied-state.ts';
import { machineRequest } from './machine-request.ts';
import type { CompactionResult, Outcome } from './member.ts';
import type { Asked, Proposer } from './proposer.ts';
import { nextTurn, SLICE_MS } from './turn.ts';

/** Bounds what comes after a slice, unseen by its clock: answering. */
const SLICE_ENTRIES_MAX = 256;

export interface ApplierOptions {
  readonly clock: Clock;
  readonly state: AppliedState;
  readonly watchers: Pick<WatchableStore, 'notify' | 'onceTold'>;
  /** Who may know already what an entry asks, and is told what came of it. */
  readonly proposals: Pick<Proposer, 'own' | 'settle'>;
  /** Starts the removal that a compaction asks for; resolves when it is done. */
  readonly compact: (job: CompactionJob) => Promise<void>;
  /** One entry was applied. */
  readonly observe: (request: MachineRequest, seconds: number, ok: boolean) => void;
  /** Everything up to `index` has been applied. */
  readonly advanced: (index: number) => void;
  /** A broken invariant: the member must stop. */
  readonly failed: (error: Error) => void;
  readonly failpoints?: Failpoints | undefined;
}

interface IndexWaiter {
  readonly index: number;
  readonly resolve: () => void;
}

export class Applier {
  readonly #options: ApplierOptions;
  readonly #sliceEntriesMax: number;
  #index: number;
  #term: number;
  /** Committed and not yet applied. Bounded by the proposals that may be under way (proposer.ts). */
  #queue: Entry[] = [];
  #running = false;
  #failed = false;
  /** Whether all watchers have been told of the last entry. */
  #allTold = true;
  /** When the last entry of the slice was done: one look at the clock an entry. */
  #now = 0;
  /** Ascending by index: a later read never waits for an earlier index. */
  #waiters: IndexWaiter[] = [];

  constructor(options: ApplierOptions) {
    this.#options = options;
    // With failpoints, the moment before each entry must be one at which there can be waited.
    this.#sliceEntriesMax = options.failpoints === undefined ? SLICE_ENTRIES_MAX : 1;
    this.#index = options.state.backend.applied.index;
    this.#term = options.state.backend.applied.term;
  }

  get index(): number {
    return this.#index;
  }

  get term(): number {
    return this.#term;
  }

  /** Takes the next entries of the log. */
  committed(entries: readonly Entry[]): void {
    for (const entry of entries) this.#queue.push(entry);
    if (!this.#running) void this.#run();
  }

  /** The state has become that after this entry, by a snapshot. What was to be applied before it is in it. */
  replaced({ index, term }: { readonly index: number; readonly term: number }): void {
    this.#index = index;
    this.#term = term;
    this.#queue = this.#queue.filter((entry) => entry.index > index);
    this.#wake();
  }

  /** Resolves once everything up to `index` is applied. */
  reached(index: number): Promise<void> {
    if (index <= this.#index) return Promise.resolve();
    return new Promise((resolve) => {
      // Nearly always at the end: a leader's answer is overtaken by its next one only where two ways lead here.
      const place = this.#waiters.findLastIndex((waiter) => waiter.index <= index) + 1;
      this.#waiters.splice(place, 0, { index, resolve });
    });
  }

  /** Closes the batch of writes made outside an entry (a slice of a compaction) at the present applied index. */
  commit(): void {
    this.#options.state.backend.commit({ index: this.#index, term: this.#term });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#queue.length > 0 && !this.#failed) {
        if (this.#options.failpoints !== undefined) await this.#passMoment(this.#options.failpoints);
        this.#applySlice();
        if (!this.#allTold) await this.#untilAllTold();
        const pressure = this.#options.state.backend.pressure();
        if (pressure !== undefined) await pressure;
        else if (this.#queue.length > 0) await nextTurn(this.#options.clock);
      }
    } catch (error) {
      this.#failed = true;
      this.#options.failed(error as Error);
    } finally {
      this.#running = false;
    }
  }

  async #passMoment(failpoints: Failpoints): Promise<void> {
    const isChange = this.#queue[0]?.kind === 'configuration';
    await failpoints.reach(isChange ? 'beforeApplyOneConfChange' : 'beforeApplyOneEntryNormal');
  }

  async #untilAllTold(): Promise<void> {
    await new Promise<void>((told) => this.#options.watchers.onceTold(told));
    this.#allTold = true;
  }

  #applySlice(): void {
    const { clock, proposals } = this.#options;
    this.#now = clock.now();
    const until = this.#now + SLICE_MS;
    const outcomes: { id: number; outcome: Outcome }[] = [];
    let count = 0;
    for (const entry of this.#queue) {
      if (!this.#allTold) break;
      if (count > 0 && (count === this.#sliceEntriesMax || this.#now >= until)) break;
      count++;
      const told = this.#applyEntry(entry);
      if (told !== undefined) outcomes.push(told);
    }
    this.#queue = count === this.#queue.length ? [] : this.#queue.slice(count);
    this.commit();
    for (const { id, outcome } of outcomes) proposals.settle(id, outcome);
    this.#wake();
    this.#options.advanced(this.#index);
  }

  #applyEntry(entry: Entry): { id: number; outcome: Outcome } | undefined {
    if (entry.index !== this.#index + 1) {
      throw new InvariantError(`entry ${entry.index} cannot follow applied index ${this.#index}`);
    }
    this.#index = entry.index;
    this.#term = entry.term;
    // The entry that a leader begins its term with.
    if (entry.data.length === 0 && entry.kind === 'normal') return undefined;
    const { id, by, asked } = this.#options.proposals.own(entry.data) ?? requestOf(entry);
    const applied = this.#options.state.machine.apply(asked, by, entry.index);
    if (applied.ok && applied.events.length > 0) {
      this.#allTold = this.#options.watchers.notify(this.#options.state.store.currentRevision, applied.events);
    }
    const begun = this.#now;
    this.#now = this.#options.clock.now();
    this.#options.observe(asked, (this.#now - begun) / 1000, applied.ok);
    return { id, outcome: this.#outcome(applied) };
  }

  #outcome(applied: Applied): Outcome {
    if (!applied.ok) return applied;
    const { result } = applied;
    if (result.kind === 'auth') return { ok: true, result: { ...result, index: this.#index } };
    if (result.kind !== 'compaction') return { ok: true, result };
    this.#commitScheduled();
    const removed = this.#options.compact(result.job);
    const compaction: CompactionResult = { kind: 'compaction', revision: result.revision, removed };
    return { ok: true, result: compaction };
  }

  /** That the compaction has been asked for comes before what it removes. */
  #commitScheduled(): void {
    const { failpoints } = this.#options;
    failpoints?.hit('compactBeforeCommitScheduledCompact');
    this.commit();
    failpoints?.hit('compactAfterCommitScheduledCompact');
  }

  #wake(): void {
    let count = 0;
    for (const waiter of this.#waiters) {
      if (waiter.index > this.#index) break;
      waiter.resolve();
      count++;
    }
    if (count > 0) this.#waiters = this.#waiters.slice(count);
  }
}

/** What the entry asks, and by which id somebody may wait for the answer. */
function requestOf(entry: Entry): Asked {
  if (entry.kind === 'configuration') {
    const change = decodeMembershipChange(entry.data);
    const configuration = encodeConfiguration(entry.configuration);
    return { id: change.proposal, by: 'member', asked: { kind: 'configuration', change, configuration } };
  }
  const { id, by, kind, request } = decodeInternalRequest(entry.data);
  return { id, by, asked: machineRequest(kind, request) };
}
