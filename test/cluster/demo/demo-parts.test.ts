import { describe, expect, test } from 'vitest';
import { Ledger } from '../../../cluster/demo/ledger.ts';
import { loopDelayOf } from '../../../cluster/demo/loop-delay.ts';
import { parseOptions } from '../../../cluster/demo/options.ts';
import { grouped, ProgressBar } from '../../../cluster/demo/progress-bar.ts';
import { isSlow, planWatchers, STREAMS, watches } from '../../../cluster/demo/watcher-plan.ts';
import { Findings, table } from '../../../cluster/report/index.ts';
import type { WatchEvent } from '../../../src/client/index.ts';

const put = (key: string, value: string, modRevision: number): WatchEvent => ({
  type: 'put',
  kv: {
    key: Buffer.from(key),
    value: Buffer.from(value),
    createRevision: modRevision,
    modRevision,
    version: 1,
    lease: 0n,
  },
  previous: undefined,
});

describe('the ledger', () => {
  test('is balanced when each acknowledged write is seen at its revision', () => {
    const ledger = new Ledger();
    ledger.acknowledgedPut('a', Buffer.from('1'), 2);
    ledger.acknowledgedPut('b', Buffer.from('1'), 3);
    ledger.unknownPut('c', Buffer.from('1'));
    ledger.see(put('a', '1', 2));
    ledger.see(put('b', '1', 3));
    ledger.see(put('c', '1', 4));
    expect(ledger.close().texts).toEqual([]);
    expect([ledger.writes, ledger.unknown, ledger.unknownSeen]).toEqual([2, 1, 1]);
  });

  test('finds a write that is gone, one that is another, and one that nobody made', () => {
    const ledger = new Ledger();
    ledger.acknowledgedPut('a', Buffer.from('1'), 2);
    ledger.acknowledgedPut('b', Buffer.from('1'), 3);
    ledger.acknowledgedDelete('b', 4);
    ledger.see(put('a', 'x', 2));
    ledger.see(put('d', '1', 5));
    expect(ledger.close().texts).toEqual([
      'revision 2 is not the write that was acknowledged',
      'revision 5 (d) was never written',
      'the acknowledged write of revision 2 is gone',
      'the acknowledged write of revision 3 is gone',
      'the acknowledged write of revision 4 is gone',
    ]);
  });

  test('finds a revision that was acknowledged twice', () => {
    const ledger = new Ledger();
    ledger.acknowledgedPut('a', Buffer.from('1'), 2);
    ledger.acknowledgedPut('b', Buffer.from('1'), 2);
    expect(ledger.close().texts[0]).toBe('revision 2 was acknowledged twice');
  });
});

describe('the plan of watchers', () => {
  const keys = Array.from({ length: 500 }, (_, i) => `/debian/s${i % 5}/package${i}`).sort();
  const plans = planWatchers(1000, keys, 7);

  test('is of all kinds, with all options, on all streams, and the same for the same seed', () => {
    const count = (kind: string): number => plans.filter((plan) => plan.kind === kind).length;
    expect(['key', 'prefix', 'range', 'section', 'all'].map(count)).toEqual([500, 200, 250, 40, 10]);
    expect(plans.filter(({ joins }) => joins === 'after').length).toBe(250);
    expect(plans.some(({ prevKv }) => prevKv) && plans.some(({ fragment }) => fragment)).toBe(true);
    expect(plans.some(({ filters }) => filters.includes('noPut'))).toBe(true);
    expect(plans.some(({ filters }) => filters.includes('noDelete'))).toBe(true);
    expect(new Set(plans.map(({ stream }) => stream)).size).toBe(STREAMS);
    expect(plans.some(({ stream }) => isSlow(stream))).toBe(true);
    expect(planWatchers(1000, keys, 7)).toEqual(plans);
    expect(planWatchers(1000, keys, 8)).not.toEqual(plans);
  });

  test('gives every watcher something to watch', () => {
    for (const plan of plans) expect(keys.some((key) => watches(plan, key))).toBe(true);
  });

  test('manages with a single key', () => {
    for (const plan of planWatchers(100, ['/debian/games/0ad'], 1))
      expect(watches(plan, '/debian/games/0ad')).toBe(true);
  });
});

test('the loop delay is read from a histogram', () => {
  const name = 'watchraft_event_loop_delay_seconds';
  const text = [
    `# TYPE ${name} histogram`,
    `${name}_bucket{le="0.001"} 90`,
    `${name}_bucket{le="0.008"} 98`,
    `${name}_bucket{le="0.016"} 99`,
    `${name}_bucket{le="0.032"} 99`,
    `${name}_bucket{le="+Inf"} 99`,
    `${name}_count 99`,
  ].join('\n');
  expect(loopDelayOf(text)).toEqual({ atMostSeconds: 0.016, above: 1, all: 99 });
  expect(loopDelayOf('etcd_server_has_leader 1\n')).toBeUndefined();
});

test('the command line', () => {
  expect(parseOptions(['--packages', '50', '--server', 'etcd --name x'])).toMatchObject({
    packagesMax: 50,
    watchers: 1000,
    server: ['etcd', '--name', 'x'],
  });
  expect(parseOptions(['--help'])).toBeUndefined();
  expect(() => parseOptions(['--packages', 'many'])).toThrow('--packages');
  expect(() => parseOptions(['--packages', '0'])).toThrow('--packages');
  expect(() => parseOptions(['--nonsense'])).toThrow('--nonsense');
});

describe('what is shown', () => {
  test('a line each quarter where there is no terminal', () => {
    const lines: string[] = [];
    const bar = new ProgressBar({ write: (text) => lines.push(text) }, 'load', 1000, 0);
    for (let i = 1; i <= 1000; i++) bar.to(i, i);
    bar.finish(1000);
    expect(lines.length).toBe(4);
    expect(lines[1]).toBe('load                   [############            ]           500/1,000     1,000/s\n');
  });

  test('one line that is drawn over on a terminal, not more often than ten times a second', () => {
    const pieces: string[] = [];
    const bar = new ProgressBar({ write: (text) => pieces.push(text), isTTY: true }, 'load', 1000, 0);
    for (let i = 1; i <= 1000; i++) bar.to(i, i);
    bar.finish(1000);
    expect(pieces.length).toBeLessThanOrEqual(11);
    expect(pieces.every((piece) => piece.startsWith('\r'))).toBe(true);
    expect(pieces.at(-1)?.endsWith('\n')).toBe(true);
  });

  test('numbers and tables', () => {
    expect([0, 999, 1000, 1234567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
    expect(
      table(
        ['what', 'count'],
        [
          ['load', '63,666'],
          ['x', '1'],
        ],
      ),
    ).toBe(['what   count', '----  ------', 'load  63,666', 'x          1'].join('\n'));
  });

  test('findings of parts are added up', () => {
    const part = new Findings();
    for (let i = 0; i < 7; i++) part.add(`f${i}`);
    const all = new Findings();
    all.addAll(part, 'part');
    expect([all.count, all.texts[0]]).toEqual([7, 'part: f0']);
  });
});
