/**
 * The window of a pipeline: append messages that went to one follower and are not acknowledged yet (thesis 10.2.1).
 *
 * The leader does not wait for an answer before it sends the next message; the window says how far it may run ahead.
 *
 *     sent, last index  12 | 15 | 19 |        acknowledged 15  ->  19 |
 *
 * Two bounds, on messages and on bytes; full when either is reached. A single message may be larger than the bytes bound,
 * otherwise a large entry could never be sent.
 */

import { assert } from '../base/index.ts';

interface Sent {
  readonly lastIndex: number;
  readonly bytes: number;
}

export class Inflight {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  /** Oldest first. The bound on messages keeps it short. */
  #sent: Sent[] = [];
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    assert(messagesMax > 0 && bytesMax > 0, `a window must have room: ${messagesMax} messages, ${bytesMax} bytes`);
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
  }

  get messages(): number {
    return this.#sent.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#sent.length >= this.#messagesMax || this.#bytes >= this.#bytesMax;
  }

  /** A message went out whose last entry has this index. */
  add(lastIndex: number, bytes: number): void {
    assert(!this.full, 'the window is full');
    const newest = this.#sent.at(-1);
    assert(newest === undefined || newest.lastIndex < lastIndex, `the window must grow: ${lastIndex}`);
    this.#sent.push({ lastIndex, bytes });
    this.#bytes += bytes;
  }

  /** Everything up to `index` arrived. */
  freeTo(index: number): void {
    let count = 0;
    for (const sent of this.#sent) {
      if (sent.lastIndex > index) break;
      this.#bytes -= sent.bytes;
      count++;
    }
    if (count > 0) this.#sent.splice(0, count);
  }

  /** Makes room for one message: the acknowledgement of the oldest may have been lost. */
  freeOldest(): void {
    const oldest = this.#sent[0];
    if (oldest !== undefined) this.freeTo(oldest.lastIndex);
  }

  clear(): void {
    this.#sent = [];
    this.#bytes = 0;
  }
}
