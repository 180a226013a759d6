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

interface Fate {
  readonly term: number;
  readonly fail: Fail;
}

/** How many are kept is bounded by who proposes (PROPOSALS_PENDING_MAX): each is gone once its index is committed. */
export class ProposalFates {
  readonly #byIndex = new Map<number, Fate>();
  readonly #byTicket = new Map<Ticket, readonly Fail[]>();
  #committedIndex = 0;

  /** Raft has said this to proposals that were made together. */
  proposed(result: ProposeResult, fails: readonly Fail[]): void {
    switch (result.kind) {
      case 'forwarded':
        this.#byTicket.set(result.ticket, fails);
        return;
      case 'refused':
        for (const fail of fails) fail(new RequestError(CODES[result.reason]));
        return;
      case 'appended':
        this.#appended(result, fails);
        return;
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
      const fate = this.#byIndex.get(index);
      if (fate?.term === term) this.#lose(index, fate);
    }
  }

  /** These are committed: who proposed at their index in another term has lost. */
  committed(entries: readonly Entry[]): void {
    for (const { index, term } of entries) {
      const fate = this.#byIndex.get(index);
      if (fate !== undefined && fate.term !== term) this.#lose(index, fate);
      this.#byIndex.delete(index);
      this.#committedIndex = index;
    }
  }

  #appended(first: Position, fails: readonly Fail[]): void {
    fails.forEach((fail, i) => {
      const index = first.index + i;
      // The answer may come after the entry itself: then it has been told already.
      if (index > this.#committedIndex) this.#byIndex.set(index, { term: first.term, fail });
    });
  }

  #lose(index: number, fate: Fate): void {
    this.#byIndex.delete(index);
    fate.fail(new RequestError('leaderChanged'));
  }
}
