/**
 * Compacts by itself (--auto-compaction-mode, --auto-compaction-retention), by one of two rules of etcd's:
 *
 *     revision   every five minutes: keep the last N revisions
 *     periodic   keep what is younger than the retention. The revision is noted ten times per interval (an hour, or the
 *                retention if that is shorter); once notes reach back a whole retention, the oldest is compacted to, and
 *                again after each interval.
 */

import type { Clock, Timer } from '../base/index.ts';

export type AutoCompactionMode =
  | { readonly mode: 'revision'; readonly keepRevisions: number }
  | { readonly mode: 'periodic'; readonly retentionMs: number };

const REVISION_INTERVAL_MS = 5 * 60_000;
const PERIODIC_INTERVAL_MS_MAX = 60 * 60_000;
const NOTES_PER_INTERVAL = 10;

export interface AutoCompactionOptions {
  readonly clock: Clock;
  readonly mode: AutoCompactionMode;
  readonly currentRevision: () => number;
  /** Only the leader compacts. */
  readonly isLeader: () => boolean;
  /** Asks for a compaction through the log. Failure is told to nobody: the next interval tries again. */
  readonly compact: (revision: number) => void;
}

export class AutoCompaction {
  readonly #options: AutoCompactionOptions;
  /** Revisions noted, oldest first; at most those of one retention. */
  #notes: number[] = [];
  #sinceCompaction = 0;
  #last = 0;
  #timer: Timer | undefined;

  constructor(options: AutoCompactionOptions) {
    this.#options = options;
  }

  start(): void {
    const { mode } = this.#options;
    const every =
      mode.mode === 'revision' ? REVISION_INTERVAL_MS : this.#intervalMs(mode.retentionMs) / NOTES_PER_INTERVAL;
    this.#timer = this.#options.clock.after(every, () => {
      if (mode.mode === 'revision') this.#compact(this.#options.currentRevision() - mode.keepRevisions);
      else this.#note(mode.retentionMs);
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #intervalMs(retentionMs: number): number {
    return Math.min(retentionMs, PERIODIC_INTERVAL_MS_MAX);
  }

  #note(retentionMs: number): void {
    const notesMax = Math.ceil((retentionMs / this.#intervalMs(retentionMs)) * NOTES_PER_INTERVAL);
    this.#notes.push(this.#options.currentRevision());
    if (this.#notes.length > notesMax) this.#notes.shift();
    this.#sinceCompaction++;
    if (this.#notes.length < notesMax || this.#sinceCompaction < NOTES_PER_INTERVAL) return;
    this.#sinceCompaction = 0;
    this.#compact(this.#notes[0] ?? 0);
  }

  #compact(revision: number): void {
    if (revision <= this.#last || revision <= 0 || !this.#options.isLeader()) return;
    this.#last = revision;
    this.#options.compact(revision);
  }
}
