/**
 * Is every acknowledged write in the log, at the revision that was acknowledged, and nothing that was refused? What is unknown
 * may be there or not, but not twice and not by half.
 */

import { Findings } from '../report/index.ts';
import { type Check, check } from './check.ts';
import { type LoggedEvent, type Operation, tookEffect, type Write } from './history.ts';
import type { LeaseLife } from './leases.ts';
import { type RevisionLog, text } from './revision-log.ts';

/** The log has every revision after `first` up to the newest, and all who were told a revision were told the same. */
export function checkLog(log: RevisionLog, first: number): Check {
  const findings = new Findings();
  for (let revision = first + 1; revision <= log.last; revision++) {
    if (log.at(revision) === undefined) findings.add(`nobody was told of revision ${revision}`);
  }
  findings.addAll(log.disagreements, 'the watchers disagree');
  return check('the history has no gap and is the same on all members', log.last - first, findings);
}

/** `operations`: all of them, a pair once. The end of a lease deletes its keys, too. */
export function checkWrites(
  operations: Iterable<Operation>,
  log: RevisionLog,
  leases: readonly LeaseLife[] = [],
): Check {
  const findings = new Findings();
  const places = placesOf(log);
  const fates = new Map<string, Write>();
  const deletes = new Map<string, { made: number; perhaps: number }>();
  for (const { keys } of leases) for (const key of keys) deletes.set(key, { made: 0, perhaps: 1 });
  let count = 0;
  for (const operation of operations) {
    if (operation.kind === 'read') continue;
    count++;
    if (tookEffect(operation)) checkThere(operation, log, findings);
    if (operation.kind !== 'delete') {
      fates.set(operation.value, operation);
      continue;
    }
    const tally = deletes.get(operation.key) ?? { made: 0, perhaps: 0 };
    if (tookEffect(operation)) tally.made++;
    if (operation.outcome === 'unknown') tally.perhaps++;
    deletes.set(operation.key, tally);
  }
  for (const [value, at] of places) checkFate(value, at, fates.get(value), findings);
  checkDeletes(log, deletes, findings);
  return check('no acknowledged write is lost, no refused one is there', count, findings);
}

function checkThere(write: Write, log: RevisionLog, findings: Findings): void {
  const wanted = eventsOf(write);
  const there = log.at(write.revision);
  if (there === undefined) findings.add(`the acknowledged ${text(wanted)} of revision ${write.revision} is gone`);
  else if (!same(wanted, there)) {
    findings.add(`${text(wanted)} was acknowledged at revision ${write.revision}, where there is ${text(there)}`);
  }
}

function eventsOf(write: Write): readonly LoggedEvent[] {
  if (write.kind === 'delete') return [{ type: 'delete', key: write.key, value: '' }];
  const first: LoggedEvent = { type: 'put', key: write.key, value: write.value };
  return write.kind === 'pair' ? [first, { ...first, key: write.other }] : [first];
}

function same(one: readonly LoggedEvent[], other: readonly LoggedEvent[]): boolean {
  return one.length === other.length && text(one) === text(other);
}

/** Where each value was put: a place a revision. */
function placesOf(log: RevisionLog): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  for (const key of log.keys) {
    for (const { revision, value } of log.versionsOf(key)) {
      if (value === undefined) continue;
      const revisions = places.get(value) ?? [];
      if (!revisions.includes(revision)) revisions.push(revision);
      places.set(value, revisions);
    }
  }
  return places;
}

function checkFate(value: string, at: readonly number[], write: Write | undefined, findings: Findings): void {
  const where = `revision ${at.join(' and ')}`;
  if (write === undefined) findings.add(`${value} was put at ${where} by nobody`);
  else if (write.outcome === 'failed') findings.add(`${value} was refused, and is there at ${where}`);
  else if (write.kind === 'swap' && write.outcome === 'ok' && !write.swapped) {
    findings.add(`${value} was not to be swapped in, and is there at ${where}`);
  } else if (at.length > 1) findings.add(`${value} was put once, and is there at ${where}`);
}

/** Deletes have no value to tell them by: there may be no more than were made or may have been made. */
function checkDeletes(
  log: RevisionLog,
  deletes: ReadonlyMap<string, { readonly made: number; readonly perhaps: number }>,
  findings: Findings,
): void {
  for (const key of log.keys) {
    const there = log.versionsOf(key).filter(({ value }) => value === undefined).length;
    const { made, perhaps } = deletes.get(key) ?? { made: 0, perhaps: 0 };
    if (there > made + perhaps)
      findings.add(`${key} was deleted ${made} times, perhaps ${made + perhaps}; there are ${there}`);
  }
}

/** A pair that nobody acknowledged is there whole or not at all. */
export function checkPairs(operations: Iterable<Operation>, log: RevisionLog): Check {
  const findings = new Findings();
  const pairs = new Map<string, string>();
  for (const operation of operations)
    if (operation.kind === 'pair') pairs.set(operation.value, text(eventsOf(operation)));
  for (let revision = 0; revision <= log.last; revision++) {
    const events = log.at(revision) ?? [];
    const whole = pairs.get(events[0]?.value ?? '');
    if (whole !== undefined && text(events) !== whole) {
      findings.add(`revision ${revision} has ${text(events)}, of a transaction of ${whole}`);
    }
  }
  return check('transactions are there whole or not at all', pairs.size, findings);
}
