/**
 * Exchanges drawn at random from few keys, values and revisions, so that they meet often. The same seed gives the same
 * exchanges. Revisions are drawn around the newest one, which the reference's answers tell.
 *
 * One stream of watches follows along: a few are made at the beginning, from the start of history and with every option, and
 * told what they missed before each comparison of what they were told.
 */

import { below, type Prng, pick, SeededPrng } from '../../src/base/index.ts';
import { compareStep, type Finding, type Sides } from './comparison.ts';
import {
  compact,
  create,
  del,
  differs,
  type Fields,
  hash,
  open,
  put,
  range,
  readTo,
  type Step,
  txn,
} from './exchange.ts';
import type { Outcome } from './session.ts';

const KEYS = ['a', 'aa', 'ab', 'b', 'b\0', 'c', 'd', '\xff'];
const ENDS = ['', '', 'b', 'c', 'e', '\0', 'ab'];
const VALUES = ['', '1', '2', 'x', 'longer value'];

/** Every so many exchanges the watches are read up to date. */
const READ_EVERY = 25;

/** A key that only the first watch and no other sees, put to learn when all is told. */
const BARRIER = 'zz-barrier';

export interface RandomRun {
  readonly exchanges: number;
  readonly findings: readonly Finding[];
}

/** Makes at least `count` exchanges, and stops at the first finding. */
export async function randomExchanges(seed: number, count: number, sides: Sides): Promise<RandomRun> {
  const prng = new SeededPrng(seed);
  const name = `random exchanges of seed ${seed}`;
  const store = { revision: 1, compacted: 0 };
  let exchanges = 0;
  const make = async (step: Step): Promise<Finding | undefined> => {
    const { finding, reference } = await compareStep(name, exchanges++, step, sides);
    store.revision = revisionOf(reference) ?? store.revision;
    if (step.kind === 'call' && step.method === 'Compact' && 'answer' in reference) {
      store.compacted = Number(step.request['revision']);
    }
    return finding;
  };
  for (const step of watching) {
    const finding = await make(step);
    if (finding !== undefined) return { exchanges, findings: [finding] };
  }
  for (let drawnSteps = 0; drawnSteps < count; drawnSteps++) {
    const steps = drawnSteps % READ_EVERY === 0 ? caughtUp(store.revision) : [drawn(prng, store)];
    for (const step of steps) {
      const finding = await make(step);
      if (finding !== undefined) return { exchanges, findings: [finding] };
    }
  }
  return { exchanges, findings: [] };
}

const watching: readonly Step[] = [
  open('s'),
  ...[
    { key: BARRIER },
    { key: 'a', range_end: 'c', prev_kv: true },
    { key: 'b', filters: ['NODELETE'] },
    { key: '\0', range_end: BARRIER, filters: ['NOPUT'], prev_kv: true },
    { key: 'aa' },
  ].map((fields, watch_id) => create('s', { ...fields, watch_id: watch_id + 1 })),
  { kind: 'read', stream: 's', until: { answers: 5 } },
];

/** A write that the first watch sees; everything before it has been told when that is. */
function caughtUp(revision: number): readonly Step[] {
  return [put(BARRIER, '1'), readTo('s', { 1: revision + 1 })];
}

interface Store {
  readonly revision: number;
  readonly compacted: number;
}

function drawn(prng: Prng, store: Store): Step {
  const choice = below(prng, 100);
  if (choice < 30) return put(key(prng), pick(prng, VALUES), putFlags(prng));
  if (choice < 40) return del(key(prng), { range_end: pick(prng, ENDS), prev_kv: chance(prng, 2) });
  if (choice < 70) return range(key(prng), rangeFields(prng, store));
  if (choice < 93) return differs('orderOfFaults', txn(txnFields(prng, store, 2)));
  if (choice < 97) return hash(store.compacted > 0 ? 0 : below(prng, store.revision + 2));
  return compact(Math.max(0, store.revision - below(prng, 20)), { physical: true });
}

function txnFields(prng: Prng, store: Store, depth: number): Fields {
  const branch = (): readonly Fields[] => several(prng, 4, () => operation(prng, store, depth));
  return { compare: several(prng, 3, () => comparison(prng, store)), success: branch(), failure: branch() };
}

function operation(prng: Prng, store: Store, depth: number): Fields {
  const choice = below(prng, depth > 0 ? 10 : 9);
  if (choice < 4) return { request_put: { key: key(prng), value: pick(prng, VALUES), ...putFlags(prng) } };
  if (choice < 7) return { request_range: { key: key(prng), ...rangeFields(prng, store) } };
  if (choice < 9) {
    return { request_delete_range: { key: key(prng), range_end: pick(prng, ENDS), prev_kv: chance(prng, 2) } };
  }
  return { request_txn: txnFields(prng, store, depth - 1) };
}

function comparison(prng: Prng, store: Store): Fields {
  const side = {
    key: key(prng),
    result: pick(prng, ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL']),
    range_end: chance(prng, 4) ? pick(prng, ENDS) : '',
  };
  const revision = below(prng, store.revision + 2);
  return pick<Fields>(prng, [
    { ...side, target: 'VERSION', version: below(prng, 4) },
    { ...side, target: 'CREATE', create_revision: chance(prng, 2) ? 0 : revision },
    { ...side, target: 'MOD', mod_revision: revision },
    { ...side, target: 'VALUE', value: pick(prng, VALUES) },
    { ...side, target: 'LEASE', lease: below(prng, 2) },
  ]);
}

function rangeFields(prng: Prng, store: Store): Fields {
  const near = (): number => Math.max(0, store.revision + 1 - below(prng, 30));
  return {
    range_end: pick(prng, ENDS),
    ...(chance(prng, 3) ? { limit: below(prng, 5) } : {}),
    ...(chance(prng, 3) ? { revision: near() } : {}),
    ...(chance(prng, 3)
      ? {
          sort_order: pick(prng, ['NONE', 'ASCEND', 'DESCEND']),
          sort_target: pick(prng, ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE']),
        }
      : {}),
    ...(chance(prng, 6) ? { keys_only: true } : {}),
    ...(chance(prng, 6) ? { count_only: true } : {}),
    ...(chance(prng, 6) ? { serializable: true } : {}),
    ...(chance(prng, 8) ? { min_mod_revision: near() } : {}),
    ...(chance(prng, 8) ? { max_mod_revision: near() } : {}),
    ...(chance(prng, 8) ? { min_create_revision: near() } : {}),
    ...(chance(prng, 8) ? { max_create_revision: near() } : {}),
  };
}

function putFlags(prng: Prng): Fields {
  return {
    prev_kv: chance(prng, 3),
    ...(chance(prng, 10) ? { ignore_value: true } : {}),
    ...(chance(prng, 10) ? { ignore_lease: true } : {}),
    ...(chance(prng, 30) ? { lease: 42 } : {}),
  };
}

function key(prng: Prng): string {
  return chance(prng, 40) ? '' : pick(prng, KEYS);
}

/** True once in `times`. */
function chance(prng: Prng, times: number): boolean {
  return below(prng, times) === 0;
}

function several<T>(prng: Prng, most: number, make: () => T): T[] {
  return Array.from({ length: below(prng, most + 1) }, make);
}

function revisionOf(outcome: Outcome): number | undefined {
  if (!('answer' in outcome)) return undefined;
  const header = outcome.answer['header'];
  return typeof header === 'object' && 'revision' in header ? Number(header.revision) : undefined;
}
