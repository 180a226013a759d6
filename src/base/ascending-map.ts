/**
 * A map from numbers to values, for numbers that only grow: of streams on a connection, of proposals of a member.
 *
 *     set 1 a   set 3 b   set 5 c   set 7 d       delete 3      delete 1
 *     keys    1 3 5 7                             1 3 5 7       . . 5 7
 *     values  a b c d                             a - c d       . . c d
 *
 * A Map does the same, and where much comes and goes costs more than it seems: it moves into a new table again and again, and the
 * table that it has left leads to the next one. Once an old table has grown old in the eyes of the garbage collector, it keeps all
 * that follow from being young garbage, with everything that was in them; that was a third of all that was ever collected.
 * Here the two arrays stay, and what is taken out leaves a hole, until there are more holes than values.
 */

import { assert } from './assert.ts';

/** Fewer are not worth moving. */
const LENGTH_SMALL = 32;

export class AscendingMap<V extends object> {
  readonly #keys: number[] = [];
  readonly #values: (V | undefined)[] = [];
  /** No values before it. */
  #begin = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The value of the least key. */
  get oldest(): V | undefined {
    return this.#values[this.#begin];
  }

  get(key: number): V | undefined {
    return this.#values[this.#find(key)];
  }

  /** Adds a key that is greater than all before it. */
  set(key: number, value: V): void {
    const length = this.#keys.length;
    assert(length === 0 || key > (this.#keys[length - 1] as number), 'keys of an AscendingMap ascend');
    this.#keys.push(key);
    this.#values.push(value);
    this.#size++;
  }

  /** Takes it out, and returns what it was, if it was there. */
  delete(key: number): V | undefined {
    const at = this.#find(key);
    const value = this.#values[at];
    if (value === undefined) return undefined;
    this.#values[at] = undefined;
    this.#size--;
    while (this.#begin < this.#values.length && this.#values[this.#begin] === undefined) this.#begin++;
    if (this.#keys.length > LENGTH_SMALL && this.#keys.length > 2 * this.#size) this.#closeHoles();
    return value;
  }

  /** All values as of now, in the order of their keys. */
  values(): V[] {
    return this.#values.filter((value) => value !== undefined);
  }

  clear(): void {
    this.#values.fill(undefined);
    this.#size = 0;
    this.#closeHoles();
  }

  /** Where the key is; -1 if it is not there. */
  #find(key: number): number {
    let low = this.#begin;
    let high = this.#keys.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#keys[middle] as number;
      if (found === key) return middle;
      if (found < key) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #closeHoles(): void {
    let to = 0;
    for (let at = this.#begin; at < this.#keys.length; at++) {
      const value = this.#values[at];
      if (value === undefined) continue;
      this.#keys[to] = this.#keys[at] as number;
      this.#values[to++] = value;
    }
    this.#keys.length = to;
    this.#values.length = to;
    this.#begin = 0;
  }
}
