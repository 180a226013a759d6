import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { present } from '../../src/base/index.ts';
import {
  CHECKPOINT_INTERVAL_MS,
  EXPIRY_RETRY_MS,
  LEASE_ENDS_PER_SECOND_MAX,
  LEASE_TIME_STEP_MS_MAX,
  Leases,
  Lessor,
} from '../../src/lease/index.ts';
import { NaiveLessor } from './naive-lessor.ts';

const ELECTION_MS = 1000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const ALL = Number.POSITIVE_INFINITY;

/** A primary whose clock is looked at often, as a running process does. */
class World {
  readonly leases: Leases;
  lessor: Lessor;
  now = 0;

  constructor(leases: Leases = new Leases()) {
    this.leases = leases;
    this.lessor = new Lessor(leases, 0, ELECTION_MS);
    this.lessor.promote(0, ALL);
  }

  grant(id: bigint, ttl: number): void {
    this.leases.grant(id, ttl);
    this.lessor.granted(id, this.now);
  }

  revoke(id: bigint): void {
    this.leases.remove(id);
    this.lessor.revoked(id);
  }

  /** Passes time in steps of `stepMs`; the ids that come to their end, each with when. */
  pass(ms: number, stepMs = 100): string[] {
    const ended: string[] = [];
    const until = this.now + ms;
    while (this.now < until) {
      this.now = Math.min(until, this.now + stepMs);
      for (const id of this.lessor.takeExpired(this.now, ALL)) ended.push(`${id} at ${this.now}`);
    }
    return ended;
  }

  renew(id: bigint): number | string {
    const renewal = this.lessor.renew(id, this.now);
    return renewal.kind === 'renewed' ? renewal.ttl : renewal.kind;
  }

  /** Another leader takes over now. */
  changeLeader(): void {
    this.lessor = new Lessor(this.leases, this.now, ELECTION_MS);
    this.lessor.promote(this.now, ALL);
  }

  /** Writes down what is due, and has it applied. */
  checkpoint(): string[] {
    return this.lessor.takeCheckpoints(this.now, ALL).map(({ id, remainingTtl }) => {
      this.leases.checkpoint(id, remainingTtl);
      return `${id}: ${remainingTtl}`;
    });
  }
}

test('a lease ends when its TTL has passed, and not before', () => {
  const world = new World();
  world.grant(7n, 5);
  expect(world.pass(4900)).toEqual([]);
  expect(world.lessor.remainingMs(7n, world.now)).toBe(100);
  expect(world.pass(200)).toEqual(['7 at 5000']);
  expect(world.lessor.remainingMs(7n, world.now)).toBe(0);
  expect(world.renew(7n)).toBe('unknown');
});

test('a renewal begins the TTL anew', () => {
  const world = new World();
  world.grant(7n, 5);
  world.pass(4900);
  expect(world.renew(7n)).toBe(5);
  expect(world.pass(4900)).toEqual([]);
  expect(world.pass(100)).toEqual(['7 at 9900']);
});

test('what was revoked does not end again, and an id may be granted again', () => {
  const world = new World();
  world.grant(7n, 5);
  world.pass(3000);
  world.revoke(7n);
  expect(world.renew(7n)).toBe('unknown');
  world.grant(7n, 5);
  expect(world.pass(4900)).toEqual([]);
  expect(world.pass(100)).toEqual(['7 at 8000']);
});

test('one that could not be revoked has a little longer, and may be renewed', () => {
  const world = new World();
  world.grant(7n, 5);
  world.grant(8n, 5);
  expect(world.pass(5000)).toEqual(['7 at 5000', '8 at 5000']);
  world.lessor.retry(7n, world.now, false);
  world.lessor.retry(8n, world.now, false);
  expect(world.renew(8n)).toBe(5);
  expect(world.pass(EXPIRY_RETRY_MS)).toEqual([`7 at ${5000 + EXPIRY_RETRY_MS}`]);
});

test('one whose revocation may be in the log is not renewed any more, and is revoked again', () => {
  const world = new World();
  world.grant(7n, 5);
  world.pass(5000);
  world.lessor.retry(7n, world.now, true);
  expect(world.renew(7n)).toBe('unknown');
  expect(world.lessor.remainingMs(7n, world.now)).toBe(0);
  expect(world.pass(EXPIRY_RETRY_MS)).toEqual([`7 at ${5000 + EXPIRY_RETRY_MS}`]);
  // That this one was refused says nothing of the first.
  world.lessor.retry(7n, world.now, false);
  expect(world.renew(7n)).toBe('unknown');
});

