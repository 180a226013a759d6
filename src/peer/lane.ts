/**
 * Messages that wait for one peer, and credit for sending them. Each peer has two lanes: what is urgent never waits behind
 * what is bulk, and bulk is sent only as fast as the peer acknowledges it.
 *
 *     push -> | waiting, at most queueBytesMax | -> take -> | sent, at most unackedBytesMax | -> acknowledge
 */

import type { Bytes } from '../base/index.ts';

export interface LaneLimits {
  readonly queueBytesMax: number;
  readonly unackedBytesMax: number;
}

/** What a message costs beside its bytes, so that many small ones count as well. */
const MESSAGE_COST_BYTES = 128;

const costOf = (message: Bytes): number => message.length + MESSAGE_COST_BYTES;

/** Taken together. */
export interface Load {
  readonly messages: readonly Bytes[];
  /** What it takes of the credit until it is acknowledged. */
  readonly cost: number;
}

export class Lane {
  readonly #limits: LaneLimits;
  #waiting: Bytes[] = [];
  #waitingCost = 0;
  #unackedCost = 0;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  /** Of the messages that wait, in bytes with what each costs beside them. */
  get waitingBytes(): number {
    return this.#waitingCost;
  }

  /** False: there is no room, the message is dropped. One of any size fits an empty lane. */
  push(message: Bytes): boolean {
    const cost = costOf(message);
    if (this.#waiting.length > 0 && this.#waitingCost + cost > this.#limits.queueBytesMax) return false;
    this.#waiting.push(message);
    this.#waitingCost += cost;
    return true;
  }

  /** The next messages, up to `bytesMax` (or one that is larger), as far as there is credit. */
  take(bytesMax: number): Load {
    let count = 0;
    let cost = 0;
    for (const message of this.#waiting) {
      const next = cost + costOf(message);
      if (count > 0 && next > bytesMax) break;
      if (this.#unackedCost + cost > 0 && this.#unackedCost + next > this.#limits.unackedBytesMax) break;
      cost = next;
      count++;
    }
    this.#waitingCost -= cost;
    this.#unackedCost += cost;
    return { messages: this.#waiting.splice(0, count), cost };
  }

  acknowledge(cost: number): void {
    this.#unackedCost -= cost;
  }

  /** Forgets everything, also what was sent. Says how many messages were waiting. */
  clear(): number {
    const dropped = this.#waiting.length;
    this.#waiting = [];
    this.#waitingCost = 0;
    this.#unackedCost = 0;
    return dropped;
  }
}
