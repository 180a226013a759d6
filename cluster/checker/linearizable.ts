/**
 * Is each key a linearizable register? A history is linearizable if it is for each object (Herlihy and Wing 1990, locality), so
 * every key is searched alone. Revisions are not looked at: this would notice a store whose revisions lie.
 */

import { Findings } from '../report/index.ts';
import { type Check, check } from './check.ts';
import type { Operation } from './history.ts';
import { type Interval, judge, type Machine } from './wgl.ts';

/** Configurations a key: some tens of MB, and seconds. */
const CONFIGURATIONS_MAX = 200_000;
const ABSENT = '';

/** A key that holds a value or nothing. */
export const REGISTER: Machine<Operation> = {
  initial: ABSENT,
  step(state, operation) {
    const answered = operation.outcome === 'ok';
    switch (operation.kind) {
      case 'put':
      case 'pair':
        return operation.value;
      case 'delete':
        return !answered || operation.found === (state !== ABSENT) ? ABSENT : undefined;
      case 'swap': {
        const swaps = state === operation.expected;
        const after = swaps ? operation.value : state;
        if (!answered) return after;
        if (operation.swapped) return swaps ? after : undefined;
        return !swaps && state === (operation.seen ?? ABSENT) ? after : undefined;
      }
      case 'read':
        return state === (operation.seen ?? ABSENT) ? state : undefined;
      default:
        return operation satisfies never;
    }
  },
};

export function checkLinearizable(
  byKey: ReadonlyMap<string, readonly Operation[]>,
  configurationsMax: number = CONFIGURATIONS_MAX,
): Check {
  const findings = new Findings();
  let count = 0;
  let undecided = 0;
  for (const [key, operations] of byKey) {
    const intervals = intervalsOf(operations);
    count += intervals.length;
    const verdict = judge(intervals, REGISTER, configurationsMax);
    if (verdict === 'not linearizable') findings.add(`no order explains the ${intervals.length} operations on ${key}`);
    if (verdict === 'undecided') undecided++;
  }
  const rest = undecided === 0 ? '' : `${undecided} of ${byKey.size} keys have too many orders`;
  return check('every key is a linearizable register', count, findings, rest);
}

/**
 * The operations that the register must explain. What was refused did not happen. What is unknown and was never seen by anyone
 * can be left out, as each doubles the orders to be tried: no answer depends on it, unless a later delete found something, and
 * does not say what.
 */
function intervalsOf(operations: readonly Operation[]): readonly Interval<Operation>[] {
  const seen = new Set<string>();
  let foundAt = 0;
  for (const operation of operations) {
    if (operation.outcome !== 'ok') continue;
    if (operation.kind === 'delete' && operation.found) foundAt = Math.max(foundAt, operation.completedAt);
    if (operation.kind === 'read' && operation.seen !== undefined) seen.add(operation.seen);
    if (operation.kind !== 'swap') continue;
    if (operation.swapped) seen.add(operation.expected);
    else if (operation.seen !== undefined) seen.add(operation.seen);
  }
  return operations
    .filter((operation) => {
      if (operation.kind === 'read') return operation.outcome === 'ok' && !operation.serializable;
      if (operation.outcome === 'ok') return true;
      if (operation.outcome === 'failed') return false;
      return operation.kind === 'delete' || seen.has(operation.value) || operation.invokedAt < foundAt;
    })
    .map((op) => ({ op, calledAt: op.invokedAt, returnedAt: op.completedAt }));
}
