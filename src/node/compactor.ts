/**
 * Removes what a compaction has left behind, in small batches with pauses between them, so that nobody notices.
 * Jobs run one after the other, in order of their revisions. One that a crash interrupts is taken up again at the next start.
 */

import type { Clock, Failpoints } from '../base/index.ts';
import type { CompactionJob } from '../mvcc/index.ts';

export interface CompactorOptions {
  readonly clock: Clock;
  /** Keys looked at in a batch (--compaction-batch-limit). */
  readonly batchKeysMax: number;
  /** Pause between batches (--compaction-sleep-interval). */
  readonly pauseMs: number;
  /** Closes the backend's batch after each slice. */
  readonly commit: () => void;
  /** A batch held the loop for so long. */
  readonly stepped: (milliseconds: number) => void;
  readonly finished: (revision: number, milliseconds: number) => void;
  /** Removal broke: the member must stop. */
  readonly failed: (error: Error) => void;
  readonly failpoints?: Failpoints | undefined;
}

export class Compactor {
  readonly #options: CompactorOptions;
  /** The end of the last job asked for: the next one waits for it. */
  #last: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Of the state that jobs belong to; another one after each replacement. */
  #generation = 0;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** Resolves when the job is done; never, once stopped: the next start goes on with it. */
  run(job: CompactionJob): Promise<void> {
    const generation = this.#generation;
    const done = this.#last.then(() => this.#work(job, generation));
    this.#last = done;
    return done;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The state has been replaced: the jobs at hand are those of another one. Who waits for them waits no longer. */
  abandon(): void {
    this.#generation++;
    this.#last = Promise.resolve();
  }

  async #work(job: CompactionJob, generation: number): Promise<void> {
    const { clock, batchKeysMax, pauseMs, commit, finished, failed, failpoints } = this.#options;
    const started = clock.now();
    try {
      for (let done = false; !done; ) {
        if (this.#stopped) return await new Promise<void>(() => undefined);
        if (generation !== this.#generation) return;
        const stepped = clock.now();
        failpoints?.hit('compactAfterAcquiredBatchTxLock');
        done = job.step(batchKeysMax, failpoints);
        failpoints?.hit('compactBeforeCommitBatch');
        commit();
        failpoints?.hit('compactAfterCommitBatch');
        this.#options.stepped(clock.now() - stepped);
        if (!done) await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
      }
      finished(job.revision, clock.now() - started);
    } catch (error) {
      this.stop();
      failed(error as Error);
    }
  }
}
