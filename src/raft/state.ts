/**
 * All that one member knows (thesis figure 3.1), and the few steps that every part of the protocol shares: change the
 * term, follow a leader, send, grow or shorten the log. What belongs to a role lives in `standing` and dies with it, so that no vote and
 * no progress of an earlier term can leak into a later one.
 */

import { assert, below, type Prng } from '../base/index.ts';
import { type Configuration, ConfigurationHistory, isVoter } from './configuration.ts';
import type { Entry, MemberId, Position, SnapshotMark } from './entry.ts';
import { checkedLimits, type Limits } from './limits.ts';
import { Log } from './log.ts';
import type { MessageBody, Ticket } from './message.ts';
import { Outbox } from './outbox.ts';
import type { Progress } from './progress.ts';
import type { ReadRounds } from './read-index.ts';
import type { ForwardOutcome, ReadOutcome, Stored } from './ready.ts';

export interface Candidacy {
  readonly role: 'preCandidate' | 'candidate';
  readonly votes: Map<MemberId, boolean>;
}

export interface Leadership {
  readonly role: 'leader';
  /** Of every member, itself included. */
  readonly progress: Map<MemberId, Progress>;
  readonly reads: ReadRounds;
  heartbeatElapsed: number;
  /** Of entries beyond the commit index that were proposed in this term. */
  uncommittedBytes: number;
  transfer: Transfer | undefined;
}

/** A transfer of leadership under way (3.10). */
export interface Transfer {
  readonly target: MemberId;
  elapsed: number;
  /** Whether the target has been told to begin. */
  isTold: boolean;
}

export type Standing = { readonly role: 'follower' } | Candidacy | Leadership;

/** What has to be known to bring a member to life. */
export interface RaftOptions {
  readonly id: MemberId;
  readonly limits: Limits;
  /** For election timeouts and tickets. Members with the same seed would stand for election in step: give each its own. */
  readonly prng: Prng;
  readonly stored: Stored;
  /** How far the owner's state machine has got; 0 if it is to be rebuilt from the snapshot and the log. */
  readonly applied: number;
}

/** Requests sent to the leader, each with the tick it was sent at, oldest first. */
type Forwarded = Map<Ticket, number>;

const TICKETS_PER_LIFE = 2 ** 20;

export class RaftState {
  readonly id: MemberId;
  readonly limits: Limits;
  readonly log: Log;
  readonly configurations: ConfigurationHistory;
  readonly outbox: Outbox = new Outbox();
  readonly #prng: Prng;

  term: number;
  vote: MemberId | undefined;
  leader: MemberId | undefined;
  standing: Standing = { role: 'follower' };

  /** Ticks since the leader was heard of, a vote given or a campaign begun; of a leader, since its last check of the quorum. */
  electionElapsed = 0;
  /** When a campaign begins: electionTicks and a random share of it. */
  electionTimeout = 0;

  /** Gathered for the next Ready. */
  snapshot: SnapshotMark | undefined;
  lost: Position[] = [];
  reads: ReadOutcome[] = [];
  proposals: ForwardOutcome[] = [];

  readonly forwardedReads: Forwarded = new Map();
  readonly forwardedProposals: Forwarded = new Map();
  #ticks = 0;
  #ticket: Ticket;

  constructor(options: RaftOptions) {
    const { hardState, snapshot, entries } = options.stored;
    assert(options.id !== '', 'a member needs an id');
    this.id = options.id;
    this.limits = checkedLimits(options.limits);
    this.#prng = options.prng;
    this.log = new Log(snapshot, entries, hardState.commit, options.applied);
    this.configurations = new ConfigurationHistory(snapshot);
    this.configurations.append(entries);
    // Entries of a later term than the hard state's come from a write that was torn before its end: no vote of that term was promised.
    this.term = Math.max(hardState.term, this.log.lastTerm);
    this.vote = this.term === hardState.term ? hardState.vote : undefined;
    this.#ticket = this.#prng.next() * TICKETS_PER_LIFE;
    this.resetElectionTimer();
  }

  get configuration(): Configuration {
    return this.configurations.latest;
  }

