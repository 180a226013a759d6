/**
 * The store as something that can be watched: it is told of every revision that is applied, and tells whoever watches.
 *
 *     machine.apply -> notify(rev, events) --+--> synced watchers: at once, into their stream's channel
 *                                            |      no room -> victim -> moveVictims, when there is
 *     history -------> syncWatchers ---------+--> unsynced watchers: in batches, until they are synced
 *
 * Nothing here waits for a client. A watcher whose client is slow costs its own stream's channel and a look now and then.
 */

import { type Clock, type Failpoints, InvariantError } from '../base/index.ts';
import type { Event, History } from '../mvcc/index.ts';
import { describeWatchers, type WatcherDescription } from './describe.ts';
import type { WatchGauges } from './gauges.ts';
import { SyncLoop, VictimLoop } from './loops.ts';
import { moveVictims } from './move-victims.ts';
import { notifySynced } from './notify.ts';
import { Placement } from './placement.ts';
import { progress, progressAll, settleProgress } from './progress.ts';
import { type Beginning, syncWatchers } from './sync-watchers.ts';
import { type WatchReader, WatchStream } from './watch-stream.ts';
import type { Watchable } from './watchable.ts';
import type { Watcher } from './watcher.ts';

export class WatchableStore implements Watchable {
  readonly #history: History;
  readonly #clock: Clock;
  readonly #placement: Placement;
  readonly #syncLoop: SyncLoop;
  readonly #victimLoop: VictimLoop;
  readonly #failpoints: Failpoints | undefined;
  #beginning: Beginning = 'longest';

  /** Watches `history` from its present revision on: from now, notify must be called for every further one. */
  constructor(history: History, clock: Clock, failpoints?: Failpoints) {
    this.#history = history;
    this.#clock = clock;
    this.#failpoints = failpoints;
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

  /** Tells of the revision that has just been applied. To be called for each, in order, with all of its events. */
  notify(rev: number, events: readonly Event[]): void {
    const placement = this.#placement;
    if (rev !== placement.rev + 1) {
      throw new InvariantError(`revision ${rev} is applied after ${placement.rev}: watchers would miss some`);
    }
    placement.rev = rev;
    notifySynced(placement, this.#history, rev, events);
    // A watcher that starts in the future may have been all that an answer waited for.
    for (const stream of placement.progressStreams) settleProgress(placement, stream);
    this.#victimLoop.wake();
  }

  /** The history has been replaced by that of a snapshot, and has gone on without notify. Everyone hears what was missed. */
  restore(): void {
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
    stream.progressAwaited = false;
  }
}
