/**
 * The store as something that can be watched: it is told of every revision that is applied, and tells whoever watches.
 *
 *     machine.apply -> notify(rev, events) --+--> synced watchers: at once, into their stream's channel
 *                                            |      no room -> victim -> moveVictims, when there is
 *     history -------> syncWatchers ---------+--> unsynced watchers: in batches, until they are synced
 *
 * Where more watchers hear of a revision than one turn has time for, they do so in slices, and the next is not applied before. A bookmark
 * that is asked for meanwhile waits as well.
 *
 * Nothing here waits for a client. A watcher whose client is slow costs its own stream's channel and a look now and then.
 */

import { type Clock, type Failpoints, InvariantError, type Timer } from '../base/index.ts';
import type { Event, History } from '../mvcc/index.ts';
import { describeWatchers, type WatcherDescription } from './describe.ts';
import { Gathering } from './gathering.ts';
import type { WatchGauges } from './gauges.ts';
import { WATCHERS_PER_TELL_MAX } from './limits.ts';
import { SyncLoop, VictimLoop } from './loops.ts';
import { moveVictims } from './move-victims.ts';
import { Telling } from './notify.ts';
import { Placement } from './placement.ts';
import { answerAsked, progress, progressAll, settleProgress } from './progress.ts';
import { type Beginning, syncWatchers } from './sync-watchers.ts';
import { type WatchReader, WatchStream } from './watch-stream.ts';
import type { Watchable } from './watchable.ts';
import type { Watcher } from './watcher.ts';

export interface WatchableStoreOptions {
  readonly failpoints?: Failpoints | undefined;
  /** WATCHERS_PER_TELL_MAX, unless said. */
  readonly watchersPerTellMax?: number | undefined;
}

/** A revision that some have still to be told of. */
interface Unfinished {
  readonly telling: Telling;
  done: (() => void) | undefined;
  /** For the next slice. */
  timer: Timer;
}

export class WatchableStore implements Watchable {
  readonly gathering: Gathering = new Gathering();
  readonly #history: History;
  readonly #clock: Clock;
  readonly #placement: Placement;
  readonly #syncLoop: SyncLoop;
  readonly #victimLoop: VictimLoop;
  readonly #failpoints: Failpoints | undefined;
  readonly #watchersPerTellMax: number;
  #unfinished: Unfinished | undefined;
  #beginning: Beginning = 'longest';

