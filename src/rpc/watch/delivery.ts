/**
 * A response that takes several messages, on its way out. Nothing else of the stream may come between them, because a client puts fragments
 * together as they come.
 *
 *     { watchers: [w1, w2], in two fragments }  ->  w1 first half, w1 second half, w2 first half, w2 second half
 */

import { type Watcher, watchIdOf } from '../../watch/index.ts';
import type { Message } from '../../wire/index.ts';
import type { Body, ResponseEncoder } from './response-encoder.ts';

/** Who is told by a bookmark of the whole stream: one message, under no watcher's id. */
const WHOLE_STREAM: readonly undefined[] = [undefined];

export class Delivery {
  readonly #encoder: ResponseEncoder;
  readonly #body: Body;
  #receivers: readonly (Watcher | undefined)[];
  /** To whom the next message goes, and which fragment it is. */
  #at = 0;
  #fragment = 0;

  constructor(encoder: ResponseEncoder, body: Body, watchers: readonly Watcher[]) {
    this.#encoder = encoder;
    this.#body = body;
    this.#receivers = watchers.length === 0 ? WHOLE_STREAM : watchers;
  }

  /** The next message; undefined: there is none left. */
  next(): Message | undefined {
    const fragment = this.#body[this.#fragment];
    if (fragment === undefined || this.#at === this.#receivers.length) return undefined;
    const message = this.#encoder.message(fragment, watchIdOf(this.#receivers[this.#at]));
    this.#fragment++;
    if (this.#fragment === this.#body.length) {
      this.#at++;
      this.#fragment = 0;
    }
    return message;
  }

  /** Sends nothing more to this watcher. */
  leaveOut(watcher: Watcher): void {
    const place = this.#receivers.indexOf(watcher);
    if (place < this.#at) return;
    if (place === this.#at) this.#fragment = 0;
    this.#receivers = this.#receivers.filter((_, at) => at !== place);
  }
}
