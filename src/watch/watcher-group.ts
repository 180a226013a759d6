/**
 * A set of watchers that finds those of a key: single keys in a map, ranges in an interval tree. Watchers of equal ranges
 * share a bucket, so what an event costs grows with the ranges that hold its key, not with the watchers that there are.
 *
 *     'a'        -> [w1, w4]                 an event of 'b' finds the buckets [w2] and [w3, w5];
 *     'b'        -> [w2]                     nobody else is looked at
 *     [a, c)     -> [w3, w5]
 *
 * The group is a queue as well: `choose` takes from its front, and who is put back goes to its end.
 */

import { assert, type Key } from '../base/index.ts';
import { type Interval, IntervalTree } from './interval-tree.ts';
import type { Watcher } from './watcher.ts';
import { WatcherList } from './watcher-list.ts';

/** The watchers of one range, in no order. */
export type Bucket = Watcher[];

/** What choose found. */
export interface Chosen {
  /** Behind, with all the history that they need, longest in the group first. */
  readonly watchers: Watcher[];
  /** Their history is gone. */
  readonly compacted: Watcher[];
}

function intervalOf(key: Key, end: Key): Interval {
  return { begin: key, end };
}

export class WatcherGroup implements Iterable<Watcher> {
  readonly #byKey = new Map<Key, Bucket>();
  readonly #byRange = new IntervalTree<Bucket>();
  readonly #queue = new WatcherList();

  get size(): number {
    return this.#queue.size;
  }

  contains(watcher: Watcher): boolean {
    return watcher.group === this;
  }

  /** Adds a watcher that is in no group. */
  add(watcher: Watcher): void {
    assert(watcher.group === undefined, `watcher ${watcher.id} is in a group already`);
    watcher.group = this;
    this.#queue.push(watcher);
    const bucket = this.#bucket(watcher);
    if (bucket !== undefined) {
      watcher.slot = bucket.length;
      bucket.push(watcher);
      return;
    }
    watcher.slot = 0;
    if (watcher.end === undefined) this.#byKey.set(watcher.key, [watcher]);
    else this.#byRange.insert(intervalOf(watcher.key, watcher.end), [watcher]);
  }

  /** Takes a watcher out. Whether it was here. */
  delete(watcher: Watcher): boolean {
    if (watcher.group !== this) return false;
    watcher.group = undefined;
    this.#queue.remove(watcher);
    const bucket = this.#bucket(watcher);
    assert(bucket !== undefined && bucket[watcher.slot] === watcher, `watcher ${watcher.id} has lost its bucket`);
    // The last of the bucket takes its place.
    const last = bucket.pop();
    if (last !== undefined && last !== watcher) {
      bucket[watcher.slot] = last;
      last.slot = watcher.slot;
    }
    if (bucket.length === 0) {
      if (watcher.end === undefined) this.#byKey.delete(watcher.key);
      else this.#byRange.delete(intervalOf(watcher.key, watcher.end));
    }
    return true;
  }

  /** Adds to `into` the buckets of all ranges that hold `key`. */
  bucketsOf(key: Key, into: Bucket[]): void {
    const bucket = this.#byKey.get(key);
    if (bucket !== undefined) into.push(bucket);
    this.#byRange.collectHolding(key, into);
  }

  /** The first of the queue, `max` at most, told apart by whether the history that they need is still there. */
  choose(max: number, currentRev: number, compactRev: number): Chosen {
    const watchers: Watcher[] = [];
    const compacted: Watcher[] = [];
    for (const watcher of this.#queue) {
      if (watchers.length + compacted.length === max) break;
      assert(
        watcher.minRev <= currentRev || watcher.restore,
        `watcher ${watcher.id} waits to catch up from ${watcher.minRev}, beyond ${currentRev}`,
      );
      if (watcher.minRev < compactRev) compacted.push(watcher);
      else watchers.push(watcher);
    }
    return { watchers, compacted };
  }

  /** From the front of the queue. The watcher last given may leave the group on the way, no other. */
  [Symbol.iterator](): Iterator<Watcher> {
    return this.#queue[Symbol.iterator]();
  }

  #bucket(watcher: Watcher): Bucket | undefined {
    return watcher.end === undefined
      ? this.#byKey.get(watcher.key)
      : this.#byRange.find(intervalOf(watcher.key, watcher.end));
  }
}
