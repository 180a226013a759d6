/**
 * What a simulation is like, all of it drawn from its seed: how many members, how fast their disks and links are, how often what goes wrong.
 * One seed is mostly crashes, the next mostly slow readers.
 */

import { below, fraction, type Prng, pick } from '../../src/base/index.ts';

/** What the nemesis can do, and how often beside the others. Each simulation multiplies each by a random factor, or leaves it out. */
export const WEIGHTS = {
  kill: 4,
  powerCut: 4,
  powerCutAll: 0.4,
  stop: 2,
  restart: 14,
  bounce: 2,
  dieSpeaking: 5,
  pause: 3,
  resume: 8,
  cutOneWay: 3,
  isolate: 3,
  healLinks: 7,
  rough: 3,
  smooth: 3,
  slowDisk: 2,
  fastDisk: 3,
  syncFails: 0.7,
  batchesFail: 0.5,
  diskFull: 0.5,
  diskFree: 2,
  moveLeader: 1.5,
  addMember: 1.5,
  promote: 3,
  removeMember: 1,
} as const;
export type Fault = keyof typeof WEIGHTS;

export interface Settings {
  readonly members: number;
  /** Of simulated time. */
  readonly durationMs: number;
  readonly faultEveryMs: number;
  readonly weights: ReadonlyMap<Fault, number>;
  readonly clients: number;
  /** Between two requests of one client, on the average. */
  readonly thinkMs: number;
  readonly streams: number;
  readonly keys: number;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly segmentBytes: number;
  readonly checkpointEntries: number;
  readonly catchUpEntries: number;
  readonly syncMsMax: number;
  readonly delayMsMax: number;
  readonly busyOneIn: number;
  readonly compactOneIn: number;
  /** Runs on the code with close limits (code.ts). */
  readonly isNarrow: boolean;
}

/** At most so many members at a time. */
export const MEMBERS_MAX = 5;

/** A fault that a seed has none of. */
const ABSENT_SHARE = 0.25;

export interface SettingsOptions {
  readonly faults: boolean;
}

export function settingsOf(prng: Prng, { faults }: SettingsOptions): Settings {
  const some = (least: number, most: number): number => least + below(prng, most - least + 1);
  const weights = new Map<Fault, number>();
  for (const [fault, weight] of Object.entries(WEIGHTS)) {
    const share = fraction(prng);
    const factor = 4 ** (fraction(prng) * 2 - 1);
    if (faults && share >= ABSENT_SHARE) weights.set(fault as Fault, weight * factor);
  }
  return {
    members: pick(prng, [3, 3, 3, 3, 1, 2, 4, 5]),
    durationMs: some(3, 9) * 1000,
    faultEveryMs: pick(prng, [100, 200, 400, 800]),
    weights,
    clients: some(2, 5),
    thinkMs: pick(prng, [10, 40, 40, 80, 160]),
    streams: some(2, 6),
    keys: pick(prng, [3, 8, 20]),
    tickMs: pick(prng, [20, 50, 100]),
    electionTicks: pick(prng, [3, 5, 10]),
    segmentBytes: pick(prng, [2048, 8192, 16_384]),
    checkpointEntries: pick(prng, [5, 20, 100]),
    catchUpEntries: pick(prng, [0, 3, 20, 200]),
    syncMsMax: pick(prng, [1, 3, 10]),
    delayMsMax: pick(prng, [1, 5, 20]),
    busyOneIn: pick(prng, [0, 0, 50, 10]),
    compactOneIn: pick(prng, [20, 60, 200, 600]),
    isNarrow: below(prng, 2) === 0,
  };
}
