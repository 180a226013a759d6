/**
 * A cluster under a chaos workload whose members are crashed at given moments, one after the other or several at once, and started again:
 *
 *     arm     name=panic at its victim
 *     cause   what makes the moment come, again and again
 *     until   every victim has ended with a panic's exit code; each is started as soon as it is gone
 *     ready   all members follow a leader
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { settleAndCheck } from '../../cluster/chaos/checks.ts';
import { LocalCluster } from '../../cluster/local/index.ts';
import { Workload } from '../../cluster/workload/index.ts';
import type { FailpointName } from '../../src/base/index.ts';
import { type Client, ClientError, connect } from '../../src/client/index.ts';

export interface CrashOptions {
  readonly directory: string;
  readonly firstPort: number;
}

/** Checkpoints are taken often, and little is kept of what comes before them, so that a member that was away needs a snapshot. */
export const CHECKPOINT_ENTRIES = 100;
const CATCH_UP_ENTRIES = 20;

const READY_WITHIN_MS = 60_000;
const CRASH_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 20;
const DEADLINE_MS = 1_000;
const OPERATIONS_PER_SECOND = 300;
const PANIC = /^(n\d) ended by itself \(exit code 2\)/;

/** Of the process alone: it is not armed in its next life. */
const UNARMED = { GOFAIL_FAILPOINTS: '' };

export class CrashRun implements AsyncDisposable {
  readonly cluster: LocalCluster;
  readonly #notes: string[];
  #client: Client | undefined;
  #workload: Workload | undefined;
  #first = 0;
  readonly crashed = new Set<FailpointName>();

  private constructor(cluster: LocalCluster, notes: string[]) {
    this.cluster = cluster;
    this.#notes = notes;
  }

  /** `armed`: in the first life of each member. */
  static async start({ directory, firstPort }: CrashOptions, armed: FailpointName): Promise<CrashRun> {
    const notes: string[] = [];
    const cluster = await LocalCluster.start({
      command: [process.execPath, 'dist/cli/main.js'],
      flags: [`--snapshot-count=${CHECKPOINT_ENTRIES}`, `--snapshot-catchup-entries=${CATCH_UP_ENTRIES}`],
      env: { GOFAIL_FAILPOINTS: `${armed}=panic` },
      failpoints: true,
      directory,
      firstPort,
      size: 3,
      onNote: (text) => notes.push(text),
    });
    const run = new CrashRun(cluster, notes);
    await run.#untilCrashed(new Map(cluster.members.map(({ name }) => [name, armed])));
    return run;
  }

