import { expect, test } from 'vitest';
import { SimulatedClock } from '../../src/base/index.ts';
import { AutoCompaction, type AutoCompactionMode } from '../../src/node/auto-compaction.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A store that gains ten revisions a minute, and the revisions that are compacted to, with the minute of each. */
function compactions(
  mode: AutoCompactionMode,
  minutes: number,
  isLeader = true,
): readonly (readonly [number, number])[] {
  const clock = new SimulatedClock();
  const seen: [number, number][] = [];
  const auto = new AutoCompaction({
    clock,
    mode,
    currentRevision: () => 1 + Math.floor(clock.now() / MINUTE) * 10,
    isLeader: () => isLeader,
    compact: (revision) => seen.push([clock.now() / MINUTE, revision]),
  });
  auto.start();
  clock.advance(minutes * MINUTE);
  auto.stop();
  clock.advance(HOUR);
  return seen;
}

test('by revision: every five minutes, keeping the last N', () => {
  expect(compactions({ mode: 'revision', keepRevisions: 60 }, 20)).toEqual([
    [10, 41],
    [15, 91],
    [20, 141],
  ]);
});

test('periodic, ten hours: the first after ten hours, then hourly, each to the revision of ten hours before', () => {
  const seen = compactions({ mode: 'periodic', retentionMs: 10 * HOUR }, 12 * 60);
  expect(seen).toEqual([
    [600, 61],
    [660, 661],
    [720, 1261],
  ]);
});

test('periodic, ten minutes: the first after ten minutes, then every ten', () => {
  const seen = compactions({ mode: 'periodic', retentionMs: 10 * MINUTE }, 30);
  expect(seen).toEqual([
    [10, 11],
    [20, 111],
    [30, 211],
  ]);
});

test('a member that does not lead leaves it to the one that does', () => {
  expect(compactions({ mode: 'revision', keepRevisions: 1 }, 60, false)).toEqual([]);
});
