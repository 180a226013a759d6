/**
 * The log of a cluster: drives the Raft core. Everything that the core asks for in a Ready is begun here, in the order that
 * raft/ready.ts demands:
 *
 *     tick, message, proposal -> raft -> Ready: write    -> WAL, and when it is synced: raft.persisted -> Ready ...
 *                                               messages -> transport, at once: a leader's appends leave while its own write is under way
 *                                               committed -> the owner, who applies them and says how far it is (applied)
 *                                               reads, proposals, lost -> who waits for them
 *
 * Whatever comes in during one turn is taken together at its end: one propose, one Ready, one write.
 */

import { type Bytes, type Clock, type Failpoints, RequestError, type Timer } from '../base/index.ts';
import { encodeConfiguration, memberIdOf, storedEntry, storedHardState } from '../codec/index.ts';
import type { PeerTransport } from '../peer/index.ts';
import type {
  ConfigurationChange,
  Message,
  MessageOf,
  Raft,
  Ready,
  SnapshotMark,
  Status,
  TransferResult,
  Write,
} from '../raft/index.ts';
import type { Wal } from '../storage/index.ts';
import type { LogOwner, ReplicatedLog, StoredPosition } from './log.ts';
import { type Fail, ProposalFates } from './proposal-fates.ts';
import { ReadRounds } from './read-rounds.ts';

export interface RaftLogOptions {
  readonly clock: Clock;
  readonly raft: Raft;
  readonly wal: Wal;
  readonly transport: PeerTransport;
  readonly owner: LogOwner;
  /** What a tick lasts (--heartbeat-interval). */
  readonly tickMs: number;
  /** Entries kept for followers that are a little behind (--snapshot-catchup-entries). */
  readonly catchUpEntries: number;
  /** How long proposals and reads are held while there is no leader, or none that is reached. */
  readonly leaderlessMs: number;
  readonly failpoints?: Failpoints | undefined;
}

interface Waiting {
  readonly data: Bytes;
  readonly failed: (error: RequestError) => void;
  /** When it has waited for a leader too long. Set at the end of the first turn that it waits in: mostly there is a leader. */
  deadline: number | undefined;
  /** Only for the leader of this term. */
  readonly asLeaderOf: number | undefined;
}

/** What one turn hands to Raft: entries cost some 5 us each until they are in the write-ahead log's buffer. */
const BATCH_ENTRIES_MAX = 512;
const BATCH_BYTES_MAX = 1024 * 1024;

export class RaftLog implements ReplicatedLog {
  readonly #options: RaftLogOptions;
  readonly #raft: Raft;
  readonly #fates: ProposalFates;
  readonly #reads: ReadRounds;
  #waiting: Waiting[] = [];
  /** The leader's id in both its forms: it is asked for with every call. */
  #leaderName: string | undefined;
  #leader = 0n;
  #turnEndAsked = false;
  #pumping = false;
  #closed = false;
  /** Where the snapshots that are being sent end. */
  readonly #sending: number[] = [];
  /** A snapshot takes the place of the state and the log. */
  #installing: Promise<void> | undefined;
  #ticker: Timer | undefined;

  constructor(options: RaftLogOptions) {
    this.#options = options;
    this.#raft = options.raft;
    this.#fates = new ProposalFates();
    this.#reads = new ReadRounds(options.clock, options.leaderlessMs, () => this.#raft.readIndex());
    this.#tickLater();
    this.#askForTurnEnd();
  }

  get term(): number {
    return this.#raft.term;
  }

  get leader(): bigint {
    const { leader } = this.#raft;
    if (leader !== this.#leaderName) {
      this.#leaderName = leader;
      this.#leader = leader === undefined ? 0n : memberIdOf(leader);
    }
    return this.#leader;
  }

  get isLeader(): boolean {
    return this.#raft.isLeader;
  }

  get committedIndex(): number {
    return this.#raft.commit;
  }

  propose(data: Bytes, failed: (error: RequestError) => void): void {
    this.#wait(data, failed, undefined);
  }

  proposeAsLeader(term: number, data: Bytes, failed: (error: RequestError) => void): void {
    this.#wait(data, failed, term);
  }

  /** Wants a change of membership; `data` comes back with the entry. Fails like propose. */
  proposeConfiguration(change: ConfigurationChange, data: Bytes, failed: (error: RequestError) => void): void {
    this.#fates.proposed(this.#raft.proposeConfigurationChange(change, data), [failed]);
    this.#askForTurnEnd();
  }

  readIndex(): Promise<number> {
    const index = this.#reads.ask();
    this.#askForTurnEnd();
    return index;
  }

  /** Begins to campaign now. */
  campaign(): void {
    this.#raft.campaign();
    this.#askForTurnEnd();
  }

