/**
 * The tree as the tidy rules see it: files with their text, and three views of the text in which what a rule must not look
 * into is blanked out. Blanks keep lines and columns in place.
 *
 *     text    const a = 'any'; // any
 *     bare    const a = 'any';           comments blanked: for imports, whose paths are strings
 *     code    const a = '   ';           strings and regular expressions blanked too: for words of the language
 *     comments                  // any   all but comments blanked
 *
 * TypeScript 7 has no compiler API, so this is a small scanner of our own. It knows comments, strings, templates (nested) and
 * regular expressions, and nothing else.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Source {
  /** From the root of the repository, with '/' */
  readonly path: string;
  readonly text: string;
  readonly bare: string;
  readonly code: string;
  readonly comments: string;
}

/** What breaks a rule, where. */
export interface Violation {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly what: string;
}

/** A rule looks at one file; what it knows of the other files is in `paths`, all paths of the tree. */
export type Rule = (source: Source, paths: ReadonlySet<string>) => readonly Violation[];

export function sourceOf(path: string, text: string): Source {
  const isScript = /\.[jt]s$/.test(path);
  return { path, text, ...(isScript ? scan(text) : { bare: text, code: text, comments: '' }) };
}

const FOLDERS_IGNORED = new Set(['node_modules', 'dist', '.git', 'gen']);

/** Every .ts and .md file below `root`, and the paths of all files and folders. */
export function readTree(root: string): { sources: Source[]; paths: Set<string> } {
  const sources: Source[] = [];
  const paths = new Set<string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (FOLDERS_IGNORED.has(entry.name) && entry.isDirectory()) continue;
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      paths.add(path);
      if (entry.isDirectory()) visit(path);
      else if (/\.(ts|md)$/.test(entry.name)) sources.push(sourceOf(path, readFileSync(join(root, path), 'utf8')));
    }
  };
  visit('');
  return { sources, paths };
}

export function violation(source: Source, offset: number, what: string): Violation {
  return { path: source.path, line: source.text.slice(0, offset).split('\n').length, what };
}

/** One violation for each match of `pattern` (global) in `view`. */
export function matches(source: Source, view: string, pattern: RegExp, what: string): Violation[] {
  return [...view.matchAll(pattern)].map((match) => violation(source, match.index, `${what}: ${match[0].trim()}`));
}

const TOKEN =
  /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|[\w$]+|\s+|[\s\S]/y;
const REGEXP = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y;
/** The text of a template up to its end or to the next `${`. */
const TEMPLATE_TEXT = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y;
/** A '/' after one of these begins a regular expression; after anything else it divides. */
const BEFORE_REGEXP = /^(?:[(,=:[!&|?{;+\-*%<>~^]|return|typeof|case|of|in|=>)?$/;

function scan(text: string): { bare: string; code: string; comments: string } {
  let bare = '';
  let code = '';
  let comments = '';
  let at = 0;
  let previous = '';
  /** For each template we are in, how many braces are open in its current `${}`. */
  const braces: number[] = [];
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const literal = (token: string): void => {
    at += token.length;
    bare += token;
    comments += blank(token);
    code += token.charAt(0) + blank(token.slice(1, -1)) + (token.length > 1 ? token.charAt(token.length - 1) : '');
    previous = 'literal';
  };
  const templateText = (): void => {
    const token = take(TEMPLATE_TEXT)?.[0] ?? text.slice(at);
    at += token.length;
    bare += token;
    comments += blank(token);
    const end = token.endsWith('${') ? '${' : token.slice(-1);
    code += blank(token.slice(0, token.length - end.length)) + end;
    if (end === '${') braces.push(0);
    previous = end === '${' ? '{' : 'literal';
  };
  while (at < text.length) {
    const regexp = text[at] === '/' && BEFORE_REGEXP.test(previous) ? take(REGEXP) : null;
    const token = regexp ?? take(TOKEN);
    if (token === null) break;
    const word = token[0];
    if (regexp !== null || token.groups?.['string'] !== undefined) {
      literal(word);
      continue;
    }
    at += word.length;
    const isComment = token.groups?.['comment'] !== undefined;
    bare += isComment ? blank(word) : word;
    code += isComment ? blank(word) : word;
    comments += isComment ? word : blank(word);
    if (isComment || /^\s/.test(word)) continue;
    previous = word;
    const open = braces.length - 1;
    if (word === '`') templateText();
    else if (word === '{' && open >= 0) braces[open] = (braces[open] ?? 0) + 1;
    else if (word === '}' && open >= 0) {
      if (braces[open] === 0) {
        braces.pop();
        templateText();
      } else braces[open] = (braces[open] ?? 0) - 1;
    }
  }
  return { bare, code, comments };
}

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');
