/**
 * Clients that own leases: each grants one, hangs keys on it, keeps it alive for a while through any member, and then forgets it.
 *
 *     grant 7 (2 s) at 100 ──── ok          7 must live until 2100
 *              keep 7 at 900 ──────── 2 s   7 must live until 2900, whoever leads by then, and however the process slept
 *                       keep 7 at 1500 ...  no answer: nothing is promised
 *     the log revokes 7 at 3100             after 2900: as it must be
 *
 * What a lease's end does to its keys the history works out, and everybody is held against that. In the end no lease may be left.
 */

import { NOBODY } from '../../src/auth/index.ts';
import { below, bytesOf, type Prng, pick } from '../../src/base/index.ts';
import { etcdserverpb as pb } from '../../src/gen/etcd.js';
import type { WorldClock } from './clock.ts';
import type { History } from './history.ts';
import type { Life, SimulatedMember } from './member.ts';
import type { Settings } from './settings.ts';
import type { Trace } from './trace.ts';
import { ensure } from './violation.ts';

interface Owned {
  readonly id: bigint;
  /** From here on it is forgotten. */
  readonly forgottenAt: number;
  ttl: number;
  /** Until then it must live; 0 before anything was promised. */
  livesUntil: number;
  isGone: boolean;
}

export interface LeaseOwnersOptions {
  readonly settings: Settings;
  readonly prng: Prng;
  readonly clock: WorldClock;
  readonly history: History;
  readonly trace: Trace;
  readonly members: () => readonly SimulatedMember[];
  readonly failed: (error: unknown) => void;
}

const OWNED_MAX = 4;
const TTL_SECONDS_MAX = 3;
const KEPT_MS_MAX = 6000;
/** Of keepalives and puts under way: a member that is gone answers none of its own. */
const OPEN_MAX = 64;

export class LeaseOwners {
  readonly #options: LeaseOwnersOptions;
  readonly #owned = new Map<bigint, Owned>();
  readonly #open = new Map<Life, number>();
  #granted = 0;
  renewed = 0;
  ended = 0;

  constructor(options: LeaseOwnersOptions) {
    this.#options = options;
    options.history.onRevoked = (id) => this.#revoked(id);
  }

  /** Whether there is nothing left of any lease. */
  get isQuiet(): boolean {
    return this.#options.history.leases === 0;
  }

  /** Lets one owner do something, somewhere. */
  act(): void {
    const { prng, clock, members } = this.#options;
    const serving = members().filter((member) => member.serving?.isLearner === false);
    if (serving.length === 0) return;
    const member = pick(prng, serving);
    const alive = [...this.#owned.values()].filter(({ isGone, forgottenAt }) => !isGone && clock.now() < forgottenAt);
    const choice = below(prng, 10);
    if (alive.length === 0 || (alive.length < OWNED_MAX && choice === 0)) this.#grant(member);
    else if (choice < 3) this.#put(member, pick(prng, alive));
    else this.#keep(member, pick(prng, alive));
  }

  /** The process is gone, and answers nobody. */
  forget(life: Life): void {
    this.#open.delete(life);
  }

  // ---- What they do ----

  #grant(member: SimulatedMember): void {
    const { prng, clock } = this.#options;
    const id = BigInt(++this.#granted);
    const ttl = 1 + below(prng, TTL_SECONDS_MAX);
    const owned = { id, ttl, livesUntil: 0, isGone: false, forgottenAt: clock.now() + below(prng, KEPT_MS_MAX) };
    this.#owned.set(id, owned);
    this.#ask(
      member,
      `grant ${id}`,
      async (node) => {
        const granted = await node.leases.grant(id, ttl, NOBODY);
        owned.ttl = granted.ttl;
        return granted.ttl;
      },
      owned,
    );
  }

  #keep(member: SimulatedMember, owned: Owned): void {
    this.#ask(member, `keep ${owned.id}`, async (node) => (await node.leases.renew([owned.id]))[0] ?? 0, owned);
  }

  #put(member: SimulatedMember, { id }: Owned): void {
    const key = `lease/${id}/${below(this.#options.prng, 3)}`;
    const fields = { key: bytesOf(key), value: bytesOf('v'), lease: Number(id) };
    const request = pb.PutRequest.encode(pb.PutRequest.fromObject(fields)).finish();
    this.#ask(member, `put ${key}`, async (node) => {
      await node.propose({ kind: 'put', request });
      return 0;
    });
  }

  /** What is answered with a TTL above 0 is a promise, from when it was asked for on. */
  #ask(
    member: SimulatedMember,
    what: string,
    act: (node: NonNullable<SimulatedMember['serving']>) => Promise<number>,
    owned?: Owned,
  ): void {
    const { clock, trace } = this.#options;
    const { life, serving } = member;
    const open = life === undefined ? OPEN_MAX : (this.#open.get(life) ?? 0);
    if (life === undefined || serving === undefined || open >= OPEN_MAX) return;
    this.#open.set(life, open + 1);
    const askedAt = clock.now();
    trace.note(`${member.name} < ${what}`);
    act(serving)
      .then(
        (ttl) => {
          if (ttl > 0 && owned !== undefined) this.#promised(owned, askedAt + 1000 * ttl, life);
        },
        (error: unknown) => {
          ensure(error instanceof Error && error.name === 'RequestError', () => `${what}: ${String(error)}`);
        },
      )
      .catch(this.#options.failed)
      .finally(() => {
        const left = this.#open.get(life);
        if (left !== undefined) this.#open.set(life, left - 1);
      });
  }

  // ---- What must be ----

  #promised(owned: Owned, until: number, life: Life): void {
    if (life.isOver) return;
    this.renewed++;
    owned.livesUntil = Math.max(owned.livesUntil, until);
    this.#options.trace.note(`${life.member.name} > ${owned.id} lives until ${until}`);
    this.#check(owned);
  }

  #revoked(id: bigint): void {
    const owned = this.#owned.get(id);
    if (owned === undefined) return;
    owned.isGone = true;
    this.ended++;
    try {
      this.#check(owned);
    } catch (error) {
      this.#options.failed(error);
    }
  }

  #check({ id, livesUntil, isGone }: Owned): void {
    const { clock, settings } = this.#options;
    // The clock of a process that is busy runs ahead of the world's, further and further: no lease can go by both.
    if (settings.busyOneIn > 0) return;
    ensure(
      !isGone || clock.now() >= livesUntil,
      () => `lease ${id} was to live until ${livesUntil}, and is revoked by ${clock.now()}`,
    );
  }
}
