/**
 * Where every watcher stands. The only place that moves a watcher from one state to another, and keeps the counts of it:
 *
 *                          +---------------- notify: the channel is full ---------------+
 *                          |                                                            v
 *     watch --start > rev--> synced <--caught up-- unsynced --no room in its stream--> victim
 *          \                 |    ^                ^  |  ^                              |  |
 *           \                +----|--- restore ----+  |  +------ room, and behind ------+  |
 *            \--start <= rev------|----------------^  |                                    |
 *                                 +-------------------|--- room, and all delivered --------+
 *                                                     v
 *                                                 compacted    (told once; leaves when that has been taken)
 */

import { assert, type Clock } from '../base/index.ts';
import type { WatchGauges } from './gauges.ts';
import { HELD_BYTES_MAX } from './limits.ts';
import { settleProgress } from './progress.ts';
import type { SharedEvent } from './shared-event.ts';
import type { WatchStream } from './watch-stream.ts';
import type { Watcher, WatcherState } from './watcher.ts';
import { WatcherGroup } from './watcher-group.ts';

function isBehind(state: WatcherState): boolean {
  return state === 'unsynced' || state === 'victim';
}

function heldBytesOf(watcher: Watcher): number {
  let bytes = 0;
  for (const event of watcher.held ?? []) bytes += event.sizeBytes(watcher.prevKv);
  return bytes;
}

export class Placement {
  readonly #clock: Clock;
  /** The newest revision that watchers have been told of, or are being told. */
  rev: number;
  /** Some of the synced are still to be told of `rev`: among those that hear of it, the ones whose cursor is not beyond it. */
  isTelling = false;
  /** Who was asked for a bookmark since then. */
  readonly askedMeanwhile: Set<Watcher | WatchStream> = new Set();
  synced: WatcherGroup = new WatcherGroup();
  unsynced: WatcherGroup = new WatcherGroup();
  /** Streams with victims; the victims themselves are in the streams' lists, because they wait for their streams. */
  readonly victimStreams: Set<WatchStream> = new Set();
  /** Streams with a progress request that waits for all their watchers to be synced. */
  readonly progressStreams: Set<WatchStream> = new Set();
  readonly gauges: WatchGauges = { watchStreams: 0, watchers: 0, slowWatchers: 0, pendingEvents: 0, eventsTotal: 0 };

  constructor(clock: Clock, rev: number) {
    this.#clock = clock;
    this.rev = rev;
  }

  /** A watcher that must hear of `startRev` and what follows; 0 for what comes next. True if it has to catch up. */
  begin(watcher: Watcher, startRev: number): boolean {
    this.gauges.watchers++;
    if (startRev !== 0 && startRev <= this.rev) {
      watcher.minRev = startRev;
      this.toUnsynced(watcher);
      return true;
    }
    watcher.minRev = Math.max(this.rev + 1, startRev);
    if (watcher.minRev > this.rev + 1) watcher.stream.futureRev = Math.max(watcher.stream.futureRev, watcher.minRev);
    this.toSynced(watcher);
    return false;
  }

  end(watcher: Watcher): void {
    if (watcher.state === 'gone') return;
    this.gauges.watchers--;
    const { stream } = watcher;
    this.#enter(watcher, 'gone');
    if (watcher.minRev > this.rev + 1) {
      stream.futureRev = 0;
      for (const { minRev } of stream.watchers()) stream.futureRev = Math.max(stream.futureRev, minRev);
    }
    settleProgress(this, stream);
  }

  /** It has been told of everything up to rev. */
  toSynced(watcher: Watcher): void {
    assert(watcher.minRev > this.rev, `watcher ${watcher.id} at ${watcher.minRev} is not synced at ${this.rev}`);
    this.#enter(watcher, 'synced');
    watcher.restore = false;
    this.synced.add(watcher);
    if (watcher.progressWanted && watcher.minRev === this.rev + 1) watcher.stream.bookmark(watcher, this.rev);
    settleProgress(this, watcher.stream);
  }

  /** It has to read history from its cursor on. Goes to the end of the queue. */
  toUnsynced(watcher: Watcher): void {
    this.#enter(watcher, 'unsynced');
    this.unsynced.add(watcher);
  }

  /** Its stream has no room. It keeps its cursor, and reads from there when there is room. */
  toVictim(watcher: Watcher): void {
    this.#enter(watcher, 'victim');
    const { stream } = watcher;
    stream.victims.push(watcher);
    this.victimStreams.add(stream);
  }

  /** Its stream has no room for the events of `revision`, which it keeps in hand if it may: then a compaction cannot take them any more. */
  toVictimHolding(watcher: Watcher, events: readonly SharedEvent[], revision: number): void {
    watcher.minRev = revision;
    this.toVictim(watcher);
    const { stream } = watcher;
    watcher.held = watcher.wanted(events);
    const bytes = heldBytesOf(watcher);
    if (stream.heldBytes + bytes > HELD_BYTES_MAX) {
      watcher.held = undefined;
      return;
    }
    stream.heldBytes += bytes;
    watcher.minRev = revision + 1;
  }

  /** A victim that has handed over what it held, if anything. */
  release(watcher: Watcher): void {
    if (watcher.minRev <= this.rev) this.toUnsynced(watcher);
    else this.toSynced(watcher);
  }

  /** The history that it needs is gone. Said in its place in the channel; here it is done with. */
  toCompacted(watcher: Watcher, compactRev: number): void {
    this.#enter(watcher, 'compacted');
    watcher.stream.announceCompaction(watcher, compactRev);
    settleProgress(this, watcher.stream);
  }

  /**
   * The store has been replaced by one at revision `rev`: nobody has been told of what lies between. What was synced has to
   * read it from history, from the first revision that it has not heard of. Those behind already stand where they should.
   */
  restore(rev: number): void {
    assert(rev >= this.rev, `a store at revision ${rev} cannot replace one at ${this.rev}`);
    const next = this.rev + 1;
    this.rev = rev;
    const now = this.#now();
    for (const watcher of this.synced) {
      watcher.minRev = Math.max(watcher.minRev, next);
      watcher.restore = true;
      watcher.state = 'unsynced';
      watcher.behindSince = now;
      watcher.stream.behind++;
    }
    this.gauges.slowWatchers += this.synced.size;
    // The smaller group joins the greater: there may be a million watchers on either side.
    const [from, to] =
      this.synced.size < this.unsynced.size ? [this.synced, this.unsynced] : [this.unsynced, this.synced];
    for (const watcher of from) {
      from.delete(watcher);
      to.add(watcher);
    }
    this.unsynced = to;
    this.synced = from;
  }

  #enter(watcher: Watcher, state: WatcherState): void {
    const { stream } = watcher;
    if (watcher.state === 'victim') this.#leaveVictims(watcher);
    else watcher.group?.delete(watcher);
    const was = isBehind(watcher.state);
    const is = isBehind(state);
    watcher.state = state;
    if (was === is) return;
    watcher.behindSince = is ? this.#now() : 0;
    stream.behind += is ? 1 : -1;
    this.gauges.slowWatchers += is ? 1 : -1;
  }

  #leaveVictims(watcher: Watcher): void {
    const { stream } = watcher;
    stream.victims.remove(watcher);
    if (stream.victims.size === 0) this.victimStreams.delete(stream);
    stream.heldBytes -= heldBytesOf(watcher);
    watcher.held = undefined;
  }

  #now(): number {
    return Math.floor(this.#clock.now());
  }
}
