/** The questions that the demonstration answers at its end, and how it finds the answers. */

import type { Client } from '../../src/client/index.ts';
import { Findings } from '../report/index.ts';
import type { Watcher } from './fleet.ts';
import type { History } from './history.ts';
import type { Ledger } from './ledger.ts';
import { PREFIX } from './packages.ts';
import { type Held, heldOf, textOf } from './replay.ts';

export interface Check {
  readonly name: string;
  /** How many things were checked. */
  readonly count: number;
  readonly findings: Findings;
}

/** Everything under the prefix at `revision`, without the values. */
export async function readStore(client: Client, revision: number): Promise<ReadonlyMap<string, Held>> {
  const store = new Map<string, Held>();
  for await (const kv of client.scan(PREFIX, { prefix: true, revision })) store.set(textOf(kv.key), heldOf(kv));
  return store;
}

/**
 * Each watcher's replay against a read of its own range at `revision`. The reads leave out the values, which are compared by
 * what one read of everything found (`store`).
 */
export async function checkReplays(
  client: Client,
  revision: number,
  watchers: readonly Watcher[],
  store: ReadonlyMap<string, Held>,
  onChecked: () => void,
): Promise<Check> {
  const findings = new Findings();
  for (const { plan, replay, failure } of watchers) {
    const own = new Map<string, Held>();
    const extent = plan.end === undefined ? {} : { end: plan.end };
    for await (const kv of client.scan(plan.key, { ...extent, revision, keysOnly: true })) {
      const key = textOf(kv.key);
      const held = store.get(key);
      if (held?.modRevision === kv.modRevision) own.set(key, held);
      else findings.add(`${plan.name}: two reads at revision ${revision} disagree about ${key}`);
    }
    replay.compareWithStore(own);
    if (failure !== undefined) findings.add(`${plan.name}: its watch ended: ${failure}`);
    findings.addAll(replay.findings, plan.name);
    onChecked();
  }
  return { name: "each watcher's replay equals the store", count: watchers.length, findings };
}

/** Each watcher was told exactly the events of the history that concern it. */
export function checkDigests(watchers: readonly Watcher[], history: History): Check {
  const findings = new Findings();
  for (const watcher of watchers) {
    const expected = history.expected.get(watcher)?.text;
    const told = watcher.replay.digest.text;
    if (told !== expected) findings.add(`${watcher.plan.name}: was told ${told}, history has ${expected}`);
  }
  return { name: 'no event lost, doubled or out of order', count: watchers.length, findings };
}

export function checkHistory(history: History): Check {
  return { name: 'history has no gap', count: history.events, findings: history.findings };
}

export function checkWrites(ledger: Ledger): Check {
  return { name: 'every acknowledged write is there', count: ledger.writes, findings: ledger.close() };
}
