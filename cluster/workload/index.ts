/** Clients at work while a cluster is tormented. */

export { Follower, type FollowerPlan } from './follower.ts';
export { Leaseholder } from './leaseholder.ts';
export { Record, type Stall } from './record.ts';
export { PREFIX, SLOTS, Slots } from './slots.ts';
export { filled, nameIn, textOf } from './value.ts';
export { outcomeOf, Worker } from './worker.ts';
export { Workload, type WorkloadOptions } from './workload.ts';
