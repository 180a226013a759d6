/**
 * Does no lease end before its time, and every one in the end? What was acknowledged says until when a lease must live: its TTL from the
 * moment on at which the keepalive (or the grant) was sent that was answered last. That it had ended is certain when anybody is told that
 * its keys were deleted, which nothing else does. Both are times of one clock, so what is found is a violation, however late the answers.
 *
 *     sent      granted   kept alive      kept alive (no answer)
 *     must live |---TTL---|--------TTL--------|
 *     told                            "a deleted": too early      "a deleted": well
 */

import { Findings } from '../report/index.ts';
import { type Check, check } from './check.ts';
import type { RevisionLog } from './revision-log.ts';

/** A lease that somebody had, and keeps alive no more. */
export interface LeaseLife {
  readonly id: bigint;
  /** Put with it, once, together, and deleted by nobody; whether the put was acknowledged or not. */
  readonly keys: readonly string[];
  /** Until then it must live. 0: nothing was acknowledged. */
  readonly aliveUntil: number;
}

/** `left`: the leases that are there when all should be over. */
export function checkLeases(lives: readonly LeaseLife[], log: RevisionLog, left: ReadonlySet<bigint>): Check {
  const findings = new Findings();
  for (const { id, keys, aliveUntil } of lives) {
    const ends = new Set<number>();
    for (const key of keys) {
      const versions = log.versionsOf(key);
      if (versions.at(-1)?.value !== undefined) findings.add(`${key} is there, and its lease ${id} is over`);
      for (const { revision, value } of versions) if (value === undefined) ends.add(revision);
    }
    if (ends.size > 1) findings.add(`the keys of lease ${id} went at revisions ${[...ends].join(' and ')}`);
    for (const revision of ends) {
      const earlyMs = aliveUntil - log.toldAt(revision);
      if (earlyMs > 0)
        findings.add(`lease ${id} ended at revision ${revision}, at least ${earlyMs.toFixed(0)} ms early`);
    }
    if (left.has(id)) findings.add(`lease ${id} is there, and nobody keeps it alive`);
  }
  return check('no lease ends before its time, and every one in the end', lives.length, findings);
}
