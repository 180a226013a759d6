/**
 * The life of one key: which revisions changed it, in order, and nothing of what they wrote.
 *
 * A life is a run of generations. A generation begins with the put that creates the key, goes on with the puts that change it,
 * and ends with a tombstone, the revision that deleted it. A revision is written main.sub: the transaction and the place in it.
 *
 *     put, put, delete, put           2.0 v1   3.0 v2   4.0 tombstone  |  5.0 v1
 *
 *     get(1)  nothing: not yet there      get(4)  nothing: deleted
 *     get(3)  3.0, created at 2, v2       get(9)  5.0, created at 5, v1
 *
 * Compaction at c forgets what no read at c or later can see: of the revisions up to c only the last is left, and that one only
 * if it is a put, or a tombstone exactly at c, which a watch that starts at c must still hear of.
 *
 *     compact(2)  2.0 v1   3.0 v2   4.0 tombstone  |  5.0 v1          get(2) needs 2.0
 *     compact(3)           3.0 v2   4.0 tombstone  |  5.0 v1
 *     compact(4)                    4.0 tombstone  |  5.0 v1          a watch from 4 hears of the delete
 *     compact(5)                                      5.0 v1
 *
 * There is one of these a key, so it must be small. Most keys have one revision, which is held in plain fields; only the
 * revisions before the newest need an array, a flat one of numbers. Generations need no structure of their own: a version of 0
 * marks the tombstone that ends one.
 */

import { assert, InvariantError } from '../base/index.ts';

/** A put of the key: where its record is, and what the record says of its generation. */
export interface KeyRevision {
  readonly main: number;
  readonly sub: number;
  /** The revision that began the generation. */
  readonly createRevision: number;
  /** Puts since the generation began, this one included: 1 or more. */
  readonly version: number;
}

/** Numbers a revision in the flat array: main, sub, createRevision, version. */
const WIDTH = 4;

/** Up to so many numbers the array is copied to its exact length at each append; a longer one grows with slack. */
const EXACT_LENGTH_MAX = 32;

export class KeyIndex {
  // The newest revision. A main of 0: compaction has taken all of them.
  #main: number;
  #sub: number;
  #createRevision: number;
  /** 0 for a tombstone. */
  #version: number;
  /** The revisions before it, oldest first. */
  #older: number[] | undefined = undefined;

  /** A life that begins with this revision. A version of 0: with a tombstone, all that compaction has left of a generation. */
  constructor(main: number, sub: number, createRevision: number, version: number) {
    this.#main = main;
    this.#sub = sub;
    this.#createRevision = createRevision;
    this.#version = version;
  }

  /** Whether the key is there now. */
  get alive(): boolean {
    return this.#version > 0;
  }

  /** Whether compaction has left nothing. */
  get empty(): boolean {
    return this.#main === 0;
  }

  /** How many revisions are remembered, tombstones included. */
  get length(): number {
    return this.empty ? 0 : (this.#older?.length ?? 0) / WIDTH + 1;
  }

  /** A put at main.sub, later than all before. Says which version of which generation it is. */
  put(main: number, sub: number): KeyRevision {
    const version = this.#version + 1;
    const createRevision = this.alive ? this.#createRevision : main;
    this.append(main, sub, createRevision, version);
    return { main, sub, createRevision, version };
  }

  /** A delete at main.sub, later than all before, of a key that is alive. */
  tombstone(main: number, sub: number): void {
    assert(this.alive, `a tombstone at ${main}.${sub} for a key that is not there`);
    this.append(main, sub, 0, 0);
  }

  /** A revision as it was recorded; put and tombstone work it out. */
  append(main: number, sub: number, createRevision: number, version: number): void {
    if (main < this.#main || (main === this.#main && sub <= this.#sub)) {
      throw new InvariantError(`revision ${main}.${sub} cannot follow ${this.#main}.${this.#sub}`);
    }
    const older = this.#older;
    if (older === undefined) {
      this.#older = [this.#main, this.#sub, this.#createRevision, this.#version];
    } else if (older.length < EXACT_LENGTH_MAX) {
      this.#older = older.concat(this.#main, this.#sub, this.#createRevision, this.#version);
    } else {
      older.push(this.#main, this.#sub, this.#createRevision, this.#version);
    }
    this.#main = main;
    this.#sub = sub;
    this.#createRevision = createRevision;
    this.#version = version;
  }

  /** The put that a read at revision `at` sees; undefined if the key is not there then. */
  get(at: number): KeyRevision | undefined {
    if (this.#main <= at) {
      if (this.#version === 0) return undefined;
      return { main: this.#main, sub: this.#sub, createRevision: this.#createRevision, version: this.#version };
    }
    const older = this.#older;
    if (older === undefined) return undefined;
    const i = (countUpTo(older, at) - 1) * WIDTH;
    const version = older[i + 3];
    if (version === undefined || version === 0) return undefined;
    return { main: older[i] as number, sub: older[i + 1] as number, createRevision: older[i + 2] as number, version };
  }

  /**
   * Forgets, oldest first, what a compaction at revision `at` makes unreachable, calling `drop` for each. At most `dropsMax`
   * of them, so that a key with a long history can be compacted in slices: fewer dropped than `dropsMax` means that no more
   * are left to drop. Returns how many were dropped. Afterwards the index may be empty; it must then be thrown away.
   */
  compact(at: number, dropsMax: number, drop: (main: number, sub: number) => void): number {
    const older = this.#older ?? [];
    const newestIncluded = this.#main <= at;
    const upTo = newestIncluded ? older.length / WIDTH + 1 : countUpTo(older, at);
    if (upTo === 0 || this.empty) return 0;
    const last = (upTo - 1) * WIDTH;
    const lastMain = newestIncluded ? this.#main : (older[last] as number);
    const lastVersion = newestIncluded ? this.#version : (older[last + 3] as number);
    const lastIsDropped = lastVersion === 0 && lastMain < at;

    const count = Math.min(lastIsDropped ? upTo : upTo - 1, dropsMax);
    for (let i = 0; i < count * WIDTH && i < older.length; i += WIDTH) drop(older[i] as number, older[i + 1] as number);
    if (count * WIDTH > older.length) {
      drop(this.#main, this.#sub);
      this.#main = 0;
      this.#version = 0;
    }
    if (count * WIDTH >= older.length) this.#older = undefined;
    else if (count > 0) older.splice(0, count * WIDTH);
    return count;
  }
}

/** How many revisions of the flat array have a main of at most `at`. */
function countUpTo(revisions: readonly number[], at: number): number {
  let low = 0;
  let high = revisions.length / WIDTH;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((revisions[middle * WIDTH] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
