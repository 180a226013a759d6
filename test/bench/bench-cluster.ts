/**
 * Three members of one server under test, each a process with a data directory of its own, all new. One that was killed or stopped
 * comes back on the same directory and ports.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type MemberStatus, statusOf } from './raw-call.ts';
import { BenchServer, type ServerOptions } from './server-process.ts';

export const MEMBERS = 3;
const AGREED_WITHIN_MS = 30_000;
const ASK_EVERY_MS = 10;

/** Where a member runs: all else is the same for all. */
export type MemberPlace = Pick<ServerOptions, 'dataDir' | 'clientPort' | 'processor'>;

export class BenchCluster implements AsyncDisposable {
  readonly #members: BenchServer[];

  private constructor(members: BenchServer[]) {
    this.#members = members;
  }

  /** Resolves when all members know who leads. */
  static async start(
    options: Pick<ServerOptions, 'side' | 'command' | 'settleMs'>,
    places: readonly MemberPlace[],
  ): Promise<BenchCluster> {
    const initialCluster = places.map(({ clientPort }, i) => `${nameOf(i)}=http://127.0.0.1:${clientPort + 1}`).join();
    const starts = places.map((place, i) =>
      BenchServer.start({ ...options, ...place, place: { name: nameOf(i), initialCluster }, isReady: hasLeader }),
    );
    const started = await Promise.allSettled(starts);
    const members = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const cluster = new BenchCluster(members);
    const failed = started.find((one) => one.status === 'rejected');
    if (failed === undefined) return cluster;
    await cluster[Symbol.asyncDispose]();
    throw failed.reason;
  }

  get members(): readonly BenchServer[] {
    return this.#members;
  }

  /** Of all members. */
  get processorMs(): number {
    return this.#members.reduce((sum, member) => sum + member.processorMs, 0);
  }

  /** Who leads, once every member says the same. */
  async leader(): Promise<BenchServer> {
    const startedAt = performance.now();
    while (performance.now() - startedAt < AGREED_WITHIN_MS) {
      const said = await Promise.all(this.#members.map(({ port }) => statusOf(port).catch(() => undefined)));
      const leaders = new Set(said.map((status) => status?.leader ?? 0n));
      const leader = this.#members[said.findIndex((status) => status?.isLeader === true)];
      if (leaders.size === 1 && leader !== undefined) return leader;
      await sleep(ASK_EVERY_MS);
    }
    throw new Error(`the members did not agree on a leader within ${AGREED_WITHIN_MS} ms`);
  }

  /** All but this one. */
  others(member: BenchServer): BenchServer[] {
    return this.#members.filter((other) => other !== member);
  }

  /** Starts a member again that has been ended, and gives it. `isReady`: of what the member says of itself. */
  async restart(member: BenchServer, isReady: (status: MemberStatus) => boolean): Promise<BenchServer> {
    const again = await BenchServer.start({
      ...member.options,
      isReady: (port) =>
        statusOf(port).then(
          (status) => isReady(status),
          () => false,
        ),
    });
    this.#members[this.#members.indexOf(member)] = again;
    return again;
  }

  /** Ends all without ceremony: a member that waits for the others to take over would wait for those that end as well. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
  }
}

function nameOf(index: number): string {
  return `n${index + 1}`;
}

function hasLeader(port: number): Promise<boolean> {
  return statusOf(port).then(
    ({ leader }) => leader !== 0n,
    () => false,
  );
}
