/** The clock of a connection: PINGs that come too often, and clients that are silent. */

import { expect, test } from 'vitest';
import { SimulatedClock } from '../../../src/base/index.ts';
import { Keepalive } from '../../../src/wire/native/keepalive.ts';
import { RateLimit } from '../../../src/wire/native/limits.ts';
import { PingPolicy } from '../../../src/wire/native/ping-policy.ts';

test.each([
  ['as often as allowed', [0, 5000, 10_000, 15_000, 20_000], true, 5],
  ['too often: the third strike is one too many', [0, 1, 2, 3, 4], true, 3],
  ['sooner, but not often enough', [0, 4999, 9998], true, 3],
  ['with no call open the limit is two hours', [0, 6000, 12_000, 18_000], false, 3],
])('%s', (_, times, hasCalls, fine) => {
  const policy = new PingPolicy(5000);
  const isTooMany = times.map((at) => policy.isTooManyAt(at, hasCalls));
  expect(isTooMany).toEqual(times.map((_at, index) => index >= fine));
});

test('what we send forgives the strikes', () => {
  const policy = new PingPolicy(5000);
  for (let at = 0; at < 100; at++) {
    policy.forgive();
    expect(policy.isTooManyAt(at, true)).toBe(false);
  }
});

test('a silent client is asked, and cut if it stays silent; a sign of life is enough', () => {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const keepalive = new Keepalive(clock, {
    intervalMs: 100,
    timeoutMs: 20,
    ping: () => told.push(`ping ${clock.now()}`),
    cut: () => told.push(`cut ${clock.now()}`),
  });
  clock.advance(50);
  keepalive.heard();
  clock.advance(150);
  keepalive.heard();
  clock.advance(119);
  expect(told).toEqual(['ping 200']);
  clock.advance(200);
  expect(told).toEqual(['ping 200', 'ping 320', 'cut 340']);
});

test('with an interval of 0 nobody is asked', () => {
  const clock = new SimulatedClock();
  const never = (): never => {
    throw new Error('nobody asked');
  };
  const keepalive = new Keepalive(clock, { intervalMs: 0, timeoutMs: 20, ping: never, cut: never });
  expect(clock.nextAt()).toBeUndefined();
  keepalive.stop();
});

test('a rate counts by the second', () => {
  const limit = new RateLimit(2);
  expect([0, 1, 999, 1000, 1001, 1002, 2500].map((at) => limit.isExceededAt(at))).toEqual([
    false,
    false,
    true,
    false,
    false,
    true,
    false,
  ]);
});