  /** Watches `history` from its present revision on: from now, notify must be called for every further one. */
  constructor(history: History, clock: Clock, { failpoints, watchersPerTellMax }: WatchableStoreOptions = {}) {
    this.#history = history;
    this.#clock = clock;
    this.#failpoints = failpoints;
    this.#watchersPerTellMax = watchersPerTellMax ?? WATCHERS_PER_TELL_MAX;
    this.#placement = new Placement(clock, history.currentRevision);
    this.#syncLoop = new SyncLoop(clock, {
      pass: () => this.syncWatchers() > 0,
      hasWork: () => this.#placement.unsynced.size > 0,
      reach: () => this.#failpoints?.reach('beforeSyncWatchers'),
    });
    this.#victimLoop = new VictimLoop(clock, {
      pass: () => this.moveVictims(),
      hasWork: () => this.#placement.victimStreams.size > 0,
      reach: () => this.#failpoints?.reach('beforeMoveVictims'),
    });
  }

  /** Lets the loops run. */
  start(): void {
    this.#syncLoop.start();
    this.#victimLoop.start();
  }

  stop(): void {
    this.#syncLoop.stop();
    this.#victimLoop.stop();
  }

  /** A stream for one client; to be closed by whoever asked for it. */
  newWatchStream(reader: WatchReader): WatchStream {
    this.#placement.gauges.watchStreams++;
    return new WatchStream(this, reader);
  }

  /**
   * Tells of the revision that has just been applied. To be called for each, in order, with all of its events. Whether everyone has been
   * told: if not, the next is to wait for that (onceTold), else the rest of this one is told in one piece.
   */
  notify(rev: number, events: readonly Event[]): boolean {
    const placement = this.#placement;
    this.#tellOn(Number.POSITIVE_INFINITY);
    if (rev !== placement.rev + 1) {
      throw new InvariantError(`revision ${rev} is applied after ${placement.rev}: watchers would miss some`);
    }
    placement.rev = rev;
    const telling = new Telling(placement, this.#history, rev, events);
    if (telling.tell(this.#watchersPerTellMax)) {
      this.#told();
      return true;
    }
    placement.isTelling = true;
    this.#unfinished = { telling, done: undefined, timer: this.#nextSlice() };
    return false;
  }

  /** Calls `done`, once, when everyone has been told of the last revision. To be called where notify says that not everyone has. */
  onceTold(done: () => void): void {
    if (this.#unfinished === undefined) done();
    else this.#unfinished.done = done;
  }

  /** The history has been replaced by that of a snapshot, and has gone on without notify. Everyone hears what was missed. */
  restore(): void {
    this.#tellOn(Number.POSITIVE_INFINITY);
    this.#placement.restore(this.#history.currentRevision);
    this.#syncLoop.hurry();
  }

  /** One pass over those who are behind. Returns how many got on. Called by the loop; never needed beside it. */
  syncWatchers(): number {
    this.#beginning = this.#beginning === 'longest' ? 'nearest' : 'longest';
    const served = syncWatchers(this.#placement, this.#history, this.#clock, this.#beginning);
    this.#victimLoop.wake();
    return served;
  }

  /** One pass over the victims. Whether there is more to do at once. Called by the loop; never needed beside it. */
  moveVictims(): boolean {
    const { moved, more } = moveVictims(this.#placement);
    if (moved > 0) this.#syncLoop.hurry();
    return more;
  }

  /** Live: they change as the store works. */
  get gauges(): Readonly<WatchGauges> {
    return this.#placement.gauges;
  }

  /** Up to `limit` watchers, those that are behind first. */
  describe(limit: number): WatcherDescription[] {
    return describeWatchers(this.#placement, this.#clock.now(), limit);
  }

  #tellOn(watchersMax: number): void {
    const unfinished = this.#unfinished;
    if (unfinished === undefined) return;
    if (!unfinished.telling.tell(watchersMax)) {
      unfinished.timer = this.#nextSlice();
      return;
    }
    unfinished.timer.cancel();
    this.#unfinished = undefined;
    this.#placement.isTelling = false;
    this.#told();
    answerAsked(this.#placement);
    unfinished.done?.();
  }

  #nextSlice(): Timer {
    return this.#clock.after(0, () => this.#tellOn(this.#watchersPerTellMax));
  }

  #told(): void {
    // A watcher that starts in the future may have been all that an answer waited for.
    for (const stream of this.#placement.progressStreams) settleProgress(this.#placement, stream);
    this.#victimLoop.wake();
  }

  // ---- Watchable: what streams ask ----

  watch(watcher: Watcher, startRev: number): void {
    if (this.#placement.begin(watcher, startRev)) this.#syncLoop.wake();
  }

  cancel(watcher: Watcher): void {
    this.#placement.end(watcher);
  }

  progress(watcher: Watcher): void {
    this.#failpoints?.hit('beforeProgressIfSync');
    progress(this.#placement, watcher);
  }

  progressAll(stream: WatchStream): boolean {
    this.#failpoints?.hit('beforeProgressIfSync');
    return progressAll(this.#placement, stream);
  }

  roomIn(_stream: WatchStream): void {
    this.#victimLoop.signal();
  }

  rev(): number {
    return this.#placement.rev;
  }

  queued(events: number): void {
    this.#placement.gauges.pendingEvents += events;
  }

  dequeued(events: number, sent: boolean): void {
    this.#placement.gauges.pendingEvents -= events;
    if (sent) this.#placement.gauges.eventsTotal += events;
  }

  streamClosed(stream: WatchStream): void {
    this.#placement.gauges.watchStreams--;
    this.#placement.progressStreams.delete(stream);
    this.#placement.askedMeanwhile.delete(stream);
    stream.progressAwaited = false;
  }
}
