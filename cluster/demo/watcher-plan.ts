/**
 * A thousand watchers of mixed kinds over the keys that are about to be loaded: which keys each watches, with which options,
 * and on which stream. Drawn from a seed, so that a run can be repeated.
 *
 *     of 1000   500 watch one package           '/debian/games/0ad'
 *               200 watch a prefix              '/debian/libs/libgt'
 *               250 watch a range               from one package to another, some 200 further on
 *                40 watch a section             '/debian/games/'
 *                10 watch everything            '/debian/'
 *
 * Every fourth joins only when all is loaded and reads history from revision 1. Every third gets prev_kv, every fourth takes
 * fragments, every seventh leaves out deletions, every eleventh leaves out puts. One stream in six is read slowly.
 */

import { below, type Prng, present, SeededPrng } from '../../src/base/index.ts';
import type { WatchFilter } from '../../src/client/index.ts';
import { PREFIX } from './packages.ts';

export type WatcherKind = 'key' | 'prefix' | 'range' | 'section' | 'all';

export interface WatcherPlan {
  readonly name: string;
  readonly kind: WatcherKind;
  readonly key: string;
  /** The keys from `key` to this one, which is left out; absent: just the key. */
  readonly end: string | undefined;
  readonly joins: 'before' | 'after';
  readonly prevKv: boolean;
  readonly fragment: boolean;
  readonly filters: readonly WatchFilter[];
  readonly stream: number;
}

export const STREAMS = 18;

/** How far apart the ends of a range are, in keys. */
const RANGE_KEYS = 200;
/** How much of a package's name is in a prefix. */
const PREFIX_CHARACTERS = 5;

/** Whether the watchers of a stream are slow to read. */
export function isSlow(stream: number): boolean {
  return stream % 6 === 5;
}

/** `sortedKeys` are those that will be loaded, at least one. */
export function planWatchers(count: number, sortedKeys: readonly string[], seed: number): readonly WatcherPlan[] {
  const prng = new SeededPrng(seed);
  return Array.from({ length: count }, (_, i) => {
    const kind = kindOf(i);
    return {
      name: `watcher ${i} (${kind})`,
      kind,
      ...keysFor(kind, prng, sortedKeys),
      joins: i % 4 === 3 ? 'after' : 'before',
      prevKv: i % 3 === 0,
      fragment: i % 4 === 1,
      filters: i % 7 === 5 ? ['noDelete'] : i % 11 === 7 ? ['noPut'] : [],
      stream: i % STREAMS,
    } satisfies WatcherPlan;
  });
}

/** Whether the key is one of those watched. Keys are ASCII here, so text compares as bytes do. */
export function watches(plan: WatcherPlan, key: string): boolean {
  return plan.end === undefined ? key === plan.key : key >= plan.key && key < plan.end;
}

function kindOf(i: number): WatcherKind {
  const place = i % 100;
  if (place < 50) return 'key';
  if (place < 70) return 'prefix';
  if (place < 95) return 'range';
  return place < 99 ? 'section' : 'all';
}

function keysFor(kind: WatcherKind, prng: Prng, keys: readonly string[]): { key: string; end: string | undefined } {
  const at = below(prng, keys.length);
  const key = present(keys[at], 'a key to watch');
  const section = key.slice(0, key.lastIndexOf('/') + 1);
  switch (kind) {
    case 'key':
      return { key, end: undefined };
    case 'prefix':
      return prefixed(key.slice(0, section.length + PREFIX_CHARACTERS));
    case 'range': {
      const last = keys[at + 1 + below(prng, RANGE_KEYS * 2)] ?? `${PREFIX}~`;
      return { key, end: last };
    }
    case 'section':
      return prefixed(section);
    case 'all':
      return prefixed(PREFIX);
    default:
      return kind satisfies never;
  }
}

/** Keys of packages are ASCII: the last character can always be followed by the next one. */
function prefixed(prefix: string): { key: string; end: string } {
  const last = prefix.charCodeAt(prefix.length - 1);
  return { key: prefix, end: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}
