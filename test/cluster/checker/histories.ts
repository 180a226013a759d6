/** Small histories by hand. */

import type { Delete, LoggedEvent, Operation, PairPut, Put, Read, Swap, Told } from '../../../cluster/checker/index.ts';
import { markOf, RevisionLog } from '../../../cluster/checker/index.ts';

type Time = readonly [invokedAt: number, completedAt: number];

const answered = ([invokedAt, completedAt]: Time, revision: number) => ({
  outcome: 'ok' as const,
  invokedAt,
  completedAt,
  revision,
});

export const put = (key: string, value: string, time: Time, revision = 0): Put => ({
  kind: 'put',
  key,
  value,
  ...answered(time, revision),
});

export const pair = (key: string, other: string, value: string, time: Time, revision = 0): PairPut => ({
  kind: 'pair',
  key,
  other,
  value,
  ...answered(time, revision),
});

export const del = (key: string, found: boolean, time: Time, revision = 0): Delete => ({
  kind: 'delete',
  key,
  found,
  ...answered(time, revision),
});

export const read = (key: string, seen: string | undefined, time: Time, revision = 0): Read => ({
  kind: 'read',
  key,
  seen,
  serializable: false,
  ...answered(time, revision),
});

export const swap = (
  key: string,
  [expected, value]: readonly [string, string],
  result: { readonly swapped: boolean; readonly seen?: string },
  time: Time,
  revision = 0,
): Swap => ({
  kind: 'swap',
  key,
  expected,
  value,
  swapped: result.swapped,
  seen: result.seen,
  ...answered(time, revision),
});

/** Nobody answered. */
export function unanswered<T extends Operation>(operation: T): T {
  return { ...operation, outcome: 'unknown', completedAt: Infinity, revision: 0 };
}

/** It was refused. */
export function refused<T extends Operation>(operation: T): T {
  return { ...operation, outcome: 'failed', completedAt: Infinity, revision: 0 };
}

export const wrote = (key: string, value: string): LoggedEvent => ({ type: 'put', key, value });
export const deleted = (key: string): LoggedEvent => ({ type: 'delete', key, value: '' });

/** A log whose first revision is 2, as that of an empty store. */
export function logOf(...revisions: readonly (readonly LoggedEvent[])[]): RevisionLog {
  const log = new RevisionLog();
  for (const [i, events] of revisions.entries()) log.add('the first', i + 2, events);
  return log;
}

/** A watcher that was told these revisions, of those in the log. */
export function toldOf(log: RevisionLog, revisions: readonly number[], rest: Partial<Told> = {}): Told {
  const watcher = { prefix: '', without: undefined, ...rest };
  const marks = revisions.map((revision) =>
    markOf(
      (log.at(revision) ?? []).filter(({ type, key }) => type !== watcher.without && key.startsWith(watcher.prefix)),
    ),
  );
  return { name: 'w', from: 2, revisions, marks, gaps: [], progress: [], previous: [], failure: undefined, ...watcher };
}
