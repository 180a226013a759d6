/**
 * Frames that have been sent and are not acknowledged. An acknowledgement costs as much as a frame, so few of them ask for one; it
 * counts for all before it too:
 *
 *     quiet quiet quiet asks quiet quiet ...      the fourth is acknowledged: credit for four
 *
 * A frame asks if, since the last one that did,
 * - ASK_SHARE of a lane's credit has been used: the next credit comes while there is some left;
 * - or ASK_MS have passed: a peer that is gone is noticed, and the round trip measured.
 * One without messages always asks: it is sent for that alone.
 */

import { ASK_MS, ASK_SHARE, BULK_UNACKED_BYTES_MAX, URGENT_UNACKED_BYTES_MAX } from './limits.ts';

/** What frames take of the credit of each lane until they are acknowledged. */
export interface FrameCost {
  readonly urgent: number;
  readonly bulk: number;
}

interface AskingFrame {
  readonly number: number;
  readonly sentAt: number;
  /** With the quiet ones before it. */
  readonly cost: FrameCost;
}

export class UnackedFrames {
  /** Oldest first. */
  #asking: AskingFrame[] = [];
  #askedAt = 0;
  /** Of the quiet ones after the last that asked. */
  #urgent = 0;
  #bulk = 0;

  /** When a frame last asked. */
  get askedAt(): number {
    return this.#askedAt;
  }

  /** Since when an acknowledgement is owed; undefined if none is. */
  get owedSince(): number | undefined {
    return this.#asking[0]?.sentAt;
  }

  /** A frame is about to be sent. Returns whether it is to ask. */
  add(number: number, cost: FrameCost, now: number): boolean {
    this.#urgent += cost.urgent;
    this.#bulk += cost.bulk;
    const asks =
      cost.urgent + cost.bulk === 0 ||
      this.#urgent >= ASK_SHARE * URGENT_UNACKED_BYTES_MAX ||
      this.#bulk >= ASK_SHARE * BULK_UNACKED_BYTES_MAX ||
      now - this.#askedAt >= ASK_MS;
    if (!asks) return false;
    this.#asking.push({ number, sentAt: now, cost: { urgent: this.#urgent, bulk: this.#bulk } });
    this.#askedAt = now;
    this.#urgent = 0;
    this.#bulk = 0;
    return true;
  }

  /** What has been acknowledged with frame `number`, and when the last of it was sent. Undefined if that is nothing new. */
  acknowledged(number: number): { readonly cost: FrameCost; readonly sentAt: number } | undefined {
    let urgent = 0;
    let bulk = 0;
    let sentAt: number | undefined;
    while (this.#asking[0] !== undefined && this.#asking[0].number <= number) {
      ({ sentAt } = this.#asking[0]);
      urgent += this.#asking[0].cost.urgent;
      bulk += this.#asking[0].cost.bulk;
      this.#asking.shift();
    }
    return sentAt === undefined ? undefined : { cost: { urgent, bulk }, sentAt };
  }

  clear(): void {
    this.#asking = [];
    this.#urgent = 0;
    this.#bulk = 0;
  }
}
