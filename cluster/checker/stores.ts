/** Do the members hold what the log says, and all the same? */

import { Findings } from '../report/index.ts';
import { type Check, check } from './check.ts';
import type { RevisionLog } from './revision-log.ts';

/** `store`: every key and its value at `revision`, as a member answered. */
export function checkStore(store: ReadonlyMap<string, string>, log: RevisionLog, revision: number): Check {
  const findings = new Findings();
  for (const key of new Set([...log.keys, ...store.keys()])) {
    const wanted = log.stateOf(key, revision)?.value;
    const held = store.get(key);
    if (held !== wanted) findings.add(`the store has ${held} at ${key}, the history ${wanted}`);
  }
  return check('the store is what the history made of it', store.size, findings);
}

/** `hashes`: of each member's whole store at one revision; what went wrong, where there is none. */
export function checkHashes(hashes: ReadonlyMap<string, number | string>): Check {
  const findings = new Findings();
  const [first] = [...hashes.values()].filter((hash) => typeof hash === 'number');
  for (const [name, hash] of hashes) {
    if (hash !== first) findings.add(`the hash of ${name} is ${hash}, that of another member ${first}`);
  }
  return check('all members hold the same', hashes.size, findings);
}
