/** A queue of watchers, linked through the watchers themselves: no memory of its own, and any of them leaves it in one step. */

import { assert } from '../base/index.ts';
import type { Watcher } from './watcher.ts';

export class WatcherList implements Iterable<Watcher> {
  #first: Watcher | undefined = undefined;
  #last: Watcher | undefined = undefined;
  #size = 0;

  get first(): Watcher | undefined {
    return this.#first;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a watcher that is in no list, at the end. */
  push(watcher: Watcher): void {
    assert(watcher.next === undefined && watcher.previous === undefined, 'a watcher in two lists');
    watcher.previous = this.#last;
    if (this.#last === undefined) this.#first = watcher;
    else this.#last.next = watcher;
    this.#last = watcher;
    this.#size++;
  }

  /** Takes out a watcher, which must be in this list. */
  remove(watcher: Watcher): void {
    const { next, previous } = watcher;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    watcher.next = undefined;
    watcher.previous = undefined;
    this.#size--;
  }

  /** From the first to the last. The watcher last given may be taken out on the way, no other. */
  *[Symbol.iterator](): Iterator<Watcher> {
    let watcher = this.#first;
    while (watcher !== undefined) {
      const { next } = watcher;
      yield watcher;
      watcher = next;
    }
  }
}
