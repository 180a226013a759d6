/**
 * One member: its disk, which outlives it, and the process that runs on it, life after life. The process is the code of src/node, started
 * by its own `boot`; everything it hears, sends and writes goes past somebody who looks at it.
 */

import { type Logger, type Prng, SeededPrng } from '../../src/base/index.ts';
import { type Entry, raftId } from '../../src/codec/index.ts';
import type {
  BootedNode,
  ClusterMember,
  DiskTrouble,
  Node,
  NodeObserver,
  NodeSettings,
  PeerEnd,
  PeerNetwork,
} from '../../src/node/index.ts';
import type { MemoryNetwork, PeerAddress, PeerTransport } from '../../src/peer/index.ts';
import { describeMessage, type Message } from '../../src/raft/index.ts';
import { type DataDirectory, MemoryDisk, MemoryTables } from '../../src/storage/index.ts';
import { ProcessClock, type WorldClock } from './clock.ts';
import type { SimulatedCode } from './code.ts';
import type { LifeMarks, Look } from './consensus.ts';
import { MemberLog } from './member-log.ts';
import type { Settings } from './settings.ts';
import { type DiskMood, SlowDisk, SlowTables } from './slow-disk.ts';
import type { Trace } from './trace.ts';

export const CLUSTER_ID = 0xc1n;

const CALM: DiskMood = { syncMsMax: 1, batchMsMax: 1, syncFails: false, batchesFail: false, storeIsFull: false };

/** What the member sees of the world, and the world of the member. */
export interface Surroundings {
  readonly code: SimulatedCode;
  readonly clock: WorldClock;
  readonly network: MemoryNetwork;
  readonly settings: Settings;
  readonly trace: Trace;
  /** A process of this member has done something. */
  readonly stepped: (member: SimulatedMember) => void;
  /** It is about to send what a turn has brought, if anything. */
  readonly says: (member: SimulatedMember) => void;
  readonly sent: (member: SimulatedMember, message: Message) => void;
  /** An entry is in somebody's log, behind one of this term. */
  readonly entered: (entry: Entry, termBefore: number | undefined) => void;
  /** Something must not be. */
  readonly failed: (error: unknown) => void;
  /** The life is about to end, perhaps in the middle of a step. */
  readonly ending: (member: SimulatedMember) => void;
  /** The life is over: whoever waited for it will hear nothing. */
  readonly ended: (life: Life) => void;
}

/** Who is started, and with whom. */
export interface Birth {
  readonly id: bigint;
  readonly firstMembers: readonly ClusterMember[];
  readonly peers: readonly PeerAddress[];
}

const UNOBSERVED: NodeObserver = {
  applied: () => undefined,
  slowApply: () => undefined,
  compactionStepped: () => undefined,
  compacted: () => undefined,
  ranged: () => undefined,
  hashed: () => undefined,
  snapshotSaved: () => undefined,
};

/** One run of the process. */
export class Life {
  readonly member: SimulatedMember;
  readonly number: number;
  readonly clock: ProcessClock;
  readonly marks: LifeMarks = { term: 0, commit: 0, leaderCommit: 0, ledTerm: -1, applied: 0, doubt: undefined };
  booted: BootedNode | undefined;
  /** It has caught up with a leader: clients are served. */
  isReady = false;
  isStopping = false;
  /** A fault has been armed that may end it. */
  isExcused = false;
  /** Its store cannot be written: it takes no writes until it is started anew. */
  refusesWrites = false;
  /** The message that is its last one. */
  diesAfter: { readonly kind: Message['kind']; readonly isBack: boolean } | undefined;
  /** The last entry of the newest snapshot that has come. */
  snapshot = 0;
  transport: PeerTransport | undefined;
  readonly #onEnd: (() => void)[] = [];

  constructor(member: SimulatedMember, number: number, clock: ProcessClock) {
    this.member = member;
    this.number = number;
    this.clock = clock;
  }

