/**
 * What became of proposals after they were handed to Raft. A proposal that is applied needs nothing from here: its outcome is told
 * by the applier. Here is told what will not be applied, or may not:
 *
 *     refused              definite: it is in no log and never will be
 *     lost, unknown        indefinite: another leader's entries took its place, here; elsewhere it may live on
 */

import { type ErrorCode, RequestError } from '../base/index.ts';
import type { Entry, ForwardOutcome, Position, ProposeResult, Refusal, Ticket } from '../raft/index.ts';

export type Fail = (error: RequestError) => void;

const CODES: Readonly<Record<Refusal, ErrorCode>> = {
  noLeader: 'noLeader',
  transferring: 'noLeader',
  tooManyUncommitted: 'tooManyRequests',
  tooManyForwarded: 'tooManyRequests',
  changePending: 'unhealthy',
  notJoint: 'unhealthy',
  noVoters: 'notEnoughStarted',
  noChange: 'memberNotFound',
  learnerBehind: 'learnerNotReady',
  invalidChange: 'memberNotFound',
};

/** What was proposed together: the first at index `first`, the others behind it. One that has been told is undefined. */
interface Batch {
  readonly first: number;
  readonly term: number;
  readonly fails: (Fail | undefined)[];
}

/** How many are kept is bounded by who proposes (PROPOSALS_PENDING_MAX): a batch is gone once its last index is committed. */
export class ProposalFates {
  /** In the order they were made, which need not be that of their indexes: what is lost makes room for others. */
  #batches: Batch[] = [];
  readonly #byTicket = new Map<Ticket, Fail[]>();
  #committedIndex = 0;

  /** Raft has said this to proposals that were made together. Keeps `fails`. */
  proposed(result: ProposeResult, fails: Fail[]): void {
    switch (result.kind) {
      case 'forwarded':
        this.#byTicket.set(result.ticket, fails);
        return;
      case 'refused':
        for (const fail of fails) fail(new RequestError(CODES[result.reason]));
        return;
      case 'appended': {
        const batch: Batch = { first: result.index, term: result.term, fails };
        // The answer may come after the entries themselves: then they have been told already.
        if (!isTold(batch, this.#committedIndex)) this.#batches.push(batch);
        return;
      }
    }
  }

  /** The leader has answered, or cannot be asked any more. */
  forwarded({ ticket, answer }: ForwardOutcome): void {
    const fails = this.#byTicket.get(ticket);
    if (fails === undefined) return;
    this.#byTicket.delete(ticket);
    if (answer.kind === 'unknown') for (const fail of fails) fail(new RequestError('leaderChanged'));
    else this.proposed(answer, fails);
  }

  lost(positions: readonly Position[]): void {
    for (const { index, term } of positions) {
      for (const batch of this.#batches) if (batch.term === term) lose(batch, index);
    }
  }

  /** These are committed, one index after the other: who proposed at their index in another term has lost. */
  committed(entries: readonly Entry[]): void {
    const first = entries[0]?.index;
    const last = entries.at(-1)?.index;
    if (first === undefined || last === undefined) return;
    for (const batch of this.#batches) {
      const end = Math.min(batch.first + batch.fails.length, last + 1);
      for (let index = Math.max(batch.first, first); index < end; index++) {
        if (entries[index - first]?.term !== batch.term) lose(batch, index);
      }
    }
    this.#committedIndex = last;
    this.#batches = this.#batches.filter((batch) => !isTold(batch, last));
  }
}

/** Whether all of it is committed, or the entries of others in its place. */
function isTold({ first, fails }: Batch, committedIndex: number): boolean {
  return first + fails.length - 1 <= committedIndex;
}

function lose({ first, fails }: Batch, index: number): void {
  const fail = fails[index - first];
  fails[index - first] = undefined;
  fail?.(new RequestError('leaderChanged'));
}
