/**
 * Was each watcher told exactly what the log has for it: all of it, once, in order, whatever happened to the members and to
 * its connection meanwhile? Revisions may be missing only where its watch was cancelled for a compaction that was asked for.
 *
 *     the log has for it     4  6  7  9
 *     it was told            4  6     9            7 is lost
 *                            4  6  6  7  9         6 is doubled
 *                            4  7  6  9            6 is lost, and told out of order
 */

import { Findings } from '../report/index.ts';
import { type Check, check } from './check.ts';
import type { LoggedEvent, Told } from './history.ts';
import { markOf, type RevisionLog } from './revision-log.ts';

/** `through`: the newest revision of the run. `compactedThrough`: the newest that anyone asked to be compacted. */
export function checkWatches(
  watchers: readonly Told[],
  log: RevisionLog,
  through: number,
  compactedThrough: number,
): Check {
  const findings = new Findings();
  let count = 0;
  for (const told of watchers) {
    const own = new Findings();
    if (told.failure !== undefined) own.add(`its watch ended: ${told.failure}`);
    checkGaps(told, compactedThrough, own);
    checkOrder(told, log, through, own);
    checkProgress(told, own);
    checkPrevious(told, log, compactedThrough, own);
    findings.addAll(own, told.name);
    count += told.revisions.length;
  }
  return check('no watcher was told too little, too much or out of order', count, findings);
}

function checkOrder(told: Told, log: RevisionLog, through: number, findings: Findings): void {
  let at = 0;
  let gap = 0;
  const surplus = (): void => {
    const revision = told.revisions[at];
    const before = told.revisions[at - 1] ?? 0;
    const how =
      revision === before ? 'twice' : revision !== undefined && revision < before ? 'out of order' : 'wrongly';
    findings.add(`was told of revision ${revision} ${how}`);
    at++;
  };
  for (let revision = told.from; revision <= through; revision++) {
    while (revision >= (told.gaps[gap]?.to ?? Infinity)) gap++;
    if (revision >= (told.gaps[gap]?.from ?? Infinity)) continue;
    const events = (log.at(revision) ?? []).filter((event) => concerns(told, event));
    if (events.length === 0) continue;
    while ((told.revisions[at] ?? Infinity) < revision) surplus();
    if (told.revisions[at] !== revision) findings.add(`was never told of revision ${revision}`);
    else if (told.marks[at++] !== markOf(events)) findings.add(`was told of other events at revision ${revision}`);
  }
  while (at < told.revisions.length) surplus();
}

export function concerns(told: Pick<Told, 'prefix' | 'without'>, { type, key }: LoggedEvent): boolean {
  return type !== told.without && key.startsWith(told.prefix);
}

function checkGaps(told: Told, compactedThrough: number, findings: Findings): void {
  for (const { from, to } of told.gaps) {
    if (to <= from) findings.add(`was cancelled at ${from} for a compaction at ${to}, which does not concern it`);
    if (to > compactedThrough) findings.add(`was cancelled for a compaction at ${to}, which nobody asked for`);
  }
}

/** Who was told that everything up to a revision had come is told nothing of that time afterwards. */
function checkProgress(told: Told, findings: Findings): void {
  for (const { after, revision } of told.progress) {
    const next = told.revisions[after];
    if (next !== undefined && next <= revision) {
      findings.add(`was told that all up to revision ${revision} had come, and then of revision ${next}`);
    }
  }
}

/** What was there before an event, where it can still be read: it cannot when a compaction has come in between. */
function checkPrevious(told: Told, log: RevisionLog, compactedThrough: number, findings: Findings): void {
  for (const { revision, key, previous } of told.previous) {
    const before = log.stateOf(key, revision - 1);
    const wanted = before?.value === undefined ? 0 : before.revision;
    if (previous === wanted || (previous === 0 && revision <= compactedThrough)) continue;
    findings.add(`was told that before revision ${revision} ${key} was of revision ${previous}, not ${wanted}`);
  }
}
