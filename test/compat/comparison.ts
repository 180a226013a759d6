/**
 * Runs a transcript on two sessions in step, and lists where they differ.
 *
 * A step that names a known difference must be answered by the reference's peer as the table says; by a second reference
 * (etcd against etcd, to see that the transcripts are stable) as by the first.
 */

import { isDeepStrictEqual } from 'node:util';
import { etcdMinor, hasEtcd } from '../support/servers.ts';
import type { Step, Transcript } from './exchange.ts';
import { DIFFERENCES, FORGIVEN } from './known-differences.ts';
import type { AnswerValue, Outcome, Session } from './session.ts';

export interface Finding {
  readonly transcript: string;
  /** Counted from 0. */
  readonly step: number;
  readonly what: Step;
  readonly expected: Outcome;
  readonly actual: Outcome;
}

export interface Sides {
  readonly reference: Session;
  readonly other: Session;
  /** Whether the other side is a reference too, so that no difference is expected. */
  readonly same: boolean;
}

const MINOR = hasEtcd() ? etcdMinor() : 0;

/** Findings after which a transcript is given up: the two stores have gone different ways. */
const FINDINGS_MAX = 12;

export async function compare(transcript: Transcript, sides: Sides): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [at, step] of transcript.steps.entries()) {
    const { finding, hopeless } = await compareStep(transcript.name, at, step, sides);
    if (finding !== undefined) findings.push(finding);
    if (hopeless || findings.length === FINDINGS_MAX) break;
  }
  return findings;
}

/** One step on both sides. Hopeless: one side waited in vain, so what follows would say nothing. */
export async function compareStep(
  transcript: string,
  at: number,
  step: Step,
  sides: Sides,
): Promise<{ finding: Finding | undefined; hopeless: boolean; reference: Outcome }> {
  const [reference, other] = await Promise.all([sides.reference.run(step), sides.other.run(step)]);
  const known = step.differs === undefined || sides.same ? undefined : DIFFERENCES[step.differs];
  const comparable = (outcome: Outcome): Outcome => forgiven(step, known?.comparable?.(outcome) ?? outcome);
  const expected = comparable(known?.expected(reference) ?? reference);
  const actual = comparable(other);
  const equal = isDeepStrictEqual(expected, actual);
  const hopeless = 'timedOut' in reference || 'timedOut' in other;
  return {
    finding: equal && !hopeless ? undefined : { transcript, step: at, what: step, expected, actual },
    hopeless,
    reference,
  };
}

/** The findings as a reader wants them. */
export function report(findings: readonly Finding[]): string {
  return findings
    .map(({ transcript, step, what, expected, actual }) =>
      [
        `${transcript}, step ${step}${what.note === undefined ? '' : ` (${what.note})`}: ${JSON.stringify(what)}`,
        `  expected ${JSON.stringify(expected)}`,
        `  actual   ${JSON.stringify(actual)}`,
      ].join('\n'),
    )
    .join('\n');
}

function forgiven(step: Step, outcome: Outcome): Outcome {
  if (step.kind !== 'call') return outcome;
  const here = FORGIVEN.filter(({ method, ofMinor }) => method === step.method && ofMinor(MINOR));
  if (here.some(({ field }) => field === undefined)) return { done: true };
  if (!('answer' in outcome)) return outcome;
  const paths = here.map(({ field = '' }) => field.split('.'));
  return { answer: paths.reduce((answer, path) => without(answer, path), outcome.answer as AnswerValue) as never };
}

function without(value: AnswerValue, path: readonly string[]): AnswerValue {
  const [field, ...rest] = path;
  if (field === undefined || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((element: AnswerValue) => without(element, path));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => rest.length > 0 || name !== field)
      .map(([name, inner]) => [name, name === field ? without(inner, rest) : inner]),
  );
}
