/**
 * A cluster of real members (boot of src/node) in one process: disks and network in memory, time moved by hand.
 *
 *     const cluster = new MemoryCluster(3);
 *     await cluster.start();                    all run, and one leads
 *     await cluster.pass(5000);                 five seconds go by
 *     cluster.isolate(member);                  nobody hears it, it hears nobody
 *     await member.kill(); await member.start(); a crash, and a new life on what its disk had
 */

import { present, SeededPrng, SILENT_LOGGER, SimulatedClock } from '../../src/base/index.ts';
import { raftId } from '../../src/codec/index.ts';
import {
  type BootedNode,
  boot,
  type ClusterMember,
  type Node,
  type NodeObserver,
  type NodeSettings,
} from '../../src/node/index.ts';
import { MemoryNetwork, type PeerTransport } from '../../src/peer/index.ts';
import { type DataDirectory, MemoryDisk, MemoryTables, openDataDirectory } from '../../src/storage/index.ts';

export const TICK_MS = 100;
export const ELECTION_TICKS = 10;
export const PROPOSAL_TIMEOUT_MS = 7000;
const CLUSTER_ID = 0xc1n;
const SEGMENT_BYTES = 256 * 1024;

const UNOBSERVED: NodeObserver = {
  applied: () => undefined,
  slowApply: () => undefined,
  compactionStepped: () => undefined,
  compacted: () => undefined,
  ranged: () => undefined,
  hashed: () => undefined,
  snapshotSaved: () => undefined,
};

const SETTINGS: NodeSettings = {
  quotaBytes: 0,
  proposalTimeoutMs: PROPOSAL_TIMEOUT_MS,
  checkpointEntries: 100_000,
  compactionBatchKeysMax: 1000,
  compactionPauseMs: 10,
  applyWarningMs: 100,
  autoCompaction: undefined,
  learnersMax: 1,
  strictReconfigCheck: true,
  transferMs: TICK_MS * ELECTION_TICKS,
  authTokenTtlMs: 300_000,
};

/** A clock that can jump, as it does for processes that were stopped: their timers fire when they go on. */
class JumpingClock extends SimulatedClock {
  #sleptMs = 0;

  override now(): number {
    return super.now() + this.#sleptMs;
  }

  sleep(ms: number): void {
    this.#sleptMs += ms;
  }
}

export interface MemoryClusterOptions {
  readonly settings?: Partial<NodeSettings>;
  readonly catchUpEntries?: number;
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A condition that has not come to hold after so long never will. */
const UNTIL_MS_MAX = 100_000;

export class MemoryCluster {
  readonly clock: JumpingClock = new JumpingClock();
  readonly network: MemoryNetwork;
  readonly members: readonly MemoryMember[];
  readonly options: MemoryClusterOptions;
  readonly firstMembers: readonly ClusterMember[];
  readonly errors: Error[] = [];
  /** Of the timers: the clock's, but for jumps. */
  #time = 0;

