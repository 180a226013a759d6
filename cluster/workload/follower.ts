/** One watcher of a run: keeps what it was told, across lost connections and compactions, as the checkers want it. */

import { setTimeout as sleep } from 'node:timers/promises';
import { CompactedError, type WatchBatch, type WatchEvent, type WatchOptions } from '../../src/client/index.ts';
import {
  type Gap,
  type LoggedEvent,
  markOf,
  type Previous,
  type Progress,
  type RevisionLog,
  type Told,
} from '../checker/index.ts';
import { PREFIX } from './slots.ts';
import { nameIn, textOf } from './value.ts';

export interface FollowerPlan {
  readonly name: string;
  readonly prefix: string;
  readonly without: 'put' | 'delete' | undefined;
  readonly prevKv: boolean;
  /** Waits after each batch, so that the server has to hold things back. */
  readonly slow: boolean;
  /** The first revision it is to be told. */
  readonly from: number;
}

/** What a follower needs of a watch stream. */
export interface FollowedStream {
  readonly reconnections: number;
  watch(key: string, options: WatchOptions): { batches(): AsyncIterable<WatchBatch> };
  requestProgress(): void;
}

const SLOW_BATCH_MS = 40;
const BUFFER_BYTES_MAX = 256 * 1024;
const SLOW_BUFFER_BYTES_MAX = 8 * 1024;

export class Follower implements Told {
  readonly plan: FollowerPlan;
  readonly from: number;
  readonly revisions: number[] = [];
  readonly marks: number[] = [];
  readonly gaps: Gap[] = [];
  readonly progress: Progress[] = [];
  readonly previous: Previous[] = [];
  readonly #stream: FollowedStream;
  readonly #log: RevisionLog;
  #position: number;
  #failure: string | undefined;
  #hurry = false;

  constructor(plan: FollowerPlan, stream: FollowedStream, log: RevisionLog) {
    this.plan = plan;
    this.from = plan.from;
    this.#position = plan.from;
    this.#stream = stream;
    this.#log = log;
  }

  get name(): string {
    return this.plan.name;
  }

  get prefix(): string {
    return this.plan.prefix;
  }

  get without(): Told['without'] {
    return this.plan.without;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  /** The newest revision of which it was told an event. */
  get lastRevision(): number {
    return this.revisions.at(-1) ?? 0;
  }

  get reconnections(): number {
    return this.#stream.reconnections;
  }

  /** From now on it is not slow. */
  hurry(): void {
    this.#hurry = true;
  }

  /** Asks the server how far it is. */
  askProgress(): void {
    this.#stream.requestProgress();
  }

  /** Resolves when the stream is closed, or the watch has failed for good. */
  async follow(): Promise<void> {
    for (;;) {
      try {
        await this.#watch();
        return;
      } catch (error) {
        if (!(error instanceof CompactedError) || error.compactRevision <= this.#position) {
          this.#failure = error instanceof Error ? error.message : String(error);
          return;
        }
        this.gaps.push({ from: this.#position, to: error.compactRevision });
        this.#position = error.compactRevision;
      }
    }
  }

  async #watch(): Promise<void> {
    const { prefix, without, prevKv, slow } = this.plan;
    const watch = this.#stream.watch(prefix, {
      prefix: true,
      startRevision: this.#position,
      prevKv,
      filters: without === undefined ? [] : [without === 'put' ? 'noPut' : 'noDelete'],
      fragment: slow,
      bufferBytesMax: slow ? SLOW_BUFFER_BYTES_MAX : BUFFER_BYTES_MAX,
    });
    for await (const batch of watch.batches()) {
      this.#take(batch);
      if (slow && !this.#hurry) await sleep(SLOW_BATCH_MS);
    }
  }

  #take({ revision, events }: WatchBatch): void {
    let at = 0;
    while (at < events.length) {
      const of = events[at]?.kv.modRevision ?? 0;
      const group: LoggedEvent[] = [];
      for (; events[at]?.kv.modRevision === of; at++) {
        const event = events[at];
        if (event !== undefined) group.push(this.#note(event));
      }
      this.revisions.push(of);
      this.marks.push(markOf(group));
      if (this.plan.prefix === PREFIX && this.plan.without === undefined)
        this.#log.add(this.name, of, group, performance.now());
      this.#position = Math.max(this.#position, of + 1);
    }
    if (events.length > 0) return;
    this.progress.push({ after: this.revisions.length, revision });
    this.#position = Math.max(this.#position, revision + 1);
  }

  #note({ type, kv, previous }: WatchEvent): LoggedEvent {
    const key = textOf(kv.key);
    if (this.plan.prevKv) {
      this.previous.push({ revision: kv.modRevision, key, previous: previous?.modRevision ?? 0 });
    }
    return { type, key, value: type === 'put' ? nameIn(kv.value) : '' };
  }
}