  get node(): Node | undefined {
    return this.booted?.node;
  }

  get isOver(): boolean {
    return this.member.life !== this;
  }

  onEnd(then: () => void): void {
    this.#onEnd.push(then);
  }

  end(): void {
    this.clock.kill();
    void this.transport?.close();
    for (const then of this.#onEnd) then();
  }
}

export class SimulatedMember {
  readonly id: bigint;
  readonly name: string;
  readonly log: MemberLog;
  mood: DiskMood;
  life: Life | undefined;
  lives = 0;
  /** Sent to it. */
  snapshots = 0;
  /** Somebody has asked for its removal. */
  isToGo = false;
  /** It has been taken out of the cluster, and never starts again. */
  isRemoved = false;
  readonly #around: Surroundings;
  readonly #birth: Birth;
  readonly #prng: Prng;
  #disk: MemoryDisk = new MemoryDisk();
  #tables: MemoryTables = new MemoryTables();
  /** Of room on the disk. */
  #isShort = false;

  constructor(around: Surroundings, birth: Birth, name: string, seed: number) {
    this.#around = around;
    this.#birth = birth;
    this.id = birth.id;
    this.name = name;
    this.#prng = new SeededPrng(seed);
    this.log = new MemberLog(around.failed, around.entered);
    this.mood = { ...CALM, syncMsMax: around.settings.syncMsMax };
  }

  get raftId(): string {
    return raftId(this.id);
  }

  /** Its node, once it serves clients. */
  get serving(): Node | undefined {
    const { life } = this;
    return life?.isReady === true && !life.isStopping ? life.node : undefined;
  }

  get hasBooted(): boolean {
    return this.life?.booted !== undefined;
  }

  get isPaused(): boolean {
    return this.life?.clock.isPaused === true;
  }

