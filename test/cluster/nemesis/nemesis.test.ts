import { describe, expect, test } from 'vitest';
import type { ClusterView, MemberState } from '../../../cluster/local/index.ts';
import { type Fault, inject, torment, type Victims } from '../../../cluster/nemesis/index.ts';
import { describeLink, Link } from '../../../cluster/proxy/index.ts';

/** A cluster that only remembers what was done to it. */
class Puppets {
  readonly states = new Map<string, MemberState>(['n1', 'n2', 'n3'].map((name) => [name, 'running']));
  readonly links = new Map<string, Link>();
  readonly armed = new Map<string, string>();
  readonly deeds: string[] = [];
  leader: string | undefined = 'n2';

  get members(): Victims['members'] {
    return [...this.states].map(([name, state]) => ({ name, state })) as unknown as Victims['members'];
  }

  look(): Promise<ClusterView> {
    return Promise.resolve({ members: [], leader: this.leader, term: 1 });
  }

  kill(name: string): Promise<void> {
    return this.#become(name, 'down', 'kill');
  }

  start(name: string): Promise<void> {
    return this.#become(name, 'running', 'start');
  }

  pause(name: string): void {
    void this.#become(name, 'paused', 'pause');
  }

  resume(name: string): void {
    void this.#become(name, 'running', 'resume');
  }

  arm(name: string, failpoint: string, terms: string): Promise<void> {
    this.armed.set(`${name} ${failpoint}`, terms);
    return Promise.resolve();
  }

  disarm(): Promise<void> {
    this.armed.clear();
    return Promise.resolve();
  }

  link(from: string, to: string): Link {
    const link = this.links.get(`${from} -> ${to}`) ?? new Link();
    this.links.set(`${from} -> ${to}`, link);
    return link;
  }

  add(): Promise<string> {
    return this.#become('n4', 'running', 'add').then(() => 'n4');
  }

  /** Says no the first time, as to a learner that lags. */
  promote(name: string): Promise<void> {
    if (this.deeds.includes(`promote ${name}`)) return Promise.resolve();
    this.deeds.push(`promote ${name}`);
    return Promise.reject(new Error('can only promote a learner member which is in sync with leader'));
  }

  remove(name: string): Promise<void> {
    this.states.delete(name);
    this.deeds.push(`remove ${name}`);
    return Promise.resolve();
  }

  heal(): void {
    for (const link of this.links.values()) link.heal();
  }

  /** What is not as it should be. */
  get wounds(): readonly string[] {
    const links = [...this.links].map(([name, { state }]) => `${name} ${describeLink(state)}`);
    const members = [...this.states].map(([name, state]) => `${name} ${state}`);
    return [
      ...members.filter((text) => !text.endsWith('running')),
      ...[...this.armed].map(([where, terms]) => `${where}=${terms}`),
      ...links.filter((text) => !text.endsWith(' ')),
    ].sort();
  }

  #become(name: string, state: MemberState, deed: string): Promise<void> {
    this.states.set(name, state);
    this.deeds.push(`${deed} ${name}`);
    return Promise.resolve();
  }
}

const FAULTS: readonly (readonly [Fault, string, readonly string[]])[] = [
  [{ kind: 'kill', target: 'leader' }, 'kill n2, the leader', ['n2 down']],
  [{ kind: 'kill', target: 0 }, 'kill n1', ['n1 down']],
  [{ kind: 'pause', target: 2 }, 'pause n3', ['n3 paused']],
  [
    { kind: 'isolate', target: 'leader' },
    'isolate n2, the leader',
    ['n1 -> n2 cut', 'n2 -> n1 cut', 'n2 -> n3 cut', 'n3 -> n2 cut'],
  ],
  [{ kind: 'deafen', target: 0 }, 'nothing reaches n1, which still speaks', ['n2 -> n1 cut', 'n3 -> n1 cut']],
  [{ kind: 'cut', one: 0, other: 2 }, 'cut n1 from n3', ['n1 -> n3 cut', 'n3 -> n1 cut']],
  [
    { kind: 'failpoint', target: 'leader', name: 'beforeCommit', terms: 'sleep(5)' },
    'failpoint beforeCommit=sleep(5) on n2, the leader',
    ['n2 beforeCommit=sleep(5)'],
  ],
  [{ kind: 'kill all' }, 'kill all members', ['n1 down', 'n2 down', 'n3 down']],
  [{ kind: 'reset' }, 'reset all connections between members', []],
  [
    { kind: 'slow', target: 1, delayMs: 50, bytesPerSecond: 20_000 },
    'the links of n2 are slow: 50 ms late, 20 KB/s',
    ['n1 -> n2', 'n2 -> n1', 'n2 -> n3', 'n3 -> n2'].map((link) => `${link} 50 ms late, 20 KB/s`),
  ],
];

