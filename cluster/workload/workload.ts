/**
 * All clients of a run: writers, readers and watchers on every member, one watcher that goes from member to member, and one
 * client that compacts. Clients stay away from each other's connections: a member's client is for its member alone.
 */

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { below, type Prng, pick, SeededPrng } from '../../src/base/index.ts';
import { type Client, ClientError, type ClientTls, connect } from '../../src/client/index.ts';
import { type LeaseLife, RevisionLog } from '../checker/index.ts';
import { Follower, type FollowerPlan } from './follower.ts';
import { Leaseholder } from './leaseholder.ts';
import { Record } from './record.ts';
import { PREFIX, SLOTS, Slots, slotPrefix } from './slots.ts';
import { type Marked, Worker } from './worker.ts';

export interface WorkloadOptions {
  /** A name and an endpoint for each member. */
  readonly members: readonly { readonly name: string; readonly endpoint: string }[];
  /** If the members speak TLS. */
  readonly tls?: ClientTls | undefined;
  readonly seed: number;
  /** Operations a second that are tried, of all clients together. */
  readonly rate: number;
  /** Whether watchers ask from time to time how far the server is. */
  readonly progress: boolean;
  /** The revision of the store, which must be empty. */
  readonly revision: number;
}

const WRITERS = 10;
const READERS = 6;
/** What the rate is shared out to. */
const WORKERS = WRITERS + READERS;
const LEASEHOLDERS = 6;

const COMPACT_EVERY_MS_MIN = 2_000;
const COMPACT_EVERY_MS_MAX = 6_000;
/** One compaction in four leaves little history, the others much. */
const COMPACT_BEHIND_CLOSE = 50;
const COMPACT_BEHIND_FAR = 4_000;
const COMPACT_WITHIN_MS = 2_000;

const ASK_PROGRESS_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 100;
/** Long after the TTL of any. */
const LEASES_END_WITHIN_MS = 30_000;

