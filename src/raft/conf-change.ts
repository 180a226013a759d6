/**
 * Changes of membership (thesis chapter 4), as calculations on configurations: what a change leads to, and whether it may begin.
 *
 * A change of at most one voter needs no joint configuration: any two majorities overlap (4.1). Others go through one (4.3):
 *
 *     voters 1 2 3     + voter 4               ->  voters 1 2 3 4
 *     voters 1 2 3     + voter 4, - voter 1    ->  voters 2 3 4, outgoing 1 2 3   ->  voters 2 3 4
 *     voters 1 2 3     voter 3 to learner      ->  voters 1 2, learner 3                        (one voter: simple)
 *     voters 1 2 3     voter 3 to learner, + voter 4
 *                                              ->  voters 1 2 4, outgoing 1 2 3, next learner 3 ->  voters 1 2 4, learner 3
 *
 * Only one change at a time: the next may begin when the one before is committed and applied, and when the leader has
 * committed an entry of its own term. Without the latter, two leaders could each build on a change that the other
 * never saw (Ongaro's correction of single-server changes, raft-dev, July 2015).
 */

import { type Configuration, isJoint } from './configuration.ts';
import type { MemberId } from './entry.ts';
import type { Refusal } from './message.ts';

/** One step. A promotion is addVoter of a learner, a demotion addLearner of a voter; removing takes either. */
export interface MemberChange {
  readonly kind: 'addVoter' | 'addLearner' | 'remove';
  readonly id: MemberId;
}

/**
 * - change: by the simplest way. Joint only if more than one voter changes; then the leader leaves the joint configuration by itself.
 * - enterJoint: goes through a joint configuration in any case and stays in it until told to leave.
 * - leaveJoint: ends that.
 */
export type ConfigurationChange =
  | { readonly kind: 'change' | 'enterJoint'; readonly changes: readonly MemberChange[] }
  | { readonly kind: 'leaveJoint' };

export type ChangeResult =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly reason: Refusal };

const refused = (reason: Refusal): ChangeResult => ({ ok: false, reason });

/** The configuration that comes right after `current` by `change`, or why there is none. Nothing is changed in place. */
export function configurationAfter(current: Configuration, change: ConfigurationChange): ChangeResult {
  if (change.kind === 'leaveJoint') {
    return isJoint(current) ? { ok: true, configuration: afterJoint(current) } : refused('notJoint');
  }
  if (isJoint(current)) return refused('changePending');

  const voters = new Set(current.voters);
  const learners = new Set(current.learners);
  const named = new Set<MemberId>();
  for (const { kind, id } of change.changes) {
    // Two steps for one member in one change would make the outcome hang on their order.
    if (id === '' || named.has(id)) return refused('invalidChange');
    named.add(id);
    if (kind === 'remove' && !voters.has(id) && !learners.has(id)) return refused('noChange');
    if (kind === 'addVoter' && voters.has(id)) return refused('noChange');
    if (kind === 'addLearner' && learners.has(id)) return refused('noChange');
    voters.delete(id);
    learners.delete(id);
    if (kind === 'addVoter') voters.add(id);
    if (kind === 'addLearner') learners.add(id);
  }
  if (named.size === 0) return refused('noChange');
  if (voters.size === 0) return refused('noVoters');

  const joint = change.kind === 'enterJoint' || difference(current.voters, voters) > 1;
  const outgoing = joint ? current.voters : [];
  const demoted = [...learners].filter((id) => outgoing.includes(id));
  return {
    ok: true,
    configuration: {
      voters: [...voters].sort(),
      votersOutgoing: outgoing,
      learners: [...learners].filter((id) => !demoted.includes(id)).sort(),
      learnersNext: demoted.sort(),
      autoLeave: joint && change.kind === 'change',
    },
  };
}

/** What remains when the outgoing voters have gone. */
export function afterJoint(joint: Configuration): Configuration {
  return {
    voters: joint.voters,
    votersOutgoing: [],
    learners: [...joint.learners, ...joint.learnersNext].sort(),
    learnersNext: [],
    autoLeave: false,
  };
}

/** How many voters are in one set and not in the other. */
function difference(before: readonly MemberId[], after: ReadonlySet<MemberId>): number {
  const left = before.filter((id) => !after.has(id)).length;
  return left + after.size - (before.length - left);
}
