/** The watchers of a stream by their ids. Most streams have one: a map is made for the second. */

import type { Watcher } from './watcher.ts';

export class WatchersById implements Iterable<Watcher> {
  /** The only one, as long as there has never been another. */
  #only: Watcher | undefined = undefined;
  #all: Map<number, Watcher> | undefined = undefined;

  get size(): number {
    if (this.#all !== undefined) return this.#all.size;
    return this.#only === undefined ? 0 : 1;
  }

  get(id: number): Watcher | undefined {
    if (this.#all !== undefined) return this.#all.get(id);
    return this.#only?.id === id ? this.#only : undefined;
  }

  /** Adds a watcher whose id is not in use. */
  add(watcher: Watcher): void {
    if (this.#all === undefined && this.#only === undefined) {
      this.#only = watcher;
      return;
    }
    this.#all ??= new Map(this.#only === undefined ? [] : [[this.#only.id, this.#only]]);
    this.#only = undefined;
    this.#all.set(watcher.id, watcher);
  }

  delete(watcher: Watcher): void {
    if (this.#only === watcher) this.#only = undefined;
    this.#all?.delete(watcher.id);
  }

  clear(): void {
    this.#only = undefined;
    this.#all = undefined;
  }

  /** Some may come and go on the way. */
  *[Symbol.iterator](): Iterator<Watcher> {
    if (this.#all !== undefined) yield* this.#all.values();
    else if (this.#only !== undefined) yield this.#only;
  }
}