  /**
   * Whether this member may stand for election: as a voter; or as one that the newest configuration leaves out, as long as that is not
   * known to be committed (4.2.2, figure 4.6). It may be the only one that can still win: 1 led 1 and 4, appended a configuration
   * of 4 alone, and fell. 4 needs the vote of 1 and does not get it, because the log of 1 is longer. It does not vote for itself then.
   */
  get promotable(): boolean {
    const { configurations, log } = this;
    if (isVoter(configurations.latest, this.id)) return true;
    const { latestIndex } = configurations;
    return latestIndex > log.commit && isVoter(configurations.at(latestIndex - 1), this.id);
  }

  /** Whether an entry of this term is committed: only then is the leader sure to know every commit before it (3.6.2, 6.4). */
  get hasCommittedInTerm(): boolean {
    return this.log.termAt(this.log.commit) === this.term;
  }

  /** Whether a leader was heard of so recently that nobody needs to be elected (4.2.3). A leader trusts itself; it checks its quorum. */
  get holdsLease(): boolean {
    return this.leader !== undefined && this.electionElapsed < this.limits.electionTicks;
  }

  resetElectionTimer(): void {
    this.electionElapsed = 0;
    this.electionTimeout = this.limits.electionTicks + below(this.#prng, this.limits.electionTicks);
  }

  /** Enters `term` (or stays in it) as a follower of `leader`, if one is known. */
  becomeFollower(term: number, leader: MemberId | undefined): void {
    assert(term >= this.term, `the term cannot fall from ${this.term} to ${term}`);
    const before = this.standing;
    this.standing = { role: 'follower' };
    this.enterTerm(term);
    this.setLeader(leader);
    this.resetElectionTimer();
    if (before.role !== 'leader') return;
    for (const read of before.reads.all()) this.answerRead(read.from, read.ticket, undefined);
  }

  /** A later term begins with no vote given. */
  enterTerm(term: number): void {
    if (term === this.term) return;
    this.term = term;
    this.vote = undefined;
    this.giveUpForwarded();
  }

  setLeader(leader: MemberId | undefined): void {
    if (leader === this.leader) return;
    this.leader = leader;
    this.giveUpForwarded();
  }

  /** May go at once. The term is this member's, but for pre-votes. */
  send(to: MemberId, body: MessageBody, term: number = this.term): void {
    this.outbox.send({ ...body, from: this.id, to, term });
  }

  /** Goes once everything known now is on disk. To itself: is stepped then. */
  sendOncePersisted(to: MemberId, body: MessageBody): void {
    this.outbox.hold({ ...body, from: this.id, to, term: this.term });
  }

  /** Adds entries at the log's end. Returns whether they changed the configuration. */
  append(entries: readonly Entry[]): boolean {
    this.log.append(entries);
    return this.configurations.append(entries);
  }

  /** Takes back the entry at `from` and all after it. */
  truncate(from: number): void {
    this.#lose(this.log.truncate(from));
    this.configurations.truncate(from);
  }

  /** Puts a snapshot in the place of the whole log. */
  restore(mark: SnapshotMark): void {
    this.#lose(this.log.restore(mark));
    this.configurations.restore(mark);
    this.snapshot = mark;
  }

  answerRead(to: MemberId, ticket: Ticket, index: number | undefined): void {
    if (to === this.id) this.reads.push({ ticket, index });
    else this.send(to, { kind: 'readIndexResponse', ticket, index });
  }

  nextTicket(): Ticket {
    return this.#ticket++;
  }

  /** Notes that a request is on its way to the leader. */
  noteForwarded(forwarded: Forwarded, ticket: Ticket): void {
    forwarded.set(ticket, this.#ticks);
  }

  /** Gives up waiting for answers older than an election timeout: the request or its answer was lost. Called each tick. */
  expireForwarded(): void {
    this.#ticks++;
    this.giveUpForwarded(this.#ticks - this.limits.electionTicks);
  }

  /** Gives up every request to the leader that was sent at tick `until` or before. */
  giveUpForwarded(until: number = this.#ticks): void {
    for (const [ticket, at] of this.forwardedReads) {
      if (at > until) break;
      this.forwardedReads.delete(ticket);
      this.reads.push({ ticket, index: undefined });
    }
    for (const [ticket, at] of this.forwardedProposals) {
      if (at > until) break;
      this.forwardedProposals.delete(ticket);
      this.proposals.push({ ticket, answer: { kind: 'unknown' } });
    }
  }

  #lose(entries: readonly Entry[]): void {
    for (const { index, term } of entries) this.lost.push({ index, term });
  }
}
