/**
 * The failpoints of this process: which are armed with what, and the carrying out of it.
 *
 *     arm('walBeforeSync', '3*sleep(100)')      reach('walBeforeSync') -> a promise of 100 ms, three times; then undefined
 *     arm('beforeCommit', 'panic')              reach('beforeCommit')  -> one line in the log, and the process is gone
 */

import { FAILPOINTS, type FailpointName, type Failpoints, type Logger, type ToldToFail } from '../../base/index.ts';
import { type Action, Terms, TermsError } from './terms.ts';

/** Go's exit code of a panic. */
const PANIC_CODE = 2;

/** What carrying out needs of the process. */
export interface FailpointPowers {
  /** Ends the process as a crash would. */
  readonly die: (code: number) => void;
  /** Holds the thread, and everything that runs on it. */
  readonly holdThread: (ms: number) => void;
  readonly chance: () => number;
}

/** Of the process that this runs in. */
export const PROCESS_POWERS: FailpointPowers = {
  /** Nobody is asked, nothing is flushed or closed: no 'exit' listener runs, and LevelDB is left open. What a thread of the pool has been given, it ends. */
  die: (code) => {
    process.removeAllListeners('exit');
    process.exit(code);
  },
  holdThread: (ms) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  },
  chance: () => Math.random(),
};

const NAMES: ReadonlySet<string> = new Set(FAILPOINTS);

export class ArmedFailpoints implements Failpoints {
  readonly #logger: Logger;
  readonly #powers: FailpointPowers;
  readonly #armed = new Map<FailpointName, Terms>();

  constructor(logger: Logger, powers: FailpointPowers = PROCESS_POWERS) {
    this.#logger = logger;
    this.#powers = powers;
  }

  static isName(name: string): name is FailpointName {
    return NAMES.has(name);
  }

  /** Throws TermsError, and leaves it as it was. */
  arm(name: FailpointName, terms: string): void {
    this.#armed.set(name, new Terms(terms, this.#powers.chance));
    this.#logger.warn('a failpoint is armed', { failpoint: name, terms });
  }

  /** 'name=terms;name=terms'. Throws TermsError for a name or terms that cannot be read, and leaves all as they were. */
  armAll(list: string): void {
    const wanted = list.split(';').filter((each) => each.trim() !== '');
    const armed = wanted.map((each): [FailpointName, string] => {
      const at = each.indexOf('=');
      const name = each.slice(0, Math.max(at, 0)).trim();
      if (!ArmedFailpoints.isName(name)) throw new TermsError(`there is no '${name}', in '${each}'`);
      return [name, new Terms(each.slice(at + 1), this.#powers.chance).text];
    });
    for (const [name, terms] of armed) this.arm(name, terms);
  }

  disarm(name: FailpointName): void {
    this.#armed.delete(name);
  }

  /** Undefined: it is off. */
  terms(name: FailpointName): Pick<Terms, 'text' | 'count'> | undefined {
    return this.#armed.get(name);
  }

  hit(name: FailpointName): ToldToFail {
    const action = this.#armed.get(name)?.next();
    if (action === undefined) return undefined;
    if (action.kind !== 'sleep') return this.#carryOut(name, action);
    this.#powers.holdThread(action.ms);
    return undefined;
  }

  reach(name: FailpointName): PromiseLike<ToldToFail> | undefined {
    const action = this.#armed.get(name)?.next();
    if (action === undefined) return undefined;
    if (action.kind !== 'sleep') return Promise.resolve(this.#carryOut(name, action));
    const { ms } = action;
    return new Promise((resolve) => void setTimeout(() => resolve(undefined), ms));
  }

  #carryOut(name: FailpointName, action: Exclude<Action, { kind: 'sleep' }>): ToldToFail {
    switch (action.kind) {
      case 'off':
        return undefined;
      case 'return':
        return action.text;
      case 'print':
        this.#logger.warn('failpoint print', { failpoint: name, text: action.text });
        return undefined;
      case 'break':
        // oxlint-disable-next-line no-debugger -- what the term asks for: it stops where a debugger is attached
        debugger;
        return undefined;
      case 'panic':
        this.#logger.fatal('panic: failpoint', { failpoint: name, text: action.text });
        this.#powers.die(PANIC_CODE);
        return undefined;
      default:
        return action satisfies never;
    }
  }
}
