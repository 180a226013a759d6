/**
 * Does every answer agree with the log? An answer names the revision it is of, so it can be held against the log there:
 *
 *     a read at revision r saw what the key was at r
 *     and r is no less than any revision that had been acknowledged to anyone before the read was made
 *
 * The second is what makes a read linearizable, and is not asked of serializable ones. Writes must obey it too: they get a
 * revision above all that had been acknowledged before.
 */

import { Findings } from '../report/index.ts';
import { type Check, check } from './check.ts';
import { type Operation, tookEffect } from './history.ts';
import type { RevisionLog } from './revision-log.ts';

export function checkReads(operations: readonly Operation[], log: RevisionLog): Check {
  const findings = new Findings();
  const answered = operations.filter(({ outcome }) => outcome === 'ok');
  const acknowledged = new Acknowledged(answered);
  let count = 0;
  for (const operation of answered) {
    const { kind, key, revision, invokedAt } = operation;
    if (!(kind === 'read' && operation.serializable)) {
      const before = acknowledged.before(invokedAt);
      const stale = tookEffect(operation) ? revision <= before : revision < before;
      if (stale) findings.add(`a ${kind} of ${key} is of revision ${revision}, after ${before} was acknowledged`);
    }
    if (!looked(operation)) continue;
    count++;
    const there = log.stateOf(key, revision)?.value;
    const saw = operation.kind === 'delete' ? undefined : operation.seen;
    if (there !== saw) findings.add(`a ${kind} of ${key} at revision ${revision} saw ${saw}, where there is ${there}`);
  }
  return check('every answer is of its revision, and no older than it may be', count, findings);
}

/** Whether the answer tells what the key was at its revision. A swap that was made, and a delete that found, do not. */
function looked(operation: Operation): operation is Extract<Operation, { kind: 'read' | 'swap' | 'delete' }> {
  if (operation.kind === 'read') return true;
  if (operation.kind === 'swap') return !operation.swapped;
  return operation.kind === 'delete' && !operation.found;
}

/** The highest revision that anyone knew of at a time. */
class Acknowledged {
  readonly #times: readonly number[];
  readonly #highest: readonly number[];

  constructor(answered: readonly Operation[]) {
    // A serializable read tells a revision too: it was applied by a member, so it was committed.
    const inOrder = answered.toSorted((a, b) => a.completedAt - b.completedAt);
    this.#times = inOrder.map(({ completedAt }) => completedAt);
    let highest = 0;
    this.#highest = inOrder.map(({ revision }) => {
      highest = Math.max(highest, revision);
      return highest;
    });
  }

  before(time: number): number {
    let low = 0;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#times[middle] ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return this.#highest[low - 1] ?? 0;
  }
}
