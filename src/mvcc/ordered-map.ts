/**
 * A map in the order of its keys: a B+tree (Bayer and McCreight, 1972; Comer, "The Ubiquitous B-Tree", 1979).
 *
 *     inner           [        k  .  t        ]            keys[i] is at most every key below children[i + 1],
 *                     /        |        \                  and greater than every key below children[i]
 *     leaves   [b d f g]   [k m p]   [t u z]               all values are here
 *
 * A node holds up to 64 keys: wide enough that a million keys are four nodes deep, narrow enough that inserting into the middle
 * of a node costs less than finding it. A node that is full is split in two. A node that has got small is joined with a
 * neighbour, if both fit into one.
 *
 * Nobody keeps a place in the tree. An iteration that is interrupted goes on from the key it had reached, whatever has
 * happened to the tree since.
 */

import { assert, KEY_INFINITY, type Key, present } from '../base/index.ts';

const NODE_KEYS_MAX = 64;

/** A node with fewer keys looks for a neighbour to join: well under half, so that a split is not undone by the next delete. */
const NODE_KEYS_SMALL = 16;

interface Leaf<V> {
  readonly keys: Key[];
  readonly values: V[];
  readonly children: undefined;
}

interface Inner<V> {
  /** One fewer than children. */
  readonly keys: Key[];
  readonly children: Node<V>[];
}

type Node<V> = Leaf<V> | Inner<V>;

/** The upper half of a node that was split, and the key from which on it is responsible. */
interface Split<V> {
  readonly key: Key;
  readonly node: Node<V>;
}