test('a new leader gives every lease its whole TTL and an election more', () => {
  const world = new World();
  world.grant(7n, 5);
  world.pass(4900);
  world.changeLeader();
  expect(world.pass(5900)).toEqual([]);
  expect(world.pass(100)).toEqual(['7 at 10900']);
});

test('a lease may be renewed, asked for and revoked while the new leader has not come to it', () => {
  const leases = new Leases();
  for (const id of [7n, 8n, 9n]) leases.grant(id, 5);
  const lessor = new Lessor(leases, 0, ELECTION_MS);
  expect(lessor.renew(9n, 10)).toEqual({ kind: 'renewed', ttl: 5 });
  expect(lessor.remainingMs(8n, 10)).toBe(5000);
  expect(lessor.promote(10, 1)).toBe(false);
  leases.remove(8n);
  lessor.revoked(8n);
  expect(lessor.promote(20, ALL)).toBe(true);
  let ended: readonly bigint[] = [];
  for (let now = 100; now < 8000; now += 100) ended = [...ended, ...lessor.takeExpired(now, ALL)];
  expect(ended).toEqual([9n, 7n]);
});

test('a long lease is written down, and the next leader goes on from there', () => {
  const world = new World();
  world.grant(7n, 3600);
  world.pass(CHECKPOINT_INTERVAL_MS - 100);
  expect(world.checkpoint()).toEqual([]);
  // What is left is 3299.95 s: never less is written.
  world.pass(150, 50);
  expect(world.checkpoint()).toEqual(['7: 3300']);
  expect(world.checkpoint()).toEqual([]);
  world.pass(2 * CHECKPOINT_INTERVAL_MS);
  expect(world.checkpoint()).toEqual(['7: 2700']);
  world.pass(MINUTE);
  world.changeLeader();
  expect(world.lessor.remainingMs(7n, world.now)).toBe(2_700_000 + ELECTION_MS);
});

test('of a short lease nothing is written down, nor of the last minutes of a long one', () => {
  const world = new World();
  world.grant(7n, CHECKPOINT_INTERVAL_MS / 1000);
  world.grant(8n, (1.5 * CHECKPOINT_INTERVAL_MS) / 1000);
  expect(world.pass(CHECKPOINT_INTERVAL_MS)).toHaveLength(1);
  expect(world.checkpoint()).toEqual(['8: 150']);
  world.pass(CHECKPOINT_INTERVAL_MS / 2 - 100);
  expect(world.checkpoint()).toEqual([]);
});

test('what was written down must be taken back before the lease is renewed', () => {
  const world = new World();
  world.grant(7n, 3600);
  world.pass(CHECKPOINT_INTERVAL_MS);
  // On its way to the log, and not applied yet.
  expect(world.lessor.takeCheckpoints(world.now, ALL)).toEqual([{ id: 7n, remainingTtl: 3300 }]);
  expect(world.renew(7n)).toBe('written');
  world.leases.checkpoint(7n, 3300);
  expect(world.renew(7n)).toBe('written');
  world.leases.checkpoint(7n, 0);
  expect(world.renew(7n)).toBe('written');
  world.lessor.takenBack(7n);
  expect(world.renew(7n)).toBe(3600);
  world.changeLeader();
  expect(world.lessor.remainingMs(7n, world.now)).toBe(HOUR + ELECTION_MS);
});

test('so it must be by the next leader', () => {
  const world = new World();
  world.grant(7n, 3600);
  world.pass(CHECKPOINT_INTERVAL_MS);
  world.checkpoint();
  world.changeLeader();
  expect(world.renew(7n)).toBe('written');
});

test("the time that a process sleeps is not the leases'", () => {
  const sleeper = new World();
  sleeper.grant(7n, 5);
  sleeper.pass(3000);
  expect(sleeper.pass(60_000, 60_000)).toEqual([]);
  expect(sleeper.lessor.remainingMs(7n, sleeper.now)).toBe(2000 - LEASE_TIME_STEP_MS_MAX);
  expect(sleeper.renew(7n)).toBe(5);
});

test('a clock that goes back ends nothing and stops nothing', () => {
  const world = new World();
  world.grant(7n, 2);
  world.pass(1000);
  world.now = 0;
  expect(world.pass(900)).toEqual([]);
  expect(world.pass(200)).toEqual(['7 at 1100']);
});

