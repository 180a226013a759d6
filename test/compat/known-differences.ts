/**
 * Every place where this node may answer otherwise than Debian's etcd 3.4, and why. Nothing else may differ.
 *
 * A difference is either forgiven everywhere by leaving out a field of the answers of both sides (FORGIVEN), or it belongs to
 * one step of a transcript, which names it; then `expected` makes the answer that is right for this node out of etcd's.
 */

import { Status } from '../../src/base/index.ts';
import type { Answer, Outcome } from './session.ts';

interface Forgiven {
  readonly field: string;
  readonly why: string;
}

/** Fields by their path from the answer: `*` stands for one step of any name. */
export const FORGIVEN: readonly Forgiven[] = [{ field: 'HashKV.hash_revision', why: 'the field is newer than 3.4' }];

interface Difference {
  readonly why: string;
  /** What this node answers, where etcd 3.4 answers `reference`. */
  expected(reference: Outcome): Outcome;
}

const answers = (outcome: Outcome): readonly Answer[] => ('answers' in outcome ? outcome.answers : []);

export type DifferenceName = 'unknownSort' | 'cancelUnknown' | 'negativeStart' | 'negativeId';

/** The answer to a watch that is refused. */
const refusedWatch = (reference: Outcome, reason: string): Outcome => ({
  answers: answers(reference).map(({ header = {} }) => ({
    header,
    watch_id: -1,
    created: true,
    canceled: true,
    cancel_reason: reason,
  })),
});

export const DIFFERENCES: Readonly<Record<DifferenceName, Difference>> = {
  unknownSort: {
    why: '3.4 takes an order that it does not know for none; since 3.5 it is refused',
    expected: () => ({ error: { code: Status.invalidArgument, message: 'etcdserver: invalid sort option' } }),
  },
  cancelUnknown: {
    why: 'etcd says nothing to the cancel of an id that it does not know; here it is answered like any cancel',
    expected: (reference) => reference,
  },
  negativeStart: {
    why: '3.4 confirms the watch and then never tells it anything; since 3.5 it is refused',
    expected: (reference) => refusedWatch(reference, 'etcdserver: mvcc: required revision has been compacted'),
  },
  negativeId: {
    why: 'etcd takes negative ids, of which -1 means every watch of the stream; here they are refused',
    expected: (reference) => refusedWatch(reference, 'etcdserver: mvcc: watch ID must not be negative'),
  },
};
