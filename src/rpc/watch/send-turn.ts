/**
 * The send loops of all streams, run together: one after the other at the end of what happens now, each until it has nothing more, the wire
 * takes no more, or it has sent its share. Whoever has more goes on behind the others; what a turn of the event loop has no time for
 * goes on in the next.
 *
 *     notify   a b c d have something          microtask |a a a|b|c c|d|a .. : time is up       next turn |.. a|
 *
 * One microtask for all, because one for each costs more than what most of them have to send.
 */

import type { Clock } from '../../base/index.ts';
import { SLICE_MS } from '../../node/index.ts';

/** Messages from one look at the clock to the next: a look costs as much as a small message. */
export const MESSAGES_PER_LOOK = 16;

export type SentKind = 'control' | 'progress' | 'events';

/** What a stream has sent in its turn. */
export interface Sent {
  /** Messages of each kind. */
  control: number;
  progress: number;
  responses: number;
  /** In all responses. */
  events: number;
}

/** So many messages of a kind were handed to the wire, in so much time each, with so many events in all of them. */
export type SentObserver = (kind: SentKind, seconds: number, messages: number, events: number) => void;

export interface Sending {
  /** Sends its share, and adds it to `sent`. Returns whether there is more. Does not throw. */
  sendLoop(sent: Sent): boolean;
}

export class SendTurn {
  readonly #clock: Clock;
  readonly #observe: SentObserver;
  readonly #sent: Sent = { control: 0, progress: 0, responses: 0, events: 0 };
  /** Each stream is in here once. Those before #at have had their turn. */
  #due: Sending[] = [];
  #at = 0;
  #isScheduled = false;

  constructor(clock: Clock, observe: SentObserver) {
    this.#clock = clock;
    this.#observe = observe;
  }

  /** Streams that it keeps. */
  get size(): number {
    return this.#due.length;
  }

  /** Has it send after all that happens now. Not to be called again for one that is still to come. */
  add(stream: Sending): void {
    this.#due.push(stream);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#run());
  }

  #run(): void {
    let now = this.#clock.now();
    const until = now + SLICE_MS;
    while (this.#at < this.#due.length) {
      if (now >= until) {
        // There may be no end to it while somebody always has more.
        this.#due = this.#due.slice(this.#at);
        this.#at = 0;
        this.#clock.after(0, () => this.#run());
        return;
      }
      const stream = this.#due[this.#at++] as Sending;
      if (stream.sendLoop(this.#sent)) this.#due.push(stream);
      if (this.#messages < MESSAGES_PER_LOOK && this.#at < this.#due.length) continue;
      const then = this.#clock.now();
      this.#tell((then - now) / 1000);
      now = then;
    }
    this.#due = [];
    this.#at = 0;
    this.#isScheduled = false;
  }

  /** Sent since the last look at the clock. */
  get #messages(): number {
    const { control, progress, responses } = this.#sent;
    return control + progress + responses;
  }

  #tell(seconds: number): void {
    const sent = this.#sent;
    const { control, progress, responses, events } = sent;
    const each = seconds / this.#messages;
    if (control > 0) this.#observe('control', each, control, 0);
    if (progress > 0) this.#observe('progress', each, progress, 0);
    if (responses > 0) this.#observe('events', each, responses, events);
    sent.control = 0;
    sent.progress = 0;
    sent.responses = 0;
    sent.events = 0;
  }
}