/** How many of `keys` are less than `key`. */
function countBelow(keys: readonly Key[], key: Key): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as Key) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Which child of an inner node is responsible for `key`: as many of its keys are at most `key`. */
function childAt(keys: readonly Key[], key: Key): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as Key) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class OrderedMap<V> {
  #root: Node<V> = { keys: [], values: [], children: undefined };
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Key): V | undefined {
    let node = this.#root;
    while (node.children !== undefined) node = node.children[childAt(node.keys, key)] as Node<V>;
    const at = countBelow(node.keys, key);
    return node.keys[at] === key ? node.values[at] : undefined;
  }

  /** Adds the key, or gives it another value. */
  set(key: Key, value: V): void {
    const split = this.#insert(this.#root, key, value);
    if (split !== undefined) this.#root = { keys: [split.key], children: [this.#root, split.node] };
  }

  /** Whether the key was there. */
  delete(key: Key): boolean {
    if (!this.#remove(this.#root, key)) return false;
    this.#size--;
    while (this.#root.children?.length === 1) this.#root = present(this.#root.children[0], 'the only child');
    return true;
  }

  /**
   * Shows `visitor` the entries with from <= key < end in ascending order, until it answers false. The map must not be changed
   * meanwhile (values may). To go on after `key` later: visit from `key + '\0'`, the least key greater than it.
   */
  visit(from: Key, end: Key, visitor: (key: Key, value: V) => boolean): void {
    this.#visit(this.#root, from, end, visitor);
  }

  /** Every key is in its order and place, every node has its size. For tests. */
  check(): void {
    const depths = new Set<number>();
    const walk = (node: Node<V>, least: Key, end: Key, depth: number): number => {
      assert(node.keys.length <= NODE_KEYS_MAX, `a node of ${node.keys.length} keys`);
      node.keys.forEach((key, i) => assert(i === 0 || (node.keys[i - 1] as Key) < key, 'keys out of order'));
      for (const key of node.keys) assert(key >= least && key < end, 'a key in the wrong node');
      if (node.children === undefined) {
        depths.add(depth);
        assert(node.values.length === node.keys.length, 'a value for each key');
        return node.keys.length;
      }
      const { keys, children } = node;
      assert(children.length === keys.length + 1, 'one more child than keys');
      return children.reduce((sum, child, i) => sum + walk(child, keys[i - 1] ?? least, keys[i] ?? end, depth + 1), 0);
    };
    assert(walk(this.#root, '', KEY_INFINITY, 0) === this.#size, 'the size is the number of keys');
    assert(depths.size === 1, 'all leaves are equally deep');
  }

  #insert(node: Node<V>, key: Key, value: V): Split<V> | undefined {
    if (node.children === undefined) {
      const at = countBelow(node.keys, key);
      if (node.keys[at] === key) {
        node.values[at] = value;
        return undefined;
      }
      node.keys.splice(at, 0, key);
      node.values.splice(at, 0, value);
      this.#size++;
      if (node.keys.length <= NODE_KEYS_MAX) return undefined;
      const half = splitAt(at, node.keys.length);
      const keys = node.keys.splice(half);
      return { key: present(keys[0], 'a key'), node: { keys, values: node.values.splice(half), children: undefined } };
    }
    const at = childAt(node.keys, key);
    const split = this.#insert(node.children[at] as Node<V>, key, value);
    if (split === undefined) return undefined;
    node.keys.splice(at, 0, split.key);
    node.children.splice(at + 1, 0, split.node);
    if (node.keys.length <= NODE_KEYS_MAX) return undefined;
    const half = splitAt(at, node.keys.length);
    // The key between the halves moves up.
    const keys = node.keys.splice(half);
    const middle = present(keys.shift(), 'the key between the halves');
    return { key: middle, node: { keys, children: node.children.splice(half + 1) } };
  }

  #remove(node: Node<V>, key: Key): boolean {
    if (node.children === undefined) {
      const at = countBelow(node.keys, key);
      if (node.keys[at] !== key) return false;
      node.keys.splice(at, 1);
      node.values.splice(at, 1);
      return true;
    }
    const at = childAt(node.keys, key);
    const child = node.children[at] as Node<V>;
    if (!this.#remove(child, key)) return false;
    if (child.keys.length < NODE_KEYS_SMALL) {
      if (!joinWithNext(node, at)) joinWithNext(node, at - 1);
    }
    return true;
  }

  #visit(node: Node<V>, from: Key, end: Key, visitor: (key: Key, value: V) => boolean): boolean {
    if (node.children === undefined) {
      for (let i = countBelow(node.keys, from); i < node.keys.length; i++) {
        const key = node.keys[i] as Key;
        if (key >= end || !visitor(key, node.values[i] as V)) return false;
      }
      return true;
    }
    for (let i = childAt(node.keys, from); i < node.children.length; i++) {
      if (!this.#visit(node.children[i] as Node<V>, from, end, visitor)) return false;
    }
    return true;
  }
}

/**
 * Where to split a node of `length` keys of which the one at `inserted` is new: in the middle. But a node that grew at its end
 * gives up only little of itself: keys that arrive in order would otherwise leave half-empty nodes behind.
 */
function splitAt(inserted: number, length: number): number {
  return inserted === length - 1 ? length - Math.floor(NODE_KEYS_SMALL / 2) : length >>> 1;
}

/** Puts the children `at` and `at + 1` into one, if there are both and they fit. */
function joinWithNext<V>(parent: Inner<V>, at: number): boolean {
  const left = parent.children[at];
  const right = parent.children[at + 1];
  const between = parent.keys[at];
  if (left === undefined || right === undefined || between === undefined) return false;
  if (left.children === undefined && right.children === undefined) {
    if (left.keys.length + right.keys.length > NODE_KEYS_MAX) return false;
    for (const value of right.values) left.values.push(value);
  } else if (left.children !== undefined && right.children !== undefined) {
    // The key between them comes down.
    if (left.keys.length + 1 + right.keys.length > NODE_KEYS_MAX) return false;
    left.keys.push(between);
    for (const child of right.children) left.children.push(child);
  }
  for (const key of right.keys) left.keys.push(key);
  parent.keys.splice(at, 1);
  parent.children.splice(at + 1, 1);
  return true;
}
