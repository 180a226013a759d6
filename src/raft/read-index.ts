/**
 * Reads without the log (thesis 6.4). The leader notes its commit index, makes sure by one round of heartbeats that it is
 * still the leader, and the read may be served wherever that index has been applied.
 *
 * One round serves every read that waits. Rounds are numbered, each heartbeat names the newest, each answer repeats it:
 *
 *     reads a b c -> round 7, at commit 120         reads d e arrive meanwhile and wait
 *     answers: voter 2 says 7, voter 3 says 6       a quorum has confirmed 7: a b c get 120
 *     reads d e   -> round 8, at commit 125 ...
 *
 * Which round a quorum has confirmed is the same question as which index a quorum has reached, and has the same answer (quorum.ts).
 * A heartbeat that is lost is made good by the next regular one, which names the same round.
 */

import type { MemberId } from './entry.ts';
import type { Ticket } from './message.ts';
import { quorumIndex, type Voters } from './quorum.ts';

/** Who asked: this member itself, or another that forwarded. */
export interface WaitingRead {
  readonly from: MemberId;
  readonly ticket: Ticket;
}

/** Reads that share a round and so an index. */
export interface ReadBatch {
  readonly round: number;
  readonly index: number;
  readonly reads: readonly WaitingRead[];
}

export class ReadRounds {
  readonly #readsMax: number;
  #round = 0;
  /** Not in a round yet. */
  #waiting: WaitingRead[] = [];
  /** Under way, oldest first. */
  #begun: ReadBatch[] = [];
  /** The newest round that each member has confirmed. */
  readonly #confirmed = new Map<MemberId, number>();

  /** At most `readsMax` reads wait at a time; more are refused. */
  constructor(readsMax: number) {
    this.#readsMax = readsMax;
  }

  /** The newest round, for heartbeats. */
  get round(): number {
    return this.#round;
  }

  get count(): number {
    return this.#begun.reduce((sum, batch) => sum + batch.reads.length, this.#waiting.length);
  }

  /** Takes a read in, or refuses it because too many wait. */
  add(read: WaitingRead): boolean {
    if (this.count >= this.#readsMax) return false;
    this.#waiting.push(read);
    return true;
  }

  /** Whether reads wait and no round is under way that they would have to wait for. */
  get ready(): boolean {
    return this.#waiting.length > 0 && this.#begun.length === 0;
  }

  /** Begins a round for all reads that wait, at the leader's commit index. The leader has confirmed it itself already. */
  begin(commit: number, leader: MemberId): void {
    this.#round++;
    this.#begun.push({ round: this.#round, index: commit, reads: this.#waiting });
    this.#waiting = [];
    this.confirm(leader, this.#round);
  }

  /** `id` has answered a heartbeat of this round: at that time it knew of no later leader. */
  confirm(id: MemberId, round: number): void {
    this.#confirmed.set(id, Math.max(round, this.#confirmed.get(id) ?? 0));
  }

  /** The batches that a quorum has confirmed, which are not waiting any more. */
  takeConfirmed(voters: Voters): ReadBatch[] {
    if (this.#begun.length === 0) return [];
    const round = quorumIndex(voters, (id) => this.#confirmed.get(id) ?? 0);
    const confirmed = this.#begun.filter((batch) => batch.round <= round);
    if (confirmed.length > 0) this.#begun = this.#begun.slice(confirmed.length);
    return confirmed;
  }

  /** Every read that waits, when leadership is lost. */
  all(): WaitingRead[] {
    return [...this.#begun.flatMap((batch) => batch.reads), ...this.#waiting];
  }
}
