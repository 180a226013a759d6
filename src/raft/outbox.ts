/**
 * Messages on their way out, and the one rule of durability (thesis 3.8: a server persists before it answers).
 *
 * Some messages promise something about this member's disk: a granted vote, a request for votes, an accepted append.
 * They are held until every write that was due when they were made is on disk. Others go at once: appends above all,
 * so that the followers write at the same time as the leader (10.2.1). A candidate's vote for itself is such a promise too,
 * and takes the same way, addressed to itself.
 *
 *     step: append 8..9   ->  hold [accepted 9]
 *     ready               ->  write 4 = {entries 8..9}, messages []
 *     persisted(4)        ->  release [accepted 9]
 *     ready               ->  messages [accepted 9]
 *
 * Why a request for votes waits: it states how far the log reaches. If the candidate sent it first, lost the end of its log in a crash,
 * came back in the term before and stood again in the same term, it would be elected by votes given to the longer log.
 */

import type { Message } from './message.ts';

interface Held {
  readonly message: Message;
  /** The write it waits for; undefined while that write is still being gathered. */
  write: number | undefined;
}

export class Outbox {
  #free: Message[] = [];
  /** In the order they were made, so in the order of their writes. */
  #held: Held[] = [];

  get hasFree(): boolean {
    return this.#free.length > 0;
  }

  /** Whether messages are held that do not know their write yet. */
  get hasUntagged(): boolean {
    return this.#held.at(-1)?.write === undefined && this.#held.length > 0;
  }

  send(message: Message): void {
    this.#free.push(message);
  }

  hold(message: Message): void {
    this.#held.push({ message, write: undefined });
  }

  /** The messages held so far wait for write `number`. */
  tag(number: number): void {
    for (const held of this.#held) held.write ??= number;
  }

  /** The messages that waited for write `number` or one before it. */
  release(number: number): Message[] {
    let count = 0;
    for (const held of this.#held) {
      if (held.write === undefined || held.write > number) break;
      count++;
    }
    return this.#held.splice(0, count).map((held) => held.message);
  }

  takeFree(): Message[] {
    const free = this.#free;
    this.#free = [];
    return free;
  }
}