  /** Wants the member named `target` to lead. */
  transferLeadership(target: string): TransferResult {
    const result = this.#raft.transferLeadership(target);
    this.#askForTurnEnd();
    return result;
  }

  status(): Status {
    return this.#raft.status();
  }

  /** A message has come from another member. */
  receive(message: Message): void {
    if (this.#closed) return;
    this.#guarded(() => this.#raft.step(message));
    this.#askForTurnEnd();
  }

  /** Hands over a snapshot's message, when the whole of it has come. Resolves when Raft has refused it, or when it is installed. */
  async receiveSnapshot(message: MessageOf<'installSnapshot'>): Promise<void> {
    this.#raft.step(message);
    this.#pump();
    await this.#installing;
  }

  applied(index: number): void {
    this.#raft.appliedTo(index);
    // Mostly there is nothing to do: then a turn would be for nothing.
    this.#guarded(() => {
      if (this.#raft.hasReady) this.#askForTurnEnd();
    });
  }

  async release(stored: StoredPosition): Promise<void> {
    await this.#options.failpoints?.reach('raftBeforeWALSaveSnaphot');
    // While the store was synced, a snapshot may have taken its place and the log's: then there is nothing left to release.
    if (this.#raft.termAt(stored.index) === undefined) return;
    const confState = encodeConfiguration(this.#raft.configurationAt(stored.index));
    await this.#options.wal.markSnapshot({ ...stored, confState });
    // Whoever receives a snapshot goes on from the entry behind it.
    const needed = Math.min(stored.index - this.#options.catchUpEntries, ...this.#sending);
    if (needed <= 0) return;
    this.#raft.compact(needed);
    await this.#options.wal.release(needed);
    await this.#options.failpoints?.reach('raftAfterWALRelease');
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ticker?.cancel();
    this.#reads.stop();
    // Its last step is the log's. If it fails, the owner hears of it.
    await this.#installing?.catch(() => undefined);
    await this.#options.wal.close();
  }

  // ---- within ----

  #tickLater(): void {
    this.#ticker = this.#options.clock.after(this.#options.tickMs, () => {
      this.#tickLater();
      this.#guarded(() => {
        this.#raft.tick();
        this.#reads.expire();
        this.#giveUpLeaderless();
        this.#proposeWaiting();
        this.#pump();
      });
    });
  }

  #askForTurnEnd(): void {
    if (this.#turnEndAsked || this.#closed) return;
    this.#turnEndAsked = true;
    this.#options.clock.after(0, () => {
      this.#turnEndAsked = false;
      this.#guarded(() => {
        this.#proposeWaiting();
        this.#reads.putQuestion();
        this.#pump();
      });
    });
  }

  /** What breaks in here is an invariant of Raft's, this member's or another's: going on could lose what others rely on. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#closed = true;
      this.#options.owner.failed(error as Error);
    }
  }

  #wait(data: Bytes, failed: (error: RequestError) => void, asLeaderOf: number | undefined): void {
    this.#waiting.push({ data, failed, deadline: undefined, asLeaderOf });
    this.#askForTurnEnd();
  }

  /** Whether this member is what it must be to propose it. Else it has failed. */
  #isStillWanted({ asLeaderOf, failed }: Waiting): boolean {
    if (asLeaderOf === undefined || (this.#raft.isLeader && this.#raft.term === asLeaderOf)) return true;
    failed(new RequestError('notLeader'));
    return false;
  }

  /**
   * Whether there is a leader to hand something to. One that is known and not connected may just have fallen: what is sent to it is
   * of unknown fate, and what is kept can go to the next one.
   */
  #reachesLeader(): boolean {
    const { isLeader, leader } = this.#raft;
    return isLeader || (leader !== undefined && this.#options.transport.isConnected(leader));
  }

  /** Hands over a batch of what waits, if there is a leader to hand it to. The rest is for the next turn. */
  #proposeWaiting(): void {
    if (this.#waiting.length === 0) return;
    if (!this.#reachesLeader()) return this.#awaitLeader();
    const batch = this.#takeBatch();
    const data: Bytes[] = [];
    const fails: Fail[] = [];
    for (const one of batch) {
      if (!this.#isStillWanted(one)) continue;
      data.push(one.data);
      fails.push(one.failed);
    }
    if (data.length > 0) this.#fates.proposed(this.#raft.propose(data), fails);
    if (this.#waiting.length > 0) this.#askForTurnEnd();
    return undefined;
  }

  /** As many of those that wait as one message to the leader may hold. */
  #takeBatch(): readonly Waiting[] {
    const waiting = this.#waiting;
    let count = 0;
    let bytes = 0;
    for (const { data } of waiting) {
      bytes += data.length;
      if (count > 0 && (bytes > BATCH_BYTES_MAX || count === BATCH_ENTRIES_MAX)) break;
      count++;
    }
    this.#waiting = count === waiting.length ? [] : waiting.slice(count);
    return count === waiting.length ? waiting : waiting.slice(0, count);
  }

  #awaitLeader(): void {
    const deadline = this.#options.clock.now() + this.#options.leaderlessMs;
    for (const one of this.#waiting) one.deadline ??= deadline;
  }

  /** Refuses what has waited for a leader too long: it was never in any log. */
  #giveUpLeaderless(): void {
    const now = this.#options.clock.now();
    while ((this.#waiting[0]?.deadline ?? Number.POSITIVE_INFINITY) <= now) {
      this.#waiting.shift()?.failed(new RequestError('noLeader'));
    }
  }

  /** Begins everything that Raft asks for now. */
  #pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    try {
      while (this.#raft.hasReady) this.#begin(this.#raft.ready());
    } finally {
      this.#pumping = false;
    }
  }

  #begin(ready: Ready): void {
    const { owner } = this.#options;
    if (ready.write !== undefined) {
      owner.logged(ready.write.entries);
      void this.#write(ready.write);
    }
    this.#send(ready.messages);
    if (ready.softState !== undefined) {
      owner.leadershipChanged(ready.softState);
      this.#askForTurnEnd();
    }
    for (const outcome of ready.proposals) this.#fates.forwarded(outcome);
    this.#fates.lost(ready.lost);
    if (ready.committed.length > 0) {
      this.#fates.committed(ready.committed);
      owner.committed(ready.committed);
    }
    for (const read of ready.reads) this.#reads.answered(read);
    if (ready.reads.some(({ index }) => index === undefined)) this.#askForTurnEnd();
  }

  #send(messages: readonly Message[]): void {
    const { failpoints, transport } = this.#options;
    if (messages.length > 0) failpoints?.hit(this.isLeader ? 'raftBeforeLeaderSend' : 'raftBeforeFollowerSend');
    transport.send(messages.filter((message) => message.kind !== 'installSnapshot' && !this.#isDropped(message)));
    for (const message of messages) if (message.kind === 'installSnapshot') void this.#sendSnapshot(message);
  }

  #isDropped({ kind }: Message): boolean {
    return kind === 'heartbeat' && this.#options.failpoints?.hit('raftDropHeartbeat') !== undefined;
  }

  /** Never rejects: Raft is told how it went, and tries again if it has to. */
  async #sendSnapshot(message: MessageOf<'installSnapshot'>): Promise<void> {
    const { owner, transport } = this.#options;
    let arrived = false;
    let taken: number | undefined;
    try {
      const { position, snapshot } = await owner.takeSnapshot();
      this.#sending.push(position.index);
      taken = position.index;
      const configuration = this.#raft.configurationAt(position.index);
      await transport.sendSnapshot({ ...message, snapshot: { ...position, configuration } }, snapshot);
      arrived = true;
    } catch (error) {
      owner.snapshotNotSent(message.to, error as Error);
    }
    if (taken !== undefined) this.#sending.splice(this.#sending.indexOf(taken), 1);
    this.#raft.reportSnapshot(message.to, arrived);
    this.#askForTurnEnd();
  }

  /** Never rejects: a log that cannot be written ends the member. */
  async #write(write: Write): Promise<void> {
    const { owner } = this.#options;
    try {
      // What follows a snapshot must not be written before it.
      while (this.#installing !== undefined) await this.#installing;
      if (write.snapshot !== undefined) {
        this.#installing = this.#install(write.snapshot);
        await this.#installing;
        this.#installing = undefined;
      }
      // Nothing was said of it yet: it may be lost as in a crash.
      if (this.#closed) return;
      await this.#append(write);
      if (this.#closed) return;
      this.#options.failpoints?.hit('raftBeforeAdvance');
      this.#raft.persisted(write.number);
      if (write.snapshot !== undefined) this.#raft.appliedTo(write.snapshot.index);
      this.#pump();
    } catch (error) {
      owner.failed(error as Error);
    }
  }

  async #install(mark: SnapshotMark): Promise<void> {
    const { failpoints, owner, wal } = this.#options;
    await owner.installSnapshot(mark);
    const { index, term, configuration } = mark;
    await failpoints?.reach('raftBeforeWALSaveSnaphot');
    await wal.resetTo({ index, term, confState: encodeConfiguration(configuration) });
    await failpoints?.reach('raftAfterWALRelease');
  }

  #append({ entries, hardState }: Write): Promise<void> {
    return this.#options.wal.append(
      entries.map(storedEntry),
      hardState === undefined ? undefined : storedHardState(hardState),
    );
  }
}
