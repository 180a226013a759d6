/**
 * Is there an order of these operations, each at one moment between its call and its return, in which a sequential machine gives
 * the same answers? The search of Wing and Gong (1993), with Lowe's memory of configurations (2017):
 *
 *     time  ------------------------------------------->
 *     A     |-- put 1 --|
 *     B              |-- put 2 -------------|              put 1, put 2, read 2: an order that fits
 *     C                     |-- read 2 --|
 *
 *     walk the calls and returns in order of time;
 *       a call whose operation fits the state:  take it (remove its call and its return), begin again at the front
 *       a return: its operation should have been taken by now, so the last one that was taken was wrong: put it back, go on after it
 *
 * The same set of taken operations with the same state is not searched twice. An operation that was never answered has no
 * return: it may be taken at any time after its call, or never.
 */

export interface Interval<Op> {
  readonly op: Op;
  readonly calledAt: number;
  /** Infinity: never answered. */
  readonly returnedAt: number;
}

/** A sequential machine. States are text, so that they can be compared and remembered. */
export interface Machine<Op> {
  readonly initial: string;
  /** The state after the operation, if in this one it can give the answer that it gave. */
  step(state: string, op: Op): string | undefined;
}

export type Verdict = 'linearizable' | 'not linearizable' | 'undecided';

interface Entry {
  /** Which operation; -1 for the head of the list. */
  readonly operation: number;
  readonly isReturn: boolean;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/** Searches at most so many configurations; beyond it the answer is 'undecided'. */
export function judge<Op>(
  intervals: readonly Interval<Op>[],
  machine: Machine<Op>,
  configurationsMax: number,
): Verdict {
  const { head, returns, calls } = listOf(intervals);
  const taken = new BitSet(intervals.length);
  const seen = new Set<string>();
  const stack: { readonly operation: number; readonly state: string }[] = [];
  let state = machine.initial;
  let unreturned = returns.filter((entry) => entry !== undefined).length;
  let entry = head.next;
  while (unreturned > 0) {
    if (entry !== undefined && !entry.isReturn) {
      const operation: number = entry.operation;
      const interval = intervals[operation];
      const after = interval === undefined ? undefined : machine.step(state, interval.op);
      if (after !== undefined && isNew(seen, taken, operation, after)) {
        if (seen.size > configurationsMax) return 'undecided';
        stack.push({ operation, state });
        state = after;
        taken.add(operation);
        unlink(calls[operation]);
        unlink(returns[operation]);
        if (returns[operation] !== undefined) unreturned--;
        entry = head.next;
      } else {
        entry = entry.next;
      }
      continue;
    }
    const last = stack.pop();
    if (last === undefined) return 'not linearizable';
    state = last.state;
    taken.delete(last.operation);
    // In the opposite order of their removal, so that each finds its neighbours.
    relink(returns[last.operation]);
    relink(calls[last.operation]);
    if (returns[last.operation] !== undefined) unreturned++;
    entry = calls[last.operation]?.next;
  }
  return 'linearizable';
}

function isNew(seen: Set<string>, taken: BitSet, operation: number, state: string): boolean {
  taken.add(operation);
  const configuration = `${taken.text} ${state}`;
  taken.delete(operation);
  if (seen.has(configuration)) return false;
  seen.add(configuration);
  return true;
}

interface List {
  readonly head: Entry;
  readonly calls: readonly Entry[];
  /** None for an operation that was never answered. */
  readonly returns: readonly (Entry | undefined)[];
}

function entryOf(operation: number, isReturn: boolean): Entry {
  return { operation, isReturn, previous: undefined, next: undefined };
}

/** All calls and returns in order of time. At the same time calls come first: that allows more orders, never fewer. */
function listOf<Op>(intervals: readonly Interval<Op>[]): List {
  const calls = intervals.map((_, operation) => entryOf(operation, false));
  const returns = intervals.map(({ returnedAt }, operation) =>
    returnedAt === Infinity ? undefined : entryOf(operation, true),
  );
  const timeOf = ({ operation, isReturn }: Entry): number =>
    (isReturn ? intervals[operation]?.returnedAt : intervals[operation]?.calledAt) ?? 0;
  const inOrder = [...calls, ...returns.filter((entry) => entry !== undefined)].sort(
    (a, b) => timeOf(a) - timeOf(b) || Number(a.isReturn) - Number(b.isReturn),
  );
  const head = entryOf(-1, false);
  let last = head;
  for (const entry of inOrder) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return { head, calls, returns };
}

function unlink(entry: Entry | undefined): void {
  if (entry === undefined) return;
  if (entry.previous !== undefined) entry.previous.next = entry.next;
  if (entry.next !== undefined) entry.next.previous = entry.previous;
}

function relink(entry: Entry | undefined): void {
  if (entry === undefined) return;
  if (entry.previous !== undefined) entry.previous.next = entry;
  if (entry.next !== undefined) entry.next.previous = entry;
}

const WORD_BITS = 16;

class BitSet {
  readonly #words: Uint16Array;

  constructor(size: number) {
    this.#words = new Uint16Array(Math.ceil(size / WORD_BITS));
  }

  /** Equal for equal sets. */
  get text(): string {
    return String.fromCharCode(...this.#words);
  }

  add(member: number): void {
    const word = Math.floor(member / WORD_BITS);
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (member % WORD_BITS));
  }

  delete(member: number): void {
    const word = Math.floor(member / WORD_BITS);
    this.#words[word] = (this.#words[word] ?? 0) & ~(1 << (member % WORD_BITS));
  }
}