test('after a promotion only so many end in a second, none before its time and none without need', () => {
  const leases = new Leases();
  const count = 3 * LEASE_ENDS_PER_SECOND_MAX + 10;
  for (let id = 1; id <= count; id++) leases.grant(BigInt(id), 10);
  leases.grant(5000n, 11);
  leases.grant(5001n, 60);
  const lessor = new Lessor(leases, 0, ELECTION_MS);
  lessor.promote(0, ALL);
  const perSecond = new Map<number, number>();
  for (let now = 0; now < 70_000; now += 50) {
    const second = Math.floor(now / 1000);
    const ended = lessor.takeExpired(now, ALL).length;
    if (ended > 0) perSecond.set(second, (perSecond.get(second) ?? 0) + ended);
  }
  const full = LEASE_ENDS_PER_SECOND_MAX;
  expect([...perSecond]).toEqual([
    [11, full],
    [12, full],
    [13, full],
    [14, 11],
    [61, 1],
  ]);
});

test('it is as its twin, for leases that are granted, renewed, revoked and left alone', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 900 }) }) },
    fc.record({ do: fc.constant('grant' as const), id: fc.bigInt(1n, 9n), ttl: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ do: fc.constant('renew' as const), id: fc.bigInt(1n, 9n) }),
    fc.record({ do: fc.constant('revoke' as const), id: fc.bigInt(1n, 9n) }),
    fc.record({ do: fc.constant('expire' as const), max: fc.integer({ min: 1, max: 4 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const world = new World();
      const naive = new NaiveLessor();
      const taken = new Set<bigint>();
      for (const one of steps) {
        if (one.do === 'pass') naive.now = world.now += one.ms;
        else if (one.do === 'grant' && !world.leases.exists(one.id)) {
          world.grant(one.id, one.ttl);
          naive.grant(one.id, one.ttl);
        } else if (one.do === 'renew') {
          const renewed = world.renew(one.id);
          expect(renewed === 'unknown' ? 0 : renewed).toBe(naive.renew(one.id));
        } else if (one.do === 'revoke' && world.leases.exists(one.id)) {
          world.revoke(one.id);
          naive.leases.delete(one.id);
          taken.delete(one.id);
        } else if (one.do === 'expire') {
          const due = naive.expired().filter((id) => !taken.has(id));
          const ended = world.lessor.takeExpired(world.now, one.max);
          expect(ended).toHaveLength(Math.min(one.max, due.length));
          for (const id of ended) {
            expect(due).toContain(id);
            taken.add(id);
          }
        }
        for (const id of world.leases.all()) {
          expect(world.lessor.remainingMs(id.id, world.now)).toBe(naive.remaining(id.id));
        }
      }
    }),
    { seed: 42, numRuns: 300 },
  );
});

test('no lease ends early, whoever leads and however long the leaders sleep', () => {
  // A year of changes: renewals are promises that a lease lives for a TTL from then on, on the clock of the world.
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 100, max: 400_000 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), id: fc.bigInt(1n, 4n) }) },
    fc.record({ do: fc.constant('sleep' as const), ms: fc.integer({ min: 100, max: 2_000_000 }) }),
    fc.record({ do: fc.constant('lead' as const) }),
    fc.record({ do: fc.constant('checkpoint' as const) }),
  );
  let ends = 0;
  let written = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const world = new World();
      const promised = new Map<bigint, number>();
      const ttls = [10, 400, 3600, 86_400];
      const promise = (id: bigint): void => {
        promised.set(id, world.now + 1000 * present(ttls[Number(id) - 1], 'a TTL'));
      };
      const grant = (id: bigint): void => {
        world.grant(id, present(ttls[Number(id) - 1], 'a TTL'));
        promise(id);
      };
      for (const id of [1n, 2n, 3n, 4n]) grant(id);
      const expire = (): void => {
        for (const id of world.lessor.takeExpired(world.now, ALL)) {
          expect(world.now).toBeGreaterThanOrEqual(promised.get(id) ?? 0);
          ends++;
          world.revoke(id);
          grant(id);
        }
      };
      for (const one of steps) {
        if (one.do === 'pass') {
          for (let left = one.ms; left > 0; left -= 1000) {
            world.now += Math.min(left, 1000);
            expire();
          }
        } else if (one.do === 'sleep') {
          world.now += one.ms;
          expire();
        } else if (one.do === 'lead') world.changeLeader();
        else if (one.do === 'checkpoint') written += world.checkpoint().length;
        else {
          let renewed = world.renew(one.id);
          if (renewed === 'written') {
            world.leases.checkpoint(one.id, 0);
            world.lessor.takenBack(one.id);
            renewed = world.renew(one.id);
          }
          if (typeof renewed === 'number') promise(one.id);
        }
      }
    }),
    { seed: 43, numRuns: 60 },
  );
  // It was about something.
  expect(Math.min(ends, written)).toBeGreaterThan(20);
});
