/**
 * Events of several responses in a row as one list, made once for all streams on which the same ones wait:
 *
 *     waits on a, and on b, and on c    [5: x] [6: y, z] [7: x]    ->    [5: x, 6: y, 6: z, 7: x]
 */

import type { Waiting } from './channel.ts';
import type { SharedEvent } from './shared-event.ts';

export class Gathering {
  // What was asked for last: a revision is told to all streams, and then they are sent it one after the other.
  #lists: readonly (readonly SharedEvent[])[] = [];
  #events: readonly SharedEvent[] = [];

  /** All events of `count` responses, from `first` on. */
  of(first: Waiting, count: number): readonly SharedEvent[] {
    if (this.#isOfLast(first, count)) return this.#events;
    const lists: (readonly SharedEvent[])[] = [];
    for (let one: Waiting | undefined = first; one !== undefined && lists.length < count; one = one.next) {
      lists.push(one.events);
    }
    this.#lists = lists;
    this.#events = lists.flat();
    return this.#events;
  }

  #isOfLast(first: Waiting, count: number): boolean {
    const lists = this.#lists;
    if (lists.length !== count) return false;
    let one: Waiting | undefined = first;
    for (let i = 0; i < count; i++) {
      if (one?.events !== lists[i]) return false;
      one = one?.next;
    }
    return true;
  }
}
