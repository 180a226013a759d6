/**
 * A map from half-open intervals of keys [begin, end) to values, which finds all intervals that a key or another interval
 * touches in O(log n + found). Watchers of ranges live in one: an event's key stabs the tree, and what it hits is told.
 *
 * It is an AVL tree ordered by (begin, end). Every node also knows `maxEnd`, the greatest end in its subtree, so that a
 * search leaves out every subtree that ends before what is searched for:
 *
 *                    [d, g) maxEnd=z              stab 'h':  [d, g) ends before h, but its subtrees may reach it:
 *                   /               \               left:  maxEnd c <= h, left out
 *        [a, c) maxEnd=c         [f, z) maxEnd=z    right: [f, z) holds h: a hit
 *
 * Equal intervals share one node: a value that stands for several things is a list of them, made by the caller.
 * KEY_INFINITY is the end of an interval that is open above.
 */

import { assert, type Key } from '../base/index.ts';

/** The keys k with begin <= k < end. */
export interface Interval {
  readonly begin: Key;
  readonly end: Key;
}

class Node<T> implements Interval {
  begin: Key;
  end: Key;
  value: T;
  left: Node<T> | undefined = undefined;
  right: Node<T> | undefined = undefined;
  height = 1;
  maxEnd: Key;

  constructor(begin: Key, end: Key, value: T) {
    this.begin = begin;
    this.end = end;
    this.value = value;
    this.maxEnd = end;
  }
}

type Tree<T> = Node<T> | undefined;

function compare(a: Interval, b: Interval): number {
  if (a.begin !== b.begin) return a.begin < b.begin ? -1 : 1;
  if (a.end !== b.end) return a.end < b.end ? -1 : 1;
  return 0;
}

function heightOf<T>(tree: Tree<T>): number {
  return tree === undefined ? 0 : tree.height;
}

/** Recomputes what a node knows of its subtrees, after one of them has changed. */
function update<T>(node: Node<T>): void {
  const { left, right } = node;
  node.height = Math.max(heightOf(left), heightOf(right)) + 1;
  let maxEnd = node.end;
  if (left !== undefined && left.maxEnd > maxEnd) maxEnd = left.maxEnd;
  if (right !== undefined && right.maxEnd > maxEnd) maxEnd = right.maxEnd;
  node.maxEnd = maxEnd;
}

function rotateRight<T>(node: Node<T>, left: Node<T>): Node<T> {
  node.left = left.right;
  left.right = node;
  update(node);
  update(left);
  return left;
}

function rotateLeft<T>(node: Node<T>, right: Node<T>): Node<T> {
  node.right = right.left;
  right.left = node;
  update(node);
  update(right);
  return right;
}

/** The root of the subtree once its two sides differ in height by at most one again. They differed by at most two. */
function balance<T>(node: Node<T>): Node<T> {
  const { left, right } = node;
  const tilt = heightOf(left) - heightOf(right);
  if (left !== undefined && tilt > 1) {
    // A left child that leans right would only be mirrored by one rotation: straighten it first.
    const inner = left.right;
    const straight = inner !== undefined && inner.height > heightOf(left.left) ? rotateLeft(left, inner) : left;
    return rotateRight(node, straight);
  }
  if (right !== undefined && tilt < -1) {
    const inner = right.left;
    const straight = inner !== undefined && inner.height > heightOf(right.right) ? rotateRight(right, inner) : right;
    return rotateLeft(node, straight);
  }
  update(node);
  return node;
}

function insertNode<T>(tree: Tree<T>, fresh: Node<T>): Node<T> {
  if (tree === undefined) return fresh;
  if (compare(fresh, tree) < 0) tree.left = insertNode(tree.left, fresh);
  else tree.right = insertNode(tree.right, fresh);
  return balance(tree);
}

/** Takes the leftmost node out and hands it to `taken`. */
function removeFirst<T>(tree: Node<T>, taken: (first: Node<T>) => void): Tree<T> {
  if (tree.left === undefined) {
    taken(tree);
    return tree.right;
  }
  tree.left = removeFirst(tree.left, taken);
  return balance(tree);
}

function removeNode<T>(tree: Tree<T>, interval: Interval): Tree<T> {
  if (tree === undefined) return undefined;
  const order = compare(interval, tree);
  if (order < 0) {
    tree.left = removeNode(tree.left, interval);
    return balance(tree);
  }
  if (order > 0) {
    tree.right = removeNode(tree.right, interval);
    return balance(tree);
  }
  if (tree.left === undefined) return tree.right;
  if (tree.right === undefined) return tree.left;
  // The next node in order takes the place of the one that goes.
  const right = removeFirst(tree.right, (first) => {
    tree.begin = first.begin;
    tree.end = first.end;
    tree.value = first.value;
  });
  tree.right = right;
  return balance(tree);
}

