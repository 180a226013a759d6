/**
 * The whole history, read once from the first revision on, as the measure for every watcher: each must have been told exactly
 * the events of the history that are in its range, from its first revision, and pass its filters, in order.
 */

import type { Client } from '../../src/client/index.ts';
import { Findings } from '../report/index.ts';
import { Digest } from './digest.ts';
import type { Watcher } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import { PREFIX } from './packages.ts';
import { heldOf, Replay, textOf } from './replay.ts';
import { type WatcherPlan, watches } from './watcher-plan.ts';

export interface History {
  /** What each watcher should have been told. */
  readonly expected: ReadonlyMap<Watcher, Digest>;
  /** What was wrong with the history itself. */
  readonly findings: Findings;
  readonly events: number;
}

/** Reads history up to `revision`, ticking its events off in the ledger. `onEvents` is told how far it is. */
export async function readHistory(
  client: Client,
  revision: number,
  watchers: readonly Watcher[],
  ledger: Ledger,
  onEvents: (revision: number) => void,
): Promise<History> {
  const expected = new Map(watchers.map((watcher) => [watcher, new Digest()]));
  const byKey = new Map<string, Watcher[]>();
  const ranges: Watcher[] = [];
  for (const watcher of watchers) {
    if (watcher.plan.end !== undefined) ranges.push(watcher);
    else byKey.set(watcher.plan.key, [...(byKey.get(watcher.plan.key) ?? []), watcher]);
  }
  const truth = new Replay({ prevKv: false, filters: [] });
  const watch = client.watchStream().watch(PREFIX, { prefix: true, startRevision: 1, fragment: true });
  for await (const batch of watch.batches()) {
    truth.apply(batch);
    for (const event of batch.events) {
      ledger.see(event);
      const key = textOf(event.kv.key);
      const held = heldOf(event.kv);
      for (const watcher of [...(byKey.get(key) ?? []), ...ranges]) {
        if (!concerns(watcher.plan, event.type, key) || event.kv.modRevision < watcher.firstRevision) continue;
        if (event.type === 'put') expected.get(watcher)?.put(key, held);
        else expected.get(watcher)?.delete(key, event.kv.modRevision);
      }
    }
    onEvents(truth.revision);
    if (truth.revision >= revision) break;
  }
  return { expected, findings: truth.findings, events: truth.digest.count };
}

function concerns(plan: WatcherPlan, type: 'put' | 'delete', key: string): boolean {
  return watches(plan, key) && !plan.filters.includes(type === 'put' ? 'noPut' : 'noDelete');
}
