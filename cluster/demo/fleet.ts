/** The watchers of a plan at work: each reads its watch into a replay, the slow ones slowly. */

import { setTimeout as sleep } from 'node:timers/promises';
import { present } from '../../src/base/index.ts';
import type { Client, Watch, WatchStream } from '../../src/client/index.ts';
import { Replay } from './replay.ts';
import { isSlow, STREAMS, type WatcherPlan } from './watcher-plan.ts';

/** What a slow reader waits after each batch, milliseconds. */
const SLOW_BATCH_MS = 20;
const BUFFER_BYTES_MAX = 256 * 1024;
const SLOW_BUFFER_BYTES_MAX = 16 * 1024;

export interface Watcher {
  readonly plan: WatcherPlan;
  readonly watch: Watch;
  readonly replay: Replay;
  /** The first revision that it is to be told. Known when it has been created. */
  firstRevision: number;
  /** What its watch ended with, if it did. */
  failure: string | undefined;
}

export class Fleet {
  readonly #streams: readonly WatchStream[];
  readonly #watchers: Watcher[] = [];
  #hurry = false;
  #delivered = 0;

  constructor(client: Client) {
    this.#streams = Array.from({ length: STREAMS }, () => client.watchStream());
  }

  get watchers(): readonly Watcher[] {
    return this.#watchers;
  }

  /** Events told to all watchers together. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Streams that have been lost and opened again at least once. */
  get streamsResumed(): number {
    return this.#streams.filter((stream) => stream.reconnections > 0).length;
  }

  /**
   * Starts the watchers of these plans. Resolves when the server has confirmed each that is to hear of what comes next; those
   * that read history need not be waited for, and on a slow stream are confirmed late.
   */
  async join(plans: readonly WatcherPlan[]): Promise<void> {
    const joining = plans.map((plan) => this.#start(plan));
    await Promise.all(
      joining
        .filter(({ plan }) => plan.joins === 'before')
        .map(async (watcher) => {
          watcher.firstRevision = (await watcher.watch.created) + 1;
        }),
    );
  }

  /** From now on nobody is slow. */
  hurry(): void {
    this.#hurry = true;
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  #start(plan: WatcherPlan): Watcher {
    const slow = isSlow(plan.stream);
    const watch = present(this.#streams[plan.stream], `stream ${plan.stream}`).watch(plan.key, {
      ...(plan.end === undefined ? {} : { end: plan.end }),
      ...(plan.joins === 'after' ? { startRevision: 1 } : {}),
      prevKv: plan.prevKv,
      fragment: plan.fragment,
      filters: plan.filters,
      bufferBytesMax: slow ? SLOW_BUFFER_BYTES_MAX : BUFFER_BYTES_MAX,
    });
    const watcher: Watcher = { plan, watch, replay: new Replay(plan), firstRevision: 1, failure: undefined };
    this.#watchers.push(watcher);
    this.#follow(watcher, slow).catch((error: unknown) => {
      watcher.failure = error instanceof Error ? error.message : String(error);
    });
    return watcher;
  }

  async #follow(watcher: Watcher, slow: boolean): Promise<void> {
    for await (const batch of watcher.watch.batches()) {
      watcher.replay.apply(batch);
      this.#delivered += batch.events.length;
      if (slow && !this.#hurry) await sleep(SLOW_BATCH_MS);
    }
  }
}
