/**
 * Wakes a call when something that it waits for has changed. What it then does is look again: a change is a reason to read, never
 * an answer. So nothing is shown that the caller may not read, and nothing depends on which changes were seen.
 */

import { type KeyRange, RequestError } from '../../base/index.ts';
import { AUTO_WATCH_ID, PLAIN, type WatchableStore, type WatchReader, type WatchStream } from '../../watch/index.ts';
import type { CallContext } from '../../wire/index.ts';

export class Changes implements WatchReader {
  readonly user = '';
  readonly #stream: WatchStream;
  readonly #call: CallContext;
  #wake: (() => void) | undefined;

  constructor(watchable: WatchableStore, call: CallContext) {
    this.#stream = watchable.newWatchStream(this);
    this.#call = call;
    call.onCancelled(() => this.#wake?.());
  }

  get peer(): string {
    return this.#call.peer;
  }

  readable(): void {
    this.#wake?.();
  }

  /**
   * Resolves once one of the ranges has changed after `revision`, or may have (a compaction took the history). Rejects with
   * RequestError watchCanceled when nobody waits for the call any more.
   */
  async after(revision: number, ranges: readonly KeyRange[]): Promise<void> {
    const ids: number[] = [];
    for (const range of ranges) {
      const made = this.#stream.watch({ id: AUTO_WATCH_ID, range, startRev: revision + 1, options: PLAIN });
      if (made.ok) ids.push(made.id);
    }
    if (this.#stream.queued === 0 && !this.#call.cancelled) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    // Drops what is queued for them as well.
    for (const id of ids) this.#stream.cancel(id);
    while (this.#stream.take() !== undefined) continue;
    if (this.#call.cancelled) throw new RequestError('watchCanceled');
  }

  close(): void {
    this.#stream.close();
  }
}
