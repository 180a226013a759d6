/** Faults: which, when, and how they are done. */

export { inject, restore, torment, type Victims } from './nemesis.ts';
export { type Fault, type Planned, planFaults, type Target } from './schedule.ts';
