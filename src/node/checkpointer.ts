/**
 * Lets the log forget. The store's batches reach the disk unsynced; what a power failure takes of them the log gives back.
 * So the log may drop an entry only when the store is known to be on disk with it: every so many entries the store is
 * synced, the log marked, and the segments below the mark released.
 */

import type { StoredPosition } from './log.ts';

export interface CheckpointerOptions {
  /** Entries applied between two checkpoints (--snapshot-count). */
  readonly everyEntries: number;
  readonly appliedIndex: number;
  /** Syncs the store; resolves to what it then holds durably. */
  readonly checkpoint: () => Promise<StoredPosition>;
  readonly release: (stored: StoredPosition) => Promise<void>;
  readonly done: (index: number) => void;
  readonly failed: (error: Error) => void;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #last: number;
  #running: Promise<void> | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#last = options.appliedIndex;
  }

  /** To be told of every advance. Starts a checkpoint when one is due and none is under way. */
  applied(index: number): void {
    if (this.#running !== undefined || index - this.#last < this.#options.everyEntries) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** The state has become that after this entry, and is durable. */
  replaced(index: number): void {
    this.#last = index;
  }

  /** Resolves when the checkpoint that is under way, if any, has ended. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      const stored = await this.#options.checkpoint();
      await this.#options.release(stored);
      this.#last = stored.index;
      this.#options.done(stored.index);
    } catch (error) {
      this.#options.failed(error as Error);
    }
  }
}
