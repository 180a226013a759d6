/**
 * Which faults happen when, drawn from a seed before the run begins: the same seed gives the same faults at the same times.
 * One at a time, each undone before the next, with a rest in between and at the end; so nothing stays broken for longer than
 * FAULT_MS_LONG_MAX.
 *
 *     0 s      3        9   12      19         ...              end - 5 s     end
 *     | warm-up| kill   |   | cut   |                                | rest    |
 */

import { below, FAILPOINTS, type FailpointName, fraction, type Prng, pick, SeededPrng } from '../../src/base/index.ts';

/** A member by its number, from 0, or whoever leads when the fault begins. */
export type Target = 'leader' | number;

export type Fault =
  | { readonly kind: 'kill' | 'pause' | 'isolate' | 'deafen'; readonly target: Target }
  | { readonly kind: 'slow'; readonly target: Target; readonly delayMs: number; readonly bytesPerSecond: number }
  | { readonly kind: 'cut'; readonly one: number; readonly other: number }
  | { readonly kind: 'failpoint'; readonly target: Target; readonly name: FailpointName; readonly terms: string }
  /** A learner joins, is given a vote, and is removed. */
  | { readonly kind: 'reset' | 'kill all' | 'join' };

export interface Planned {
  readonly fault: Fault;
  readonly atMs: number;
  readonly forMs: number;
}

const WARM_UP_MS = 3_000;
const REST_AT_END_MS = 5_000;
const REST_MS_MIN = 2_000;
const REST_MS_MAX = 5_000;
const FAULT_MS_MIN = 2_000;
const FAULT_MS_MAX = 7_000;
/** One in so many lasts longer: long enough for a leader to compact away what the others lack. */
const LONG_ONE_IN = 6;
const FAULT_MS_LONG_MAX = 16_000;

/** How often each kind is drawn, of the sum of all. */
const WEIGHTS: readonly (readonly [Fault['kind'], number])[] = [
  ['kill', 5],
  ['pause', 4],
  ['isolate', 4],
  ['deafen', 2],
  ['cut', 3],
  ['slow', 2],
  ['reset', 1],
  ['kill all', 1],
  ['join', 3],
];

/** Beside the others, when members have failpoints. */
const FAILPOINT_WEIGHT = 12;
/** What a failpoint is armed with: a crash at once or after a while, and what makes everything, or now and then something, slow. */
const FAILPOINT_TERMS = ['panic', '1.0%panic', 'sleep(5)', '2.0%sleep(300)'] as const;

/** `failpoints`: whether the members have some. */
export function planFaults(seed: number, members: number, durationMs: number, failpoints = false): readonly Planned[] {
  const weights: typeof WEIGHTS = failpoints ? [...WEIGHTS, ['failpoint', FAILPOINT_WEIGHT]] : WEIGHTS;
  const prng = new SeededPrng(seed);
  const planned: Planned[] = [];
  let atMs = WARM_UP_MS;
  for (;;) {
    const long = below(prng, LONG_ONE_IN) === 0;
    const forMs = Math.round(
      between(prng, long ? FAULT_MS_MAX : FAULT_MS_MIN, long ? FAULT_MS_LONG_MAX : FAULT_MS_MAX),
    );
    const fault = drawFault(prng, members, weights);
    if (atMs + forMs > durationMs - REST_AT_END_MS) return planned;
    planned.push({ fault, atMs, forMs });
    atMs += forMs + Math.round(between(prng, REST_MS_MIN, REST_MS_MAX));
  }
}

function drawFault(prng: Prng, members: number, weights: typeof WEIGHTS): Fault {
  const kind = drawKind(prng, weights);
  switch (kind) {
    case 'kill':
    case 'pause':
    case 'isolate':
    case 'deafen':
      return { kind, target: drawTarget(prng, members) };
    case 'slow':
      return {
        kind,
        target: drawTarget(prng, members),
        delayMs: Math.round(between(prng, 20, 200)),
        bytesPerSecond: Math.round(between(prng, 20_000, 500_000)),
      };
    case 'cut': {
      const one = below(prng, members);
      return { kind, one, other: (one + 1 + below(prng, members - 1)) % members };
    }
    case 'failpoint': {
      const target = drawTarget(prng, members);
      return { kind, target, name: pick(prng, FAILPOINTS), terms: pick(prng, FAILPOINT_TERMS) };
    }
    case 'reset':
    case 'kill all':
    case 'join':
      return { kind };
    default:
      return kind satisfies never;
  }
}

function drawKind(prng: Prng, weights: typeof WEIGHTS): Fault['kind'] {
  let at = below(
    prng,
    weights.reduce((sum, [, weight]) => sum + weight, 0),
  );
  for (const [kind, weight] of weights) {
    if (at < weight) return kind;
    at -= weight;
  }
  return 'kill';
}

/** Every other fault is the leader's. */
function drawTarget(prng: Prng, members: number): Target {
  return pick<Target>(prng, ['leader', below(prng, members)]);
}

function between(prng: Prng, least: number, most: number): number {
  return least + fraction(prng) * (most - least);
}
