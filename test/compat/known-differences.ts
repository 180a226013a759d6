/**
 * Every place where this node may answer otherwise than etcd, and why. Nothing else may differ.
 *
 * The reference is the etcd of the PATH: in CI Debian's 3.4, by hand also a newer one (CONTRIBUTING tells how), and some differences
 * are only those of some versions. A difference is either forgiven everywhere by leaving out answers, or a field of them, on both
 * sides (FORGIVEN), or it belongs to one step of a transcript, which names it; then `expected` makes the answer that is right for
 * this node out of etcd's.
 */

import { ERRORS, Status } from '../../src/base/index.ts';
import type { Answer, AnswerValue, Outcome } from './session.ts';

interface Forgiven {
  readonly method: string;
  /** Which field of its answers, by its path; the whole outcome, if absent. */
  readonly field?: string;
  readonly why: string;
  /** Of etcd 3.x. */
  readonly ofMinor: (minor: number) => boolean;
}

export const FORGIVEN: readonly Forgiven[] = [
  {
    method: 'HashKV',
    field: 'hash_revision',
    why: 'the field is newer than 3.4',
    ofMinor: (minor) => minor < 5,
  },
  {
    method: 'HashKV',
    why: 'once there was a compaction, etcd answers with the hash that it made then, to revision 0 and to compacted ones too',
    ofMinor: (minor) => minor >= 5,
  },
];

interface Difference {
  readonly why: string;
  /** What this node answers, where etcd 3.4 answers `reference`. */
  expected(reference: Outcome): Outcome;
  /** What of an answer is compared; all of it, if this is absent. */
  comparable?(outcome: Outcome): Outcome;
}

const answers = (outcome: Outcome): readonly Answer[] => ('answers' in outcome ? outcome.answers : []);

export type DifferenceName =
  | 'orderOfFaults'
  | 'timeLeft'
  | 'leaseOrder'
  | 'unknownSort'
  | 'hashAtCompaction'
  | 'catchUpSlices'
  | 'cancelUnknown'
  | 'negativeStart'
  | 'negativeId'
  | 'recipeStatus'
  | 'deadLease'
  | 'noPasswordUser';

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

/** What is found out only when a transaction is about to be carried out. */
const FAULTS: ReadonlySet<string> = new Set(
  (['keyNotFound', 'leaseNotFound', 'compacted', 'futureRevision'] as const).map((code) => ERRORS[code].text),
);

const NO_SUCH_WATCH = 'mvcc: watcher does not exist';

/** Answers with events put together where one follows the other for the same watch: what it was told, in whatever pieces. */
function joined(all: readonly Answer[]): readonly Answer[] {
  const rest: Answer[] = [];
  for (const { fragment: _, ...answer } of all) {
    const last = rest.at(-1);
    const { events } = answer;
    if (Array.isArray(events) && Array.isArray(last?.['events']) && last['watch_id'] === answer['watch_id']) {
      rest.splice(-1, 1, { ...last, events: [...last['events'], ...events] });
    } else rest.push(answer);
  }
  return rest;
}

const sorted = (all: readonly AnswerValue[]): readonly AnswerValue[] =>
  all
    .map((one) => JSON.stringify(one))
    .sort()
    .map((text) => JSON.parse(text) as AnswerValue);

export const DIFFERENCES: Readonly<Record<DifferenceName, Difference>> = {
  timeLeft: {
    why: 'a second may have begun between two questions; and etcd tells keys in the order of a hash map',
    expected: (reference) => reference,
    comparable: (outcome) => {
      if (!('answer' in outcome)) return outcome;
      const { keys } = outcome.answer;
      return { answer: { ...outcome.answer, TTL: 'some', ...(Array.isArray(keys) ? { keys: sorted(keys) } : {}) } };
    },
  },
  leaseOrder: {
    why: 'etcd lists leases by what is left of them, or in no order; here they are listed in the order of granting',
    expected: (reference) => reference,
    comparable: (outcome) =>
      'answer' in outcome && Array.isArray(outcome.answer['leases'])
        ? { answer: { ...outcome.answer, leases: sorted(outcome.answer['leases']) } }
        : outcome,
  },
  unknownSort: {
    why: '3.4 takes an order that it does not know for none; since 3.5 it is refused',
    expected: () => ({ error: { code: Status.invalidArgument, message: 'etcdserver: invalid sort option' } }),
  },
  hashAtCompaction: {
    why: '3.4 refuses to hash at the revision of the last compaction; since 3.5 that is what members compare',
    expected: (reference) => reference,
    comparable: () => ({ done: true }),
  },
  catchUpSlices: {
    why: 'here a watch that catches up is told in slices that are bounded in bytes and time too, not only in revisions',
    expected: (reference) => reference,
    comparable: (outcome) => ({ ...outcome, answers: joined(answers(outcome)) }),
  },
  orderOfFaults: {
    why: '3.4 looks for faults in all puts of a transaction, then in all its ranges; since 3.6 it looks in the order of operations',
    expected: (reference) => reference,
    comparable: (outcome) =>
      'error' in outcome && FAULTS.has(outcome.error.message)
        ? { error: { ...outcome.error, code: 0, message: '' } }
        : outcome,
  },
  cancelUnknown: {
    why: 'etcd says nothing to the cancel of an id that it does not know; here every cancel is answered',
    expected: (reference) => reference,
    comparable: (outcome) => ({
      answers: answers(outcome).filter((answer) => answer['cancel_reason'] !== NO_SUCH_WATCH),
    }),
  },
  negativeStart: {
    why: '3.4 confirms the watch and then never tells it anything; since 3.5 it is refused',
    expected: (reference) => refusedWatch(reference, 'etcdserver: mvcc: required revision has been compacted'),
  },
  noPasswordUser: {
    why: 'etcd says that such a user has no password; here the answer is that to a wrong one, for whoever asks',
    expected: () => ({ error: { code: ERRORS.authFailed.status, message: ERRORS.authFailed.text } }),
  },
  negativeId: {
    why: 'etcd takes negative ids, of which -1 means every watch of the stream; here they are refused',
    expected: (reference) => refusedWatch(reference, 'mvcc: watch ID must not be negative or beyond 2^53'),
  },
  recipeStatus: {
    why: 'what KV or Lease refuse within a recipe, etcd passes on as Unknown; here it keeps its status, which clients go by',
    expected: (reference) => {
      const code = (message: string): Status =>
        Object.values(ERRORS).find(({ text }) => text === message)?.status ?? Status.unknown;
      if ('error' in reference) {
        const { message } = reference.error;
        return { error: { code: code(message), message } };
      }
      if (!('ended' in reference) || reference.ended === undefined) return reference;
      return { ...reference, ended: { ...reference.ended, code: code(reference.ended.message) } };
    },
  },
  deadLease: {
    why: '3.4 says that it holds the lock when the lease has gone meanwhile, and the key with it; since 3.5 it is an error',
    expected: () => ({
      answers: [],
      ended: { code: ERRORS.sessionExpired.status, message: ERRORS.sessionExpired.text },
    }),
  },
};
