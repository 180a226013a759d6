/** One number that was measured: of what, of whom. Rounds give several of one measure and side. */

import type { Side } from './server-process.ts';

export interface Sample {
  /** What was measured, as a row of the table says it. */
  readonly measure: string;
  readonly unit: string;
  /** Whether a larger number is the better one, or whether a ratio would mean nothing. */
  readonly better: 'more' | 'less' | 'neither';
  /** How many times better than etcd this node is meant to be, at least. */
  readonly goal?: number | undefined;
  readonly side: Side;
  readonly value: number;
}

export type Measured = Omit<Sample, 'side'>;

export function more(measure: string, unit: string, value: number, goal?: number): Measured {
  return { measure, unit, better: 'more', value, goal };
}

export function less(measure: string, unit: string, value: number, goal?: number): Measured {
  return { measure, unit, better: 'less', value, goal };
}

export function plain(measure: string, unit: string, value: number): Measured {
  return { measure, unit, better: 'neither', value };
}