describe('each fault does what it says, and is undone', () => {
  test.each(FAULTS)('%j', async (fault, words, wounds) => {
    const puppets = new Puppets();
    expect(await inject(puppets, fault)).toBe(words);
    expect(puppets.wounds).toEqual(wounds);
    await torment(puppets, [], new AbortController().signal, () => {});
    expect(puppets.wounds).toEqual([]);
  });
});

test('a reset reaches every link', async () => {
  const puppets = new Puppets();
  const reset: string[] = [];
  const names = [...puppets.states.keys()];
  for (const from of names) {
    for (const to of names) {
      if (from === to) continue;
      puppets.link(from, to).listen({ changed: () => {}, reset: () => reset.push(`${from} -> ${to}`) });
    }
  }
  await inject(puppets, { kind: 'reset' });
  expect(reset).toHaveLength(6);
});

test('the schedule is followed, and told', async () => {
  const puppets = new Puppets();
  const told: string[] = [];
  const schedule = [
    { fault: { kind: 'kill', target: 'leader' }, atMs: 5, forMs: 5 },
    { fault: { kind: 'pause', target: 0 }, atMs: 20, forMs: 5 },
  ] as const;
  await torment(puppets, schedule, new AbortController().signal, (text) => told.push(text));
  expect(told).toEqual(['kill n2, the leader', 'over: kill n2, the leader', 'pause n1', 'over: pause n1']);
  expect(puppets.deeds).toEqual(['kill n2', 'start n2', 'pause n1', 'resume n1']);
});

test('a learner joins, is given a vote as soon as it may have one, and is removed', async () => {
  const puppets = new Puppets();
  const told: string[] = [];
  const schedule = [{ fault: { kind: 'join' }, atMs: 0, forMs: 5 }] as const;
  await torment(puppets, schedule, new AbortController().signal, (text) => told.push(text));
  expect(puppets.deeds).toEqual(['add n4', 'promote n4', 'remove n4']);
  expect(told).toEqual(['n4 joins as a learner', 'over: n4 joins as a learner', 'n4 has a vote', 'n4 is removed']);
  expect([...puppets.states.keys()]).toEqual(['n1', 'n2', 'n3']);
});

test('a torment that is ended early leaves nothing broken', async () => {
  const puppets = new Puppets();
  const end = new AbortController();
  const schedule = [{ fault: { kind: 'isolate', target: 'leader' }, atMs: 0, forMs: 600_000 }] as const;
  await torment(puppets, schedule, end.signal, () => end.abort());
  expect(puppets.links.size).toBe(4);
  expect(puppets.wounds).toEqual([]);
});

test('a member that ended by itself cannot be paused, and is started with the rest', async () => {
  const puppets = new Puppets();
  puppets.states.set('n1', 'down');
  expect(await inject(puppets, { kind: 'pause', target: 0 })).toBe('n1 is down already');
  await torment(puppets, [], new AbortController().signal, () => {});
  expect(puppets.wounds).toEqual([]);
});

test('when nobody leads the first member stands in', async () => {
  const puppets = new Puppets();
  puppets.leader = undefined;
  expect(await inject(puppets, { kind: 'kill', target: 'leader' })).toBe('kill n1, the leader');
});
