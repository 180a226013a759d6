import { expect, test } from 'vitest';
import { planFaults } from '../../../cluster/nemesis/index.ts';
import { FAILPOINTS } from '../../../src/base/index.ts';

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);
const DURATION_MS = 180_000;

test('the same seed gives the same faults, another seed others', () => {
  expect(planFaults(7, 3, DURATION_MS)).toEqual(planFaults(7, 3, DURATION_MS));
  expect(planFaults(7, 3, DURATION_MS)).not.toEqual(planFaults(8, 3, DURATION_MS));
});

test('a longer run begins like a shorter one', () => {
  const short = planFaults(7, 3, 60_000);
  expect(planFaults(7, 3, DURATION_MS).slice(0, short.length)).toEqual(short);
});

test('failpoints come up only where members have them', () => {
  const faults = SEEDS.flatMap((seed) => planFaults(seed, 3, DURATION_MS, true).map(({ fault }) => fault));
  const names = new Set(faults.flatMap((fault) => (fault.kind === 'failpoint' ? [fault.name] : [])));
  expect([...names].sort()).toEqual([...FAILPOINTS].sort());
});

test('each fault is over before the next begins, and all before the end', () => {
  for (const seed of SEEDS) {
    const planned = planFaults(seed, 3, DURATION_MS);
    expect(planned.length).toBeGreaterThan(9);
    for (const [i, { atMs, forMs }] of planned.entries()) {
      expect(forMs).toBeGreaterThanOrEqual(2_000);
      expect(forMs).toBeLessThanOrEqual(16_000);
      expect(atMs + forMs + 2_000).toBeLessThanOrEqual(planned[i + 1]?.atMs ?? DURATION_MS);
    }
  }
});

test('every kind of fault comes up, and members are members', () => {
  const faults = SEEDS.flatMap((seed) => planFaults(seed, 3, DURATION_MS).map(({ fault }) => fault));
  expect([...new Set(faults.map(({ kind }) => kind))].sort()).toEqual([
    'cut',
    'deafen',
    'isolate',
    'join',
    'kill',
    'kill all',
    'pause',
    'reset',
    'slow',
  ]);
  const cuts = faults.filter((fault) => fault.kind === 'cut');
  expect(cuts.every(({ one, other }) => one !== other && one < 3 && other < 3)).toBe(true);
  const targets = new Set(faults.map((fault) => ('target' in fault ? fault.target : 'leader')));
  expect(targets).toEqual(new Set(['leader', 0, 1, 2]));
});
