/**
 * A Raft cluster in memory, moved by hand: every message, every disk write and every applied entry waits until somebody lets it
 * through. The traces (test/raft/trace.ts) and the random walk (test/raft/walk.ts) are two ways of moving it.
 *
 * A member's disk holds what was synced; a crash loses the writes under way and the state machine's progress since it was last saved.
 * The state machine is a digest over everything applied: equal digests at an index mean equal histories.
 */

import { present, SeededPrng } from '../../src/base/index.ts';
import type {
  Entry,
  Limits,
  MemberId,
  Message,
  Position,
  Raft,
  Ready,
  SnapshotMark,
  Stored,
  Write,
} from '../../src/raft/index.ts';

/** The code under test: src/raft, or a copy of it with something broken on purpose. */
export type RaftCode = typeof import('../../src/raft/index.ts');

/** The state machine's state: a digest of what was applied up to `index`. */
export interface MachineState {
  readonly index: number;
  readonly digest: number;
}

/** Hears of everything that happens. All are called at the moment of the event. */
export interface ClusterObserver {
  /** A Ready was taken; nothing of it is done yet. */
  onReady(member: ClusterMember, ready: Ready): void;
  /** A message left its sender. */
  onSent(message: Message): void;
  onApplied(member: ClusterMember, entry: Entry, state: MachineState): void;
  onInstalled(member: ClusterMember, state: MachineState): void;
}

