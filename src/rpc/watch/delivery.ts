/**
 * A response on its way out: the messages that it takes, one after the other. Nothing else of the stream may come between them, because a
 * client puts fragments together as they come.
 *
 *     { watchers: [w1, w2], in two fragments }  ->  w1 first half, w1 second half, w2 first half, w2 second half
 */

import { type Watcher, type WatchResponse, watchIdOf } from '../../watch/index.ts';
import type { Message } from '../../wire/index.ts';
import type { Body, ResponseEncoder } from './response-encoder.ts';

const NOTHING: Body = [];
const NOBODY: readonly Watcher[] = [];
/** Who is told by a bookmark of the whole stream: one message, under no watcher's id. */
const WHOLE_STREAM: readonly undefined[] = [undefined];

export class Delivery {
  readonly #encoder: ResponseEncoder;
  #body: Body = NOTHING;
  #receivers: readonly (Watcher | undefined)[] = NOBODY;
  /** To whom the next message goes, and which fragment it is. */
  #at = 0;
  #fragment = 0;

  constructor(encoder: ResponseEncoder) {
    this.#encoder = encoder;
  }

  /** Begins with a response, when the last one has been delivered. */
  begin(response: WatchResponse): void {
    this.#body = this.#encoder.body(response);
    this.#receivers = response.watchers.length === 0 ? WHOLE_STREAM : response.watchers;
  }

  /** The next message; undefined: there is none left. */
  next(): Message | undefined {
    const fragment = this.#body[this.#fragment];
    if (fragment === undefined) return undefined;
    const message = this.#encoder.message(fragment, watchIdOf(this.#receivers[this.#at]));
    this.#fragment++;
    if (this.#fragment === this.#body.length) this.#toNextReceiver();
    return message;
  }

  /** Sends nothing more to this watcher. */
  leaveOut(watcher: Watcher): void {
    const place = this.#receivers.indexOf(watcher);
    if (place < this.#at) return;
    this.#receivers = this.#receivers.filter((_, at) => at !== place);
    if (place > this.#at) return;
    this.#at--;
    this.#toNextReceiver();
  }

  /** Sends nothing more. */
  stop(): void {
    // Not to keep the events alive from here.
    this.#body = NOTHING;
    this.#receivers = NOBODY;
    this.#at = 0;
    this.#fragment = 0;
  }

  #toNextReceiver(): void {
    this.#at++;
    this.#fragment = 0;
    if (this.#at === this.#receivers.length) this.stop();
  }
}
