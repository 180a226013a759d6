/**
 * Takes the state of another member in place of this one's own, when the log cannot help any more (thesis section 5):
 *
 *     chunks come       written beside the store, checked, opened, and its index built, while this member goes on as it was
 *     Raft is told      it may refuse by then: the log may have caught up after all; then what came is thrown away
 *     install           the new state is made the one to start with, durably; then, in one step, everybody sees it,
 *                       and the watchers are set to hear what they have missed
 *     the log           begins anew behind the snapshot (raft-log.ts); a crash before that is made good at the next start (boot.ts)
 *
 * One at a time: a leader sends another when this one has ended.
 */

import { assert, type Bytes, type Clock, type Failpoints, type Logger } from '../base/index.ts';
import type { MessageOf, SnapshotMark } from '../raft/index.ts';
import type { DataDirectory, DurableBackend, StagedSnapshot } from '../storage/index.ts';
import { AppliedState } from './applied-state.ts';

export interface SnapshotInstallOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: Pick<DataDirectory, 'stageSnapshot' | 'removeReplaced'>;
  readonly state: AppliedState;
  /** Hands the message to Raft. Resolves when Raft has made up its mind, and what it wanted is done. */
  readonly step: (message: MessageOf<'installSnapshot'>) => Promise<void>;
  /** The state has been replaced by that after this entry: whoever knew the old one starts over. */
  readonly replaced: (mark: SnapshotMark) => void;
  /** Ranges being read from the old state. */
  readonly openReads: () => number;
  /** The state is there, after so long. */
  readonly saved: (seconds: number) => void;
  readonly failpoints?: Failpoints | undefined;
}

interface Staged {
  readonly index: number;
  readonly snapshot: StagedSnapshot;
  readonly state: AppliedState;
}

/** How often it is looked whether the old state is still being read. */
const LOOK_MS = 20;

export class SnapshotInstall {
  readonly #options: SnapshotInstallOptions;
  #busy = false;
  #isApplying = false;
  #staged: Staged | undefined;

  constructor(options: SnapshotInstallOptions) {
    this.#options = options;
  }

  /** From when the state is there until it is in its place, or not needed. */
  get isApplying(): boolean {
    return this.#isApplying;
  }

  /** Resolves when the snapshot is installed, or not needed any more. Rejects if another is on its way, or with what is wrong with it. */
  async receive(message: MessageOf<'installSnapshot'>, chunks: AsyncIterable<Bytes>): Promise<void> {
    if (this.#busy) throw new Error('another snapshot is being received');
    this.#busy = true;
    try {
      const { clock, directory, failpoints, saved, step } = this.#options;
      const begun = clock.now();
      const snapshot = await directory.stageSnapshot(chunks);
      saved((clock.now() - begun) / 1000);
      this.#isApplying = true;
      const { index } = message.snapshot;
      try {
        const applied = snapshot.backend.applied.index;
        if (applied !== index) throw new Error(`a snapshot of entry ${index} holds the state after entry ${applied}`);
        await failpoints?.reach('applyBeforeOpenSnapshot');
        const state = await AppliedState.load(snapshot.backend, clock);
        await failpoints?.reach('applyAfterOpenSnapshot');
        this.#staged = { index, snapshot, state };
        await step(message);
      } finally {
        if (this.#staged !== undefined) {
          this.#staged = undefined;
          await snapshot.discard();
        }
      }
    } finally {
      this.#busy = false;
      this.#isApplying = false;
    }
  }

  /** Raft has taken the snapshot. Rejects if the disk fails: then nobody knows which state is started with, and the member must stop. */
  async install(mark: SnapshotMark): Promise<void> {
    const staged = this.#staged;
    assert(
      staged?.index === mark.index,
      `snapshot ${mark.index} is to be installed, but ${staged?.index ?? 'none'} is there`,
    );
    const { logger, state, replaced, failpoints } = this.#options;
    await failpoints?.reach('raftBeforeSaveSnap');
    await staged.snapshot.activate();
    await failpoints?.reach('raftAfterSaveSnap');
    this.#staged = undefined;
    await failpoints?.reach('raftBeforeApplySnap');
    const old = state.replace(staged.state);
    replaced(mark);
    await failpoints?.reach('raftAfterApplySnap');
    logger.info('applied snapshot', { 'snapshot-index': mark.index, 'current-revision': state.currentRevision });
    void this.#forget(old);
  }

  /** Closes what was replaced, when nobody reads from it any more. Never rejects: the next start would clean up. */
  async #forget(old: DurableBackend): Promise<void> {
    const { clock, directory, logger, openReads } = this.#options;
    try {
      while (openReads() > 0) await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
      await old.close();
      await directory.removeReplaced();
    } catch (error) {
      logger.warn('could not remove the store that a snapshot has replaced; the next start will', { error });
    }
  }
}
