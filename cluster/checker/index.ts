/** What must hold of a run, as pure functions of what clients were told. */

export { type Check, check } from './check.ts';
export {
  type Delete,
  type Gap,
  type LoggedEvent,
  type Operation,
  type Outcome,
  type PairPut,
  type Previous,
  type Progress,
  type Put,
  type Read,
  type Swap,
  type Told,
  tookEffect,
  type Write,
} from './history.ts';
export { checkLeases, type LeaseLife } from './leases.ts';
export { checkLinearizable } from './linearizable.ts';
export { checkReads } from './reads.ts';
export { markOf, RevisionLog } from './revision-log.ts';
export { checkHashes, checkStore } from './stores.ts';
export { checkWatches } from './watches.ts';
export { checkLog, checkPairs, checkWrites } from './writes.ts';
