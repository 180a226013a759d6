/**
 * --force-new-cluster: the cluster has lost its majority for good, and this member goes on alone, with all that it has.
 *
 *     log   ... 41  42  43 | committed as far as this member knows: 42
 *     then  ... 41  42  43  44 { voters: this one; the others are removed }   committed: 44
 *
 * Also what is not known to be committed is kept: how far the log is committed is written down late, and what was acknowledged may be among it.
 * What was never acknowledged may then turn out to have happened, as after any lost answer.
 *
 * The others must not come back: they would not know that the cluster has gone on without them.
 */

import { memberIdOf, raftId, storedEntry, storedHardState } from '../codec/index.ts';
import { decodeMembershipChange, encodeMembershipChange, Membership } from '../machine/index.ts';
import { configurationOf, type Entry, type Stored } from '../raft/index.ts';
import type { Wal } from '../storage/index.ts';

export interface Survivor {
  readonly id: bigint;
  /** As of entry `applied`. */
  readonly membership: Membership;
  readonly applied: number;
}

/** Writes the last word on the membership into the log. Returns what Raft goes on from. */
export async function aloneFrom(found: Stored, survivor: Survivor, wal: Wal): Promise<Stored> {
  const { entries, hardState, snapshot } = found;
  const last = entries.at(-1) ?? snapshot;
  const self = raftId(survivor.id);
  const latest = entries.findLast((entry) => entry.kind === 'configuration')?.configuration ?? snapshot.configuration;
  const isAlone = latest.voters.length === 1 && latest.voters[0] === self && latest.learners.length === 0;
  const term = Math.max(hardState.term, last.term);
  if (isAlone) return { ...found, hardState: { ...hardState, commit: last.index } };
  const membership = membershipAt(survivor, entries);
  const known = membership.get(survivor.id);
  const added = known === undefined ? [] : [{ ...known, isLearner: false }];
  const others = new Set([...membership.list().map(({ id }) => id), ...latest.voters.map(memberIdOf)]);
  others.delete(survivor.id);
  const entry: Entry = {
    kind: 'configuration',
    index: last.index + 1,
    term,
    configuration: configurationOf([self]),
    data: encodeMembershipChange({ proposal: 0, added, removed: [...others] }),
  };
  const certain = { term, vote: hardState.vote, commit: entry.index };
  await wal.append([storedEntry(entry)], storedHardState(certain));
  return { hardState: certain, snapshot, entries: [...entries, entry] };
}

/** Who is a member once all of the log is applied. */
function membershipAt({ membership, applied }: Survivor, entries: readonly Entry[]): Membership {
  const later = new Membership(membership.snapshot());
  for (const entry of entries) {
    if (entry.kind === 'configuration' && entry.index > applied) later.change(decodeMembershipChange(entry.data));
  }
  return later;
}