export class Workload {
  readonly log: RevisionLog = new RevisionLog();
  readonly record: Record;
  readonly followers: readonly Follower[];
  readonly #options: WorkloadOptions;
  readonly #clients: readonly Client[];
  readonly #roaming: Client;
  readonly #slots = new Slots();
  readonly #stop = new AbortController();
  #working: Promise<unknown> = Promise.resolve();
  #compactedThrough = 0;
  readonly #leaseholders: readonly Leaseholder[];
  #leasesLeft: ReadonlySet<bigint> = new Set();

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.record = new Record(performance.now());
    this.#clients = options.members.map(({ endpoint }) => connect({ endpoints: [endpoint], tls: options.tls }));
    this.#roaming = connect({ endpoints: options.members.map(({ endpoint }) => endpoint), tls: options.tls });
    // Every client waits for its turn with it.
    setMaxListeners(WORKERS + 2 * LEASEHOLDERS + 2, this.#stop.signal);
    // Chance of their own: who else does what, by a seed, does not hang on them.
    this.#leaseholders = Array.from({ length: LEASEHOLDERS }, (_, number) => {
      const prng = new SeededPrng(options.seed + number);
      return new Leaseholder({ number, prng, clients: [...this.#clients, this.#roaming], record: this.record });
    });
    const from = options.revision + 1;
    this.followers = [
      ...options.members.flatMap(({ name }, i) =>
        plansOf(name, i, from).map((plan) => this.#follower(plan, this.#clients[i] ?? this.#roaming)),
      ),
      this.#follower({ ...WHOLE, name: 'anywhere: all', from }, this.#roaming),
    ];
  }

  /** The newest revision that anyone asked to be compacted. */
  get compactedThrough(): number {
    return this.#compactedThrough;
  }

  /** The leases that clients had. */
  get leases(): readonly LeaseLife[] {
    return this.#leaseholders.flatMap(({ lives }) => lives);
  }

  /** Those that were there after settle(). */
  get leasesLeft(): ReadonlySet<bigint> {
    return this.#leasesLeft;
  }

  /** Starts all clients. */
  start(): void {
    for (const follower of this.followers) void follower.follow();
    const prng = new SeededPrng(this.#options.seed);
    const pool = Array.from({ length: WORKERS }, (_, i) => this.#work(i, new SeededPrng(prng.next())));
    const holders = this.#leaseholders.map((holder) => holder.hold(this.#stop.signal));
    this.#working = Promise.all([...pool, ...holders, this.#compact(prng), this.#askProgress(prng)]);
    // A mistake in a worker ends the others; stop() tells of it.
    this.#working.catch(() => this.#stop.abort());
  }

  /** Asks for a compaction that leaves so many revisions, if there are more. Resolves also if it is refused. */
  async compact(behind: number): Promise<void> {
    const revision = this.log.last - behind;
    if (revision <= this.#compactedThrough) return;
    // From here on it may be done, whatever the answer is.
    this.#compactedThrough = revision;
    await this.#roaming.compact(revision, { deadlineMs: COMPACT_WITHIN_MS }).catch((error: unknown) => {
      if (!(error instanceof ClientError)) throw error;
    });
  }

  /** Ends writers, readers and those who keep leases alive; watchers go on. Resolves when the last operation is over. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#working;
    this.record.close(performance.now());
  }

  /**
   * Waits until the leases have ended, puts and deletes a last key in each slot, and waits until every watcher has been told of the one that concerns it. Resolves
   * when they have, or when time is up: whoever lacks something is found by the checks. To be called when all is stopped.
   */
  async settle(withinMs: number): Promise<void> {
    for (const follower of this.followers) follower.hurry();
    await this.#leasesEnd(AbortSignal.timeout(LEASES_END_WITHIN_MS));
    const signal = AbortSignal.timeout(withinMs);
    const worker = this.#worker('end', new SeededPrng(this.#options.seed));
    const marks = new Map<string, Marked>();
    for (let slot = 0; slot < SLOTS; slot++) {
      marks.set(slotPrefix(slot), await worker.mark(`${slotPrefix(slot)}end`, signal));
    }
    const last = marks.get(slotPrefix(SLOTS - 1));
    const lacks = ({ prefix, without, lastRevision, failure }: Follower): boolean => {
      const mark = marks.get(prefix) ?? last;
      const wanted = without === 'delete' ? mark?.put : mark?.delete;
      return failure === undefined && lastRevision < (wanted ?? 0);
    };
    while (this.followers.some(lacks) && !signal.aborted) await sleep(LOOK_EVERY_MS);
  }

  async #leasesEnd(signal: AbortSignal): Promise<void> {
    do {
      await sleep(LOOK_EVERY_MS);
      try {
        this.#leasesLeft = new Set(await this.#roaming.leaseList());
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
      }
    } while (this.#leasesLeft.size > 0 && !signal.aborted);
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.#roaming.close();
  }

  #follower(plan: FollowerPlan, client: Client): Follower {
    return new Follower(plan, client.watchStream(), this.log);
  }

  async #work(number: number, prng: Prng): Promise<void> {
    const writes = number < WRITERS;
    const worker = this.#worker(`w${number}`, prng);
    const everyMs = (WORKERS / this.#options.rate) * 1000;
    let dueAt = performance.now() + (everyMs * number) / WORKERS;
    while (!this.#stop.signal.aborted) {
      await this.#pause(dueAt - performance.now());
      if (this.#stop.signal.aborted) return;
      await (writes ? worker.write() : worker.read());
      // What a fault has made late is not made up for.
      dueAt = Math.max(dueAt + everyMs, performance.now());
    }
  }

  #worker(name: string, prng: Prng): Worker {
    return new Worker({ name, prng, clients: this.#clients, slots: this.#slots, record: this.record });
  }

  async #askProgress(prng: Prng): Promise<void> {
    if (!this.#options.progress) return;
    while (!this.#stop.signal.aborted) {
      await this.#pause(ASK_PROGRESS_EVERY_MS);
      pick(prng, this.followers).askProgress();
    }
  }

  async #compact(prng: Prng): Promise<void> {
    for (;;) {
      await this.#pause(COMPACT_EVERY_MS_MIN + below(prng, COMPACT_EVERY_MS_MAX - COMPACT_EVERY_MS_MIN));
      if (this.#stop.signal.aborted) return;
      await this.compact(below(prng, 4) === 0 ? COMPACT_BEHIND_CLOSE : COMPACT_BEHIND_FAR);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}

const WHOLE = { prefix: PREFIX, without: undefined, prevKv: false, slow: false } as const;

function plansOf(member: string, number: number, from: number): readonly FollowerPlan[] {
  return [
    { ...WHOLE, name: `${member}: all`, from },
    { ...WHOLE, name: `${member}: all, slowly`, slow: true, from },
    { ...WHOLE, name: `${member}: a slot, with what was before`, prefix: slotPrefix(number), prevKv: true, from },
    { ...WHOLE, name: `${member}: a slot, no puts`, prefix: slotPrefix(number + 3), without: 'put', from },
    { ...WHOLE, name: `${member}: a slot, no deletes`, prefix: slotPrefix(number + 5), without: 'delete', from },
  ];
}