  /** Lets the clients in. */
  async work(): Promise<void> {
    const { cluster } = this;
    this.#client = connect({ endpoints: cluster.endpoints, deadlineMs: READY_WITHIN_MS });
    this.#first = (await this.#client.get('\0')).revision;
    const members = cluster.members.map(({ name }, i) => ({ name, endpoint: cluster.endpoints[i] ?? '' }));
    this.#workload = new Workload({
      members,
      seed: 1,
      rate: OPERATIONS_PER_SECOND,
      progress: true,
      revision: this.#first,
    });
    this.#workload.start();
  }

  get workload(): Workload {
    if (this.#workload === undefined) throw new Error('nobody works yet');
    return this.#workload;
  }

  /** Crashes each of the members at its moment. `cause` is called again and again until all are gone. */
  async crash(armed: ReadonlyMap<string, FailpointName>, cause: () => Promise<unknown> = idle): Promise<void> {
    for (const [member, name] of armed) await this.cluster.arm(member, name, 'panic');
    await this.#untilCrashed(armed, cause);
  }

  /** Kills the member, lets the others forget what it lacks, and crashes it in its next lives, at one moment after the other. */
  async crashBehind(member: string, names: readonly FailpointName[]): Promise<void> {
    await this.cluster.kill(member);
    const from = await this.#appliedIndex();
    while ((await this.#appliedIndex()) < from + 2 * CHECKPOINT_ENTRIES + CATCH_UP_ENTRIES) await sleep(LOOK_EVERY_MS);
    let life = this.cluster.start(member, { GOFAIL_FAILPOINTS: `${names[0]}=panic` });
    for (const [i, name] of names.entries()) {
      await life;
      const next = names[i + 1];
      const env = { GOFAIL_FAILPOINTS: next === undefined ? '' : `${next}=panic` };
      await this.#untilGone(new Map([[member, name]]), idle, () => (life = this.cluster.start(member, env)));
    }
    await life;
    await this.cluster.untilReady(READY_WITHIN_MS);
  }

  /**
   * Crashes both followers while they have something to save that is not saved yet, and kills the leader, the only one to have it. What the two can
   * do without the leader must be enough: whoever acknowledges before it has saved is found out.
   */
  async crashBeforeSave(): Promise<void> {
    const leader = await this.leader();
    const followers = this.cluster.members.filter(({ name }) => name !== leader);
    await Promise.all(followers.map(({ name }) => this.cluster.arm(name, 'raftBeforeSave', '1*sleep(50)->panic')));
    await until('both followers are gone', () => followers.every(({ state }) => state === 'down'));
    await this.cluster.kill(leader);
    this.#notes.splice(0, Infinity, ...this.#notes.filter((note) => !PANIC.test(note)));
    for (const { name } of followers) await this.cluster.start(name, UNARMED);
    await until('one of them leads', async () => (await this.cluster.look()).leader !== undefined);
    await this.cluster.start(leader, UNARMED);
    await this.cluster.untilReady(READY_WITHIN_MS);
  }

  /** A call of its own to one member. What it comes to does not matter: the member may be gone, and a watch waits for it. */
  async ask(member: string, call: (client: Client) => Promise<unknown>): Promise<void> {
    const endpoint = this.cluster.endpoints[this.cluster.members.findIndex(({ name }) => name === member)] ?? '';
    await using client = connect({ endpoints: [endpoint], deadlineMs: DEADLINE_MS });
    const called = call(client).catch((error: unknown) => {
      if (!(error instanceof ClientError)) throw error;
    });
    await Promise.race([called, sleep(DEADLINE_MS)]);
  }

  async leader(): Promise<string> {
    const { leader } = await this.cluster.untilReady(READY_WITHIN_MS);
    return leader ?? '';
  }

  /** Stops the clients, and resolves to all that is wrong, in words. */
  async findings(): Promise<readonly string[]> {
    const client = this.#client;
    if (client === undefined) throw new Error('nobody works yet');
    await this.cluster.untilReady(READY_WITHIN_MS);
    await this.workload.stop();
    const checks = await settleAndCheck(this.cluster, client, this.workload, this.#first);
    const wrong = checks.flatMap(({ name, findings }) => findings.texts.map((text) => `${name}: ${text}`));
    return [...wrong, ...this.#notes.filter((note) => !PANIC.test(note))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#workload?.close();
    this.#client?.close();
    await this.cluster.down();
  }

  async #untilCrashed(armed: ReadonlyMap<string, FailpointName>, cause: () => Promise<unknown> = idle): Promise<void> {
    await this.#untilGone(armed, cause, (name) => this.cluster.start(name, UNARMED));
    await this.cluster.untilReady(READY_WITHIN_MS);
  }

  /** Whoever is gone is started again. */
  async #untilGone(
    armed: ReadonlyMap<string, FailpointName>,
    cause: () => Promise<unknown>,
    start: (name: string) => Promise<void>,
  ): Promise<void> {
    const left = new Map(armed);
    const giveUpAt = performance.now() + CRASH_WITHIN_MS;
    while (left.size > 0) {
      if (performance.now() > giveUpAt) throw new Error(`the moment did not come: ${[...left].join('; ')}`);
      await cause();
      await sleep(LOOK_EVERY_MS);
      for (const { name, state } of this.cluster.members) {
        if (state !== 'down') continue;
        const moment = left.get(name);
        const at = this.#notes.findIndex((note) => PANIC.exec(note)?.[1] === name);
        if (moment !== undefined && at >= 0) {
          this.#notes.splice(at, 1);
          this.crashed.add(moment);
          left.delete(name);
        }
        await start(name);
      }
    }
  }

  async #appliedIndex(): Promise<number> {
    const { members } = await this.cluster.look();
    return Math.max(...members.map(({ status }) => status?.appliedIndex ?? 0));
  }
}

const idle = (): Promise<void> => Promise.resolve();

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + CRASH_WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`it did not come to this: ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}
