/**
 * The command line, read as Go's flag package reads it:
 *
 *     --name=n1   --name n1   -name n1     the same
 *     --pre-vote  --pre-vote=false         a boolean takes its value only behind '='
 *     --                                   ends the flags; so does the first word that is none
 */

import { FLAGS, type Flag } from './flag-table.ts';
import type { Settings } from './settings.ts';
import { ValueError } from './url.ts';

export type CommandLine =
  | { readonly kind: 'read' }
  | { readonly kind: 'help' }
  /** The line has no meaning; `problem` says why, in Go's words. */
  | { readonly kind: 'unreadable'; readonly problem: string }
  /** A word that belongs to no flag. */
  | { readonly kind: 'stray'; readonly word: string };

const WORD = /^--?(?<name>[^-=][^=]*)(?:=(?<given>[\s\S]*))?$/;

/** Reads `argv` (without the program) into `settings`. Of a flag given twice, the last counts. */
export function readCommandLine(argv: readonly string[], settings: Settings): CommandLine {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    const isEnd = word === '--';
    if (isEnd || !/^-./.test(word)) {
      const stray = argv[isEnd ? at + 1 : at];
      return stray === undefined ? { kind: 'read' } : { kind: 'stray', word: stray };
    }
    const { name, given } = WORD.exec(word)?.groups ?? {};
    if (name === undefined) return { kind: 'unreadable', problem: `bad flag syntax: ${word}` };
    const flag = FLAGS.get(name);
    if (flag === undefined) {
      if (name === 'help' || name === 'h') return { kind: 'help' };
      return { kind: 'unreadable', problem: `flag provided but not defined: -${name}` };
    }
    let text = given ?? (isSwitch(flag) ? 'true' : undefined);
    if (text === undefined) {
      at += 1;
      text = argv[at];
    }
    const problem = text === undefined ? `flag needs an argument: -${name}` : problemOf(flag, text, settings);
    if (problem !== undefined) return { kind: 'unreadable', problem };
  }
  return { kind: 'read' };
}

const isSwitch = (flag: Flag): boolean => flag.type === 'boolean' || flag.use === 'gone';

/** Sets the flag, or says why that cannot be. */
function problemOf(flag: Flag, text: string, settings: Settings): string | undefined {
  try {
    settings.setText(flag, text, 'flag');
    return undefined;
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    return flag.type === 'boolean'
      ? `invalid boolean value "${text}" for -${flag.name}: ${error.message}`
      : `invalid value "${text}" for flag -${flag.name}: ${error.message}`;
  }
}
