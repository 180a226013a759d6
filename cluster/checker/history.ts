/**
 * What clients did and what they were answered, as data for the checkers. Every put has a value of its own, so that whoever
 * reads it says which write it saw.
 *
 *     outcome    ok        it was answered; `revision` is the answer's
 *                failed    it certainly did not happen, and never will
 *                unknown   nobody told the client; it may have happened, or happen later
 *
 * Times are milliseconds on one clock. An operation that is not ok has no end: completedAt is Infinity.
 */

export type Outcome = 'ok' | 'failed' | 'unknown';

interface Timed {
  readonly key: string;
  readonly outcome: Outcome;
  readonly invokedAt: number;
  readonly completedAt: number;
  /** Of the header of the answer; 0 without one. */
  readonly revision: number;
}

export interface Put extends Timed {
  readonly kind: 'put';
  readonly value: string;
}

/** One transaction that puts the same value to two keys. It stands in the history of both. */
export interface PairPut extends Timed {
  readonly kind: 'pair';
  readonly other: string;
  readonly value: string;
}

export interface Delete extends Timed {
  readonly kind: 'delete';
  /** Whether there was something to delete. */
  readonly found: boolean;
}

/** If the key has the value that is expected it gets another one; if not, it is read. */
export interface Swap extends Timed {
  readonly kind: 'swap';
  readonly expected: string;
  readonly value: string;
  readonly swapped: boolean;
  /** What was there instead, when it was not swapped; undefined: nothing. */
  readonly seen: string | undefined;
}

export interface Read extends Timed {
  readonly kind: 'read';
  readonly seen: string | undefined;
  /** Whether the member was asked for its own store as it is. */
  readonly serializable: boolean;
}

export type Write = Put | PairPut | Delete | Swap;
export type Operation = Write | Read;

export interface LoggedEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Empty for a delete. */
  readonly value: string;
}

/** Revisions that a watcher was not told because they had been compacted: `from` included, `to` not. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** What one event said was there before; 0: nothing. */
export interface Previous {
  readonly revision: number;
  readonly key: string;
  readonly previous: number;
}

/** The server said that everything up to a revision had been told, when so many revisions had been. */
export interface Progress {
  readonly after: number;
  readonly revision: number;
}

/** What a watcher was told, in the order in which it was told: a revision and the mark of its events at each place. */
export interface Told {
  readonly name: string;
  readonly prefix: string;
  readonly without: 'put' | 'delete' | undefined;
  /** The first revision it is to be told. */
  readonly from: number;
  readonly revisions: readonly number[];
  readonly marks: readonly number[];
  readonly gaps: readonly Gap[];
  readonly progress: readonly Progress[];
  /** For watchers that ask for it. */
  readonly previous: readonly Previous[];
  /** What its watch ended with, if it did. */
  readonly failure: string | undefined;
}

/** Whether the operation changed the store, as far as its client knows. */
export function tookEffect(operation: Operation): operation is Write {
  if (operation.outcome !== 'ok') return false;
  switch (operation.kind) {
    case 'put':
    case 'pair':
      return true;
    case 'delete':
      return operation.found;
    case 'swap':
      return operation.swapped;
    case 'read':
      return false;
    default:
      return operation satisfies never;
  }
}