  start(): void {
    const { clock: world, settings, trace, stepped, failed } = this.#around;
    const clock = new ProcessClock(world, this.#prng, settings.busyOneIn, () => stepped(this));
    const life = new Life(this, ++this.lives, clock);
    this.life = life;
    life.isExcused = this.#isShort;
    this.mood.batchesFail = false;
    trace.note(`${this.name} starts, life ${life.number}`);
    const seed = this.#prng.next();
    const firstProposalId = 1 + this.#prng.next();
    this.#around.code
      .boot({
        identity: { ...this.#names(), clusterId: CLUSTER_ID, memberId: this.id },
        settings: nodeSettings(settings),
        clock,
        logger: loggerOf(trace, this.name, life),
        observer: UNOBSERVED,
        open: (hears) => this.#open(life, hears),
        firstProposalId,
        firstMembers: this.#birth.firstMembers,
        peers: this.#birth.peers,
        network: (end) => this.#join(life, end),
        tickMs: settings.tickMs,
        electionTicks: settings.electionTicks,
        catchUpEntries: settings.catchUpEntries,
        fastForward: this.#prng.next() % 2 === 0,
        prng: new SeededPrng(seed),
        fatal: (error) => this.#diesOf(life, error),
      })
      .then((booted) => this.#hasBooted(life, booted))
      .catch((error: unknown) => this.#diesOf(life, error))
      .catch(failed);
  }

  /** The process is killed. What it has given to the kernel stays, synced or not. */
  kill(): void {
    this.#end('is killed');
    // What its last turn still tries must not reach a disk that is the next life's by now.
    this.#disk = this.#disk.kill();
  }

  /** The power goes: of what was not synced anything may be lost. */
  cutPower(): void {
    this.#end('loses power');
    this.#disk = this.#disk.crash(this.#prng);
    this.#tables = this.#tables.crash(this.#prng);
  }

  /** The process is asked to end. */
  stop(): void {
    const { life } = this;
    const booted = life?.booted;
    if (life === undefined || booted === undefined || life.isStopping) return;
    this.#around.trace.note(`${this.name} is asked to stop`);
    life.isStopping = true;
    booted.stop().then(
      () => {
        if (!life.isOver) this.#end('has stopped');
      },
      (error: unknown) => this.#diesOf(life, error),
    );
  }

  pause(): void {
    this.#around.trace.note(`${this.name} is paused`);
    this.life?.clock.pause();
  }

  resume(): void {
    this.#around.trace.note(`${this.name} goes on`);
    this.life?.clock.resume();
  }

  /** Lets it lose power when it has next sent such a message; it may be there again at once. */
  dieAfter(kind: Message['kind'], isBack: boolean): void {
    if (this.life !== undefined) this.life.diesAfter = { kind, isBack };
  }

  /** So many bytes are left on the disk. */
  setFreeBytes(bytes: number): void {
    this.#isShort = bytes !== Number.POSITIVE_INFINITY;
    if (this.life !== undefined && this.#isShort) this.life.isExcused = true;
    this.#disk.setFreeBytes(bytes);
    // Half the time the store is on the same disk.
    this.mood.storeIsFull = this.#isShort && bytes % 2 === 0;
  }

  /** What it says of itself; undefined while it does not run. */
  look(): Look | undefined {
    const { life } = this;
    const node = life?.node;
    if (life === undefined || node === undefined) return undefined;
    const { committedIndex, appliedIndex } = node.status();
    return {
      id: this.raftId,
      log: this.log,
      isLeader: node.isLeader,
      term: node.term,
      commit: committedIndex,
      applied: appliedIndex,
      revision: node.revision,
      compacted: node.store.compactRevision,
      snapshot: life.snapshot,
    };
  }

  // ---- within ----

  #names(): { name: string; peerUrls: readonly string[]; clientUrls: readonly string[] } {
    return { name: this.name, peerUrls: [`http://${this.name}:2380`], clientUrls: [`http://${this.name}:2379`] };
  }

  async #open(life: Life, hears: DiskTrouble): Promise<DataDirectory> {
    const options = {
      clock: life.clock,
      prng: this.#prng,
      mood: this.mood,
      failed: (what: 'sync' | 'batch') => {
        life.isExcused = true;
        if (what === 'batch') life.refusesWrites = true;
      },
    };
    const directory = await this.#around.code.openDataDirectory({
      disk: new SlowDisk(this.#disk, options),
      path: '/data',
      metadata: { nodeId: this.id, clusterId: CLUSTER_ID },
      wal: {
        segmentBytes: this.#around.settings.segmentBytes,
        clock: life.clock,
        onSpaceChange: (isShort) => hears.spaceChanged('write-ahead log', isShort),
      },
      tables: new SlowTables(this.#tables, options),
      backend: {
        onFailure: (error) => hears.storeFailed(error),
        onSpaceChange: (isFull) => hears.spaceChanged('store', isFull),
        clock: life.clock,
      },
    });
    this.#guard(() => this.log.opened(directory));
    return directory;
  }

  #join(life: Life, end: PeerEnd): Promise<PeerNetwork> {
    const { network } = this.#around;
    // It has died on the way here.
    if (life.isOver) return new Promise(() => undefined);
    const transport = network.join(this.raftId, {
      receive: (message) => this.#hears(life, () => end.receive(message)),
      met: (peer) => {
        if (!life.isOver && !life.clock.isPaused) end.met?.(peer);
      },
      receiveSnapshot: (message, chunks) => {
        life.snapshot = Math.max(life.snapshot, message.snapshot.index);
        this.snapshots++;
        this.#around.stepped(this);
        return end.receiveSnapshot(message, chunks);
      },
      answer: (question) => this.#answers(life, () => end.answer(question)),
    });
    life.transport = transport;
    return Promise.resolve({
      transport: {
        setPeers: (peers) => transport.setPeers(peers),
        send: (messages) => {
          if (!life.isOver) this.#guard(() => this.#around.says(this));
          for (const message of messages) this.#says(message);
          transport.send(messages);
        },
        sendSnapshot: (message, snapshot) => {
          this.#says(message);
          return transport.sendSnapshot(message, snapshot);
        },
        isConnected: (peer) => transport.isConnected(peer),
        ask: (to, question) => transport.ask(to, question),
        close: () => transport.close(),
      },
      close: () => transport.close(),
    });
  }

  /** A process that is paused hears it when it goes on. */
  #hears(life: Life, hear: () => void): void {
    if (life.isOver) return;
    this.#around.stepped(this);
    if (life.clock.isPaused) life.clock.after(0, hear);
    else hear();
  }

  #answers(life: Life, answer: () => Promise<Uint8Array>): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#hears(life, () => void answer().then(resolve, reject));
    });
  }

  #says(message: Message): void {
    const { trace, sent } = this.#around;
    trace.note(() => describeMessage(message), `${message.from}${message.to}${message.term}${message.kind}`);
    this.#guard(() => sent(this, message));
    if (this.life?.diesAfter?.kind === message.kind) this.#dieSoon(this.life, this.life.diesAfter.isBack);
  }

  #dieSoon(life: Life, isBack: boolean): void {
    life.diesAfter = undefined;
    // Not in the middle of its step.
    this.#around.clock.after(0, () => {
      if (life.isOver) return;
      this.cutPower();
      if (isBack) this.start();
    });
  }

  #hasBooted(life: Life, booted: BootedNode): void {
    const { trace, failed } = this.#around;
    if (life.isOver) return;
    life.booted = booted;
    trace.note(`${this.name} runs, at entry ${booted.node.status().appliedIndex}`);
    booted.ready
      .then(() => {
        if (life.isOver) return;
        life.isReady = true;
        trace.note(`${this.name} serves`);
      })
      .catch(failed);
  }

  /** Only a disk that fails excuses the end of a member. */
  #diesOf(life: Life, error: unknown): void {
    if (life.isOver) return;
    // By its name: its class may be that of a copy of the code.
    if (this.isToGo && error instanceof Error && error.name === 'MemberRemovedError') {
      this.#end('has been removed');
      return;
    }
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (!life.isExcused) this.#around.failed(new Error(`${this.name} cannot go on: ${text}`, { cause: error }));
    // Nobody knows what a disk that fails has kept.
    this.#end(`cannot go on: ${text}`);
    this.#disk = this.#disk.crash(this.#prng);
    this.#tables = this.#tables.crash(this.#prng);
  }

  #end(how: string): void {
    const { life } = this;
    if (life === undefined) return;
    this.#around.trace.note(`${this.name} ${how}`);
    this.#guard(() => this.#around.ending(this));
    this.life = undefined;
    life.end();
    this.#around.ended(life);
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#around.failed(error);
    }
  }
}

function nodeSettings({ tickMs, electionTicks, checkpointEntries }: Settings): NodeSettings {
  const electionMs = tickMs * electionTicks;
  return {
    quotaBytes: 0,
    proposalTimeoutMs: 1000 + 2 * electionMs,
    checkpointEntries,
    compactionBatchKeysMax: 4,
    compactionPauseMs: 10,
    applyWarningMs: 1000,
    autoCompaction: undefined,
    learnersMax: 2,
    strictReconfigCheck: true,
    transferMs: electionMs,
    authTokenTtlMs: 300_000,
  };
}

/** What the member logs, among the other things that happen. */
function loggerOf(trace: Trace, name: string, life: Life): Logger {
  const say = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
    if (!life.isOver) trace.note(() => `${name}   "${message}" ${describeFields(fields)}`, message);
  };
  const logger: Logger = {
    debug: () => undefined,
    info: say,
    warn: say,
    error: say,
    fatal: say,
    child: () => logger,
    named: () => logger,
  };
  return logger;
}

function describeFields(fields: Readonly<Record<string, unknown>> = {}): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`)
    .join(' ');
}