  constructor(count: number, options: MemoryClusterOptions = {}) {
    this.options = options;
    this.network = new MemoryNetwork(this.clock, new SeededPrng(1));
    this.firstMembers = Array.from({ length: count }, (_, i) => ({
      id: BigInt(i + 1),
      name: '',
      peerUrls: [`http://m${i + 1}:2380`],
      clientUrls: [],
      isLearner: false,
    }));
    this.members = this.firstMembers.map((member) => new MemoryMember(this, member.id));
  }

  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()));
    await this.leader();
  }

  async end(): Promise<void> {
    for (const member of this.members) await member.kill();
  }

  /** The one that leads and that a majority follows, once there is one. */
  async leader(): Promise<MemoryMember> {
    const leading = (): MemoryMember | undefined => {
      const running = this.members.filter((member) => member.isRunning);
      return running.find(
        ({ id, node }) =>
          node.isLeader && 2 * running.filter((other) => other.node.leader === id).length > this.members.length,
      );
    };
    await this.until(() => leading() !== undefined);
    return present(leading(), 'a leader');
  }

  /** Members that do not lead. */
  followers(): readonly MemoryMember[] {
    return this.members.filter((member) => member.isRunning && !member.node.isLeader);
  }

  /** Moves time on, from one timer to the next, so that each finds settled what those before it set off. */
  async pass(ms: number): Promise<void> {
    const until = this.#time + ms;
    while ((this.clock.nextAt() ?? Number.POSITIVE_INFINITY) <= until) await this.#step();
    this.clock.advance(until - this.#time);
    this.#time = until;
  }

  /** All processes are stopped for so long. */
  sleep(ms: number): void {
    this.clock.sleep(ms);
  }

  async until(condition: () => boolean): Promise<void> {
    const giveUpAt = this.#time + UNTIL_MS_MAX;
    while (!condition()) {
      if (this.#time > giveUpAt) throw new Error(`it has not come to this in ${UNTIL_MS_MAX} ms`);
      await this.#step();
    }
  }

  /** What the promise comes to, time going by meanwhile. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    promise.then(over, over);
    await this.until(() => isOver);
    return await promise;
  }

  /** Fires what is due next, and lets it take its course. */
  async #step(): Promise<void> {
    const next = this.clock.nextAt() ?? this.#time;
    this.clock.advance(next - this.#time);
    this.#time = Math.max(this.#time, next);
    await turn();
  }

  /** Cuts a member off from all others, or lets it in again. */
  isolate(member: MemoryMember, isCut = true): void {
    for (const other of this.members) {
      if (other === member) continue;
      this.network.setLink(raftId(member.id), raftId(other.id), { isCut });
      this.network.setLink(raftId(other.id), raftId(member.id), { isCut });
    }
  }
}

export class MemoryMember {
  readonly id: bigint;
  readonly disk: MemoryDisk = new MemoryDisk();
  readonly #cluster: MemoryCluster;
  readonly #tables = new MemoryTables();
  #booted: BootedNode | undefined;
  #transport: PeerTransport | undefined;
  #lives = 0;

  constructor(cluster: MemoryCluster, id: bigint) {
    this.#cluster = cluster;
    this.id = id;
  }

  get isRunning(): boolean {
    return this.#booted !== undefined;
  }

  get node(): Node {
    return present(this.#booted, `member ${this.id} running`).node;
  }

  /** What it has on disk, for as long as it does not run; made for this cluster if there is nothing yet. */
  open(onFailure: (error: Error) => void = () => undefined, clusterId: bigint = CLUSTER_ID): Promise<DataDirectory> {
    return openDataDirectory({
      disk: this.disk,
      path: '/data',
      metadata: { nodeId: this.id, clusterId },
      // A disk in memory copies a file when it grows.
      wal: { segmentBytes: SEGMENT_BYTES, clock: this.#cluster.clock },
      tables: this.#tables,
      backend: { onFailure },
    });
  }

  async start(): Promise<void> {
    const { clock, errors, firstMembers, network, options } = this.#cluster;
    const seed = Number(this.id) * 1000 + ++this.#lives;
    const names = { name: `m${this.id}`, peerUrls: [`http://m${this.id}:2380`], clientUrls: ['http://c'] };
    this.#booted = await boot({
      identity: { ...names, clusterId: CLUSTER_ID, memberId: this.id },
      settings: { ...SETTINGS, ...options.settings },
      clock,
      logger: SILENT_LOGGER,
      observer: UNOBSERVED,
      open: (hears) => this.open((error) => hears.storeFailed(error)),
      firstProposalId: seed * 1_000_000,
      firstMembers,
      peers: [],
      network: async (end) => {
        const transport = network.join(raftId(this.id), end);
        this.#transport = transport;
        return { transport, close: () => transport.close() };
      },
      tickMs: TICK_MS,
      electionTicks: ELECTION_TICKS,
      catchUpEntries: options.catchUpEntries ?? 5000,
      fastForward: true,
      prng: new SeededPrng(seed),
      fatal: (error) => errors.push(error),
    });
  }

  /** Ends without a word to the others. */
  async kill(): Promise<void> {
    const booted = this.#booted;
    this.#booted = undefined;
    // Nobody hears it hand over.
    await this.#transport?.close();
    if (booted === undefined) return;
    const stopped = booted.stop();
    await this.#cluster.settled(stopped);
  }
}
