/** One question and its answer. */

import type { Findings } from '../report/index.ts';

export interface Check {
  readonly name: string;
  /** How many things were looked at. */
  readonly count: number;
  readonly findings: Findings;
  /** What could not be decided within the limits, in words; empty: everything was. */
  readonly undecided: string;
}

export function check(name: string, count: number, findings: Findings, undecided = ''): Check {
  return { name, count, findings, undecided };
}
