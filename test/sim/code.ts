/**
 * The code that is simulated: src as it is; src with close limits; and both of these with something broken on purpose (mutants.ts).
 *
 *     wide      src. A run writes some hundred small revisions, and sees few limits from near.
 *     narrow    a copy of src whose numbers are smaller, nothing else: batches of 3 revisions, channels of 3 responses, messages of a few
 *               entries; and whoever is added or promoted comes through a joint configuration, as Raft allows. Each limit is met all the time.
 *               (Removals are left out: the node forgets the address of a member that it sees removed, and a joint one may still need its vote.)
 *
 * A seed draws which of them it runs on.
 */

import { boot } from '../../src/node/index.ts';
import { openDataDirectory } from '../../src/storage/index.ts';
import type { Mutant } from './mutants.ts';
import { type Patch, plant } from './plant.ts';

/** The doors that a simulation goes in by. */
export interface SimulatedCode {
  readonly boot: typeof boot;
  readonly openDataDirectory: typeof openDataDirectory;
}

export interface Codes {
  readonly wide: SimulatedCode;
  readonly narrow: SimulatedCode;
}

const narrowed = (file: string, from: string, to: string): Patch => ({ file, from, to });

const NARROWED: readonly Patch[] = [
  narrowed('watch/limits.ts', 'CHANNEL_RESPONSES_MAX = 128', 'CHANNEL_RESPONSES_MAX = 3'),
  narrowed('watch/limits.ts', 'CHANNEL_RESPONSES_LOW = 64', 'CHANNEL_RESPONSES_LOW = 1'),
  narrowed('watch/limits.ts', 'GATHERED_EVENTS_MAX = 16', 'GATHERED_EVENTS_MAX = 2'),
  narrowed('watch/limits.ts', 'CHANNEL_BYTES_MAX: number = 8 * MIB', 'CHANNEL_BYTES_MAX: number = 600'),
  narrowed('watch/limits.ts', 'HELD_BYTES_MAX: number = 8 * MIB', 'HELD_BYTES_MAX: number = 500'),
  narrowed('watch/limits.ts', 'WATCHERS_PER_TELL_MAX = 16_384', 'WATCHERS_PER_TELL_MAX = 1'),
  narrowed('watch/limits.ts', 'WATCHERS_PER_SYNC_MAX = 512', 'WATCHERS_PER_SYNC_MAX = 3'),
  narrowed('watch/limits.ts', 'SYNC_REVISIONS_MAX = 10_000', 'SYNC_REVISIONS_MAX = 7'),
  narrowed('watch/limits.ts', 'SYNC_BYTES_MAX: number = 4 * MIB', 'SYNC_BYTES_MAX: number = 500'),
  narrowed('watch/limits.ts', 'BATCH_REVISIONS_MAX = 1000', 'BATCH_REVISIONS_MAX = 3'),
  narrowed('watch/limits.ts', 'BATCH_BYTES_MAX: number = MIB', 'BATCH_BYTES_MAX: number = 300'),
  narrowed('watch/limits.ts', 'VICTIMS_PER_PASS_MAX = 512', 'VICTIMS_PER_PASS_MAX = 2'),
  narrowed('raft/limits.ts', 'appendBytesMax: MiB', 'appendBytesMax: 400'),
  narrowed('raft/limits.ts', 'inflightMessagesMax: 512', 'inflightMessagesMax: 3'),
  narrowed('raft/limits.ts', 'inflightBytesMax: 16 * MiB', 'inflightBytesMax: 1500'),
  narrowed('raft/limits.ts', 'uncommittedBytesMax: 64 * MiB', 'uncommittedBytesMax: 6000'),
  narrowed('raft/limits.ts', 'committedBytesMax: 4 * MiB', 'committedBytesMax: 500'),
  narrowed('raft/limits.ts', 'applyingBytesMax: 64 * MiB', 'applyingBytesMax: 1000'),
  narrowed('raft/limits.ts', 'readsWaitingMax: 65_536', 'readsWaitingMax: 8'),
  narrowed('raft/limits.ts', 'forwardsWaitingMax: 65_536', 'forwardsWaitingMax: 8'),
  narrowed(
    'raft/conf-change.ts',
    "const joint = change.kind === 'enterJoint' ||",
    "const joint = change.changes.every(({ kind }) => kind !== 'remove') ||",
  ),
  narrowed('node/applier.ts', 'SLICE_ENTRIES_MAX = 256', 'SLICE_ENTRIES_MAX = 2'),
  narrowed('node/raft-log.ts', 'BATCH_ENTRIES_MAX = 512', 'BATCH_ENTRIES_MAX = 3'),
];

const WIDE: SimulatedCode = { boot, openDataDirectory };

/** Both codes, with the mutant in each if there is one. */
export async function codesOf(mutant?: Mutant): Promise<Codes> {
  const broken = mutant?.patches ?? [];
  return {
    wide: broken.length === 0 ? WIDE : await plant(broken),
    narrow: await plant([...broken, ...NARROWED]),
  };
}