/** FNV-1a over text: short, and good enough to tell two histories of a test apart. */
export function digestOf(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** What an entry says, without its place. */
export function contentOf(entry: Entry): string {
  return entry.kind === 'normal' ? String.fromCharCode(...entry.data) : JSON.stringify(entry.configuration);
}

export class ClusterMember {
  readonly id: MemberId;
  /** Undefined while it is down. */
  raft: Raft | undefined;
  /** What is synced. */
  stored: Stored;
  /** Writes under way, oldest first. */
  writes: Write[] = [];
  /** Handed out for applying, not applied yet. */
  toApply: Entry[] = [];
  machine: MachineState = { index: 0, digest: 0 };
  /** The machine's state as it would be found after a crash. */
  saved: MachineState = { index: 0, digest: 0 };
  /** How often it was started. */
  lives = 0;

  constructor(id: MemberId, stored: Stored) {
    this.id = id;
    this.stored = stored;
  }

  get running(): Raft {
    return present(this.raft, `member ${this.id} (it is down)`);
  }

  /** Whether the entry at this position is safe on this member's disk, itself or within a snapshot. */
  hasDurably({ index, term }: Position): boolean {
    const { snapshot, entries } = this.stored;
    return index <= snapshot.index || entries[index - snapshot.index - 1]?.term === term;
  }
}

/** The disk after a write: the entries replace whatever was from their first index on. */
function writtenTo(stored: Stored, write: Write): Stored {
  const snapshot = write.snapshot ?? stored.snapshot;
  let entries = write.snapshot === undefined ? stored.entries : [];
  const first = write.entries[0];
  if (first !== undefined) {
    const kept = entries.slice(0, first.index - snapshot.index - 1);
    if (snapshot.index + kept.length + 1 !== first.index) throw new Error(`a gap in the log before ${first.index}`);
    entries = [...kept, ...write.entries];
  }
  return { snapshot, entries, hardState: write.hardState ?? stored.hardState };
}

export class RaftCluster {
  readonly members = new Map<MemberId, ClusterMember>();
  /** On their way, oldest first. */
  network: Message[] = [];
  /** Directed links 'a>b' that let nothing through. */
  readonly cut = new Set<string>();
  readonly #code: RaftCode;
  readonly #limits: Limits;
  readonly #seed: number;
  readonly #observer: ClusterObserver;
  /** The digest at each index, as the first member to get there had it. Snapshots take their state from here. */
  readonly #digests = new Map<number, number>([[0, 0]]);

  constructor(code: RaftCode, limits: Limits, seed: number, observer: ClusterObserver) {
    this.#code = code;
    this.#limits = limits;
    this.#seed = seed;
    this.#observer = observer;
  }

  member(id: MemberId): ClusterMember {
    return present(this.members.get(id), `member ${id}`);
  }

  /** The members that are up. */
  get up(): ClusterMember[] {
    return [...this.members.values()].filter((member) => member.raft !== undefined);
  }

  /** A member with this on its disk, started. */
  add(id: MemberId, stored: Stored): ClusterMember {
    const member = new ClusterMember(id, stored);
    this.members.set(id, member);
    this.start(id);
    return member;
  }

  start(id: MemberId): void {
    const member = this.member(id);
    member.lives++;
    member.machine = member.saved;
    member.raft = new this.#code.Raft({
      id,
      limits: this.#limits,
      prng: new SeededPrng(this.#seed * 1000 + digestOf(id) + member.lives),
      stored: member.stored,
      applied: member.saved.index,
    });
  }

  /** Power off: what was not synced is gone. */
  crash(id: MemberId): void {
    const member = this.member(id);
    member.raft = undefined;
    member.writes = [];
    member.toApply = [];
  }

  /** Takes whatever is ready at a member: its messages go out, its writes and entries wait. Returns what there was. */
  take(id: MemberId): Ready[] {
    const member = this.member(id);
    const taken: Ready[] = [];
    while (member.running.hasReady) {
      const ready = member.running.ready();
      taken.push(ready);
      this.#observer.onReady(member, ready);
      if (ready.write !== undefined) member.writes.push(ready.write);
      for (const message of ready.messages) {
        this.#observer.onSent(message);
        this.network.push(message);
      }
      if (ready.snapshot !== undefined) this.#install(member, ready.snapshot);
      member.toApply.push(...ready.committed);
    }
    return taken;
  }

  /** Completes the oldest `count` writes of a member. */
  sync(id: MemberId, count = Number.POSITIVE_INFINITY): void {
    const member = this.member(id);
    const done = member.writes.splice(0, count);
    for (const write of done) {
      member.stored = writtenTo(member.stored, write);
      if (write.snapshot !== undefined) member.saved = this.#stateAt(write.snapshot.index);
    }
    const last = done.at(-1);
    if (last !== undefined) member.running.persisted(last.number);
  }

  /** Applies the oldest `count` entries that wait at a member. */
  apply(id: MemberId, count = Number.POSITIVE_INFINITY): void {
    const member = this.member(id);
    for (const entry of member.toApply.splice(0, count)) {
      if (entry.index !== member.machine.index + 1) throw new Error(`${id} applies ${entry.index} out of order`);
      const digest = digestOf(`${entry.term}:${contentOf(entry)}`, member.machine.digest);
      member.machine = { index: entry.index, digest };
      if (!this.#digests.has(entry.index)) this.#digests.set(entry.index, digest);
      this.#observer.onApplied(member, entry, member.machine);
    }
    member.running.appliedTo(member.machine.index);
  }

  /** Makes the machine's state durable, unless it came by a snapshot whose write is still under way. */
  save(id: MemberId): void {
    const member = this.member(id);
    if (member.writes.every((write) => write.snapshot === undefined)) member.saved = member.machine;
  }

  /** Makes the machine's state durable, and the log begin after `index`. */
  compact(id: MemberId, index: number): void {
    const member = this.member(id);
    const { stored } = member;
    // A snapshot may be in the log already whose write is still under way: the disk is behind then.
    const start = Math.max(stored.snapshot.index, member.running.status().offset);
    if (index <= start || index > member.machine.index) return;
    const entry = stored.entries[index - stored.snapshot.index - 1];
    if (entry === undefined) return;
    this.save(id);
    const snapshot: SnapshotMark = { index, term: entry.term, configuration: member.running.configurationAt(index) };
    member.stored = { ...stored, snapshot, entries: stored.entries.slice(index - stored.snapshot.index) };
    member.running.compact(index);
  }

  /** Brings a message to its receiver. Returns whether it got there. */
  deliver(message: Message): boolean {
    const receiver = this.members.get(message.to);
    const arrives = receiver?.raft !== undefined && !this.cut.has(`${message.from}>${message.to}`);
    if (arrives) receiver.raft?.step(message);
    if (message.kind === 'installSnapshot') this.members.get(message.from)?.raft?.reportSnapshot(message.to, arrives);
    return arrives;
  }

  /** Loses a message on its way. */
  lose(message: Message): void {
    if (message.kind === 'installSnapshot') this.members.get(message.from)?.raft?.reportSnapshot(message.to, false);
  }

  #install(member: ClusterMember, mark: SnapshotMark): void {
    member.toApply = [];
    member.machine = this.#stateAt(mark.index);
    member.running.appliedTo(mark.index);
    this.#observer.onInstalled(member, member.machine);
  }

  #stateAt(index: number): MachineState {
    return { index, digest: present(this.#digests.get(index), `the state at ${index}`) };
  }
}
