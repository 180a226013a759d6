/**
 * What a failpoint is told to do, in gofail's language: terms, of which the first that is willing is carried out.
 *
 *     off   panic   panic("text")   sleep(1000)   sleep("1s")   return("text")   print("text")   break
 *     3*panic             the first three times only
 *     50.0%panic          one time in two
 *     2*sleep(10)->panic  twice this, then that
 */

import { parseDuration } from '../../base/index.ts';

export type Action =
  | { readonly kind: 'off' | 'break' }
  | { readonly kind: 'panic' | 'print' | 'return'; readonly text: string }
  | { readonly kind: 'sleep'; readonly ms: number };

interface Term {
  readonly action: Action;
  /** How likely it is willing, of 1. */
  readonly probability: number;
  /** How often it still is. */
  left: number;
}

/** A duration beyond what a timer can be set to is as good as for ever. */
const SLEEP_MS_MAX = 2 ** 31 - 1;

const COUNT = /(\d+)\*/y;
const PROBABILITY = /(\d+(?:\.\d+)?)%/y;
const ACTION = /(off|panic|sleep|return|print|break)(?![a-z])/y;
const VALUE = /\((|"(?:[^"\\]|\\.)*"|true|false|\d+)\)/y;
const CHAIN = /->/y;

export class TermsError extends Error {
  override readonly name = 'TermsError';

  constructor(reason: string) {
    super(`failpoint: ${reason}`);
  }
}

export class Terms {
  /** As they were written. */
  readonly text: string;
  readonly #terms: readonly Term[];
  /** Drawn anew each time: at least 0, less than 1. */
  readonly #chance: () => number;
  #count = 0;

  /** Throws TermsError. */
  constructor(text: string, chance: () => number) {
    this.text = text.trim();
    this.#terms = parse(this.text);
    this.#chance = chance;
  }

  /** How often a term was carried out. */
  get count(): number {
    return this.#count;
  }

  /** What is to be done this time; undefined: nothing. */
  next(): Action | undefined {
    const term = this.#terms.find((each) => this.#isWilling(each));
    if (term === undefined) return undefined;
    this.#count++;
    return term.action;
  }

  #isWilling(term: Term): boolean {
    if (term.left === 0 || (term.probability < 1 && this.#chance() >= term.probability)) return false;
    term.left--;
    return true;
  }
}

function parse(text: string): readonly Term[] {
  const terms: Term[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match[1] ?? '';
  };
  const takeTerm = (): Term => {
    let left = Number.POSITIVE_INFINITY;
    let probability = 1;
    for (;;) {
      const count = take(COUNT);
      const percent = count === undefined ? take(PROBABILITY) : undefined;
      if (count !== undefined) left = Number(count);
      else if (percent !== undefined) probability = Number(percent) / 100;
      else break;
    }
    const action = actionOf(take(ACTION), take(VALUE));
    if (action === undefined) throw unreadable(text, at);
    return { action, probability, left };
  };
  do terms.push(takeTerm());
  while (take(CHAIN) !== undefined);
  if (at < text.length) throw unreadable(text, at);
  return terms;
}

function unreadable(text: string, at: number): TermsError {
  return new TermsError(`the terms '${text}' cannot be read up to '${text.slice(at)}'`);
}

/** Undefined if there is no such action, or not with this value. */
function actionOf(kind: string | undefined, value: string | undefined): Action | undefined {
  const text = textOf(value);
  if (kind === undefined || text === undefined) return undefined;
  switch (kind) {
    case 'off':
    case 'break':
      return { kind };
    case 'panic':
    case 'print':
    case 'return':
      return { kind, text };
    case 'sleep': {
      const ms = value?.startsWith('"') === true ? parseDuration(text) : Number(text === '' ? Number.NaN : text);
      if (ms === undefined || !(ms >= 0)) return undefined;
      return { kind, ms: Math.min(ms, SLEEP_MS_MAX) };
    }
    default:
      return undefined;
  }
}

function textOf(value: string | undefined): string | undefined {
  if (value?.startsWith('"') !== true) return value ?? '';
  try {
    return JSON.parse(value) as string;
  } catch {
    // Go knows escapes that JSON does not; nobody needs them here.
    return undefined;
  }
}