/** In order of begin. False once the visitor has said stop. */
function visitNodes<T>(tree: Tree<T>, of: Interval, visitor: (interval: Interval, value: T) => boolean): boolean {
  if (tree === undefined || tree.maxEnd <= of.begin) return true;
  if (!visitNodes(tree.left, of, visitor)) return false;
  // This interval and all to its right begin behind the end.
  if (tree.begin >= of.end) return true;
  if (tree.end > of.begin && !visitor(tree, tree.value)) return false;
  return visitNodes(tree.right, of, visitor);
}

function collectHolding<T>(tree: Tree<T>, key: Key, into: T[]): void {
  let node = tree;
  while (node !== undefined && node.maxEnd > key) {
    collectHolding(node.left, key, into);
    if (node.begin > key) return;
    if (node.end > key) into.push(node.value);
    node = node.right;
  }
}

export class IntervalTree<T> {
  #root: Tree<T> = undefined;
  #length = 0;

  /** Adds the interval, or gives it a new value. Returns the value that it had. */
  insert(interval: Interval, value: T): T | undefined {
    assert(interval.begin < interval.end, `an interval of no keys: [${interval.begin}, ${interval.end})`);
    const present = this.#node(interval);
    if (present !== undefined) {
      const previous = present.value;
      present.value = value;
      return previous;
    }
    this.#root = insertNode(this.#root, new Node(interval.begin, interval.end, value));
    this.#length++;
    return undefined;
  }

  /** Takes the interval out. Whether it was there. */
  delete(interval: Interval): boolean {
    if (this.#node(interval) === undefined) return false;
    this.#root = removeNode(this.#root, interval);
    this.#length--;
    return true;
  }

  /** How many distinct intervals there are. */
  len(): number {
    return this.#length;
  }

  /** How many levels there are: 0 when empty, 1 with one interval. */
  height(): number {
    return heightOf(this.#root);
  }

  /** The greatest height that an AVL tree with this many nodes can have (Knuth, vol. 3, 6.2.3, theorem A). */
  maxHeight(): number {
    return Math.floor(1.4404 * Math.log2(this.#length + 2) - 0.3277);
  }

  /** Calls `visitor` on every interval that intersects this one, in order of (begin, end), until it returns false. It must not change the tree. */
  visit(interval: Interval, visitor: (interval: Interval, value: T) => boolean): void {
    if (interval.begin < interval.end) visitNodes(this.#root, interval, visitor);
  }

  /** The value of exactly this interval. */
  find(interval: Interval): T | undefined {
    return this.#node(interval)?.value;
  }

  /** Whether any interval has a key in common with this one. */
  intersects(interval: Interval): boolean {
    let found = false;
    this.visit(interval, () => {
      found = true;
      return false;
    });
    return found;
  }

  /** Whether the intervals together cover all of this one. An interval of no keys is not covered: who asks for nothing is granted nothing. */
  contains(interval: Interval): boolean {
    let coveredTo = interval.begin;
    this.visit(interval, (each) => {
      if (each.begin > coveredTo) return false;
      if (each.end > coveredTo) coveredTo = each.end;
      return coveredTo < interval.end;
    });
    return interval.begin < interval.end && coveredTo >= interval.end;
  }

  /** The values of all intervals that intersect this one, in order. */
  stab(interval: Interval): T[] {
    const values: T[] = [];
    this.visit(interval, (_, value) => {
      values.push(value);
      return true;
    });
    return values;
  }

  /** Adds to `into` the values of all intervals that hold `key`, in order. The same as stab on one key, without its interval and array. */
  collectHolding(key: Key, into: T[]): void {
    collectHolding(this.#root, key, into);
  }

  /** Adds those intervals of `other` that intersect `interval`. An interval that is in both keeps the value it has here. */
  union(other: IntervalTree<T>, interval: Interval): void {
    const added: [Interval, T][] = [];
    other.visit(interval, (each, value) => {
      if (this.#node(each) === undefined) added.push([each, value]);
      return true;
    });
    for (const [each, value] of added) this.insert(each, value);
  }

  #node(interval: Interval): Tree<T> {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(interval, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }
}
