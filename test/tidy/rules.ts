/** The rules of style that a machine can check. Each takes one file and says what breaks it. */

import { dirname, join } from 'node:path/posix';
import { matches, type Rule, type Source, type Violation, violation } from './source.ts';

const FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;

const isScript = (source: Source): boolean => source.path.endsWith('.ts');

/** Parts of names that say nothing of what is inside. */
const EMPTY_NAMES = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'managers']);

/** Files and folders are named in kebab-case, after one noun. */
export const names: Rule = (source) => {
  if (!isScript(source)) return [];
  return source.path
    .split('/')
    .flatMap((part) => {
      if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)*$/.test(part)) return [`not kebab-case: ${part}`];
      const empty = part.split(/[-.]/).find((word) => EMPTY_NAMES.has(word));
      return empty === undefined ? [] : [`a name that says nothing: ${empty}`];
    })
    .map((what) => violation(source, 0, what));
};

/** A file can be read in one sitting. */
export const fileLength: Rule = (source) => {
  const lines = source.text.trimEnd().split('\n').length;
  return isScript(source) && lines > FILE_LINES_MAX
    ? [violation(source, source.text.length, `${lines} lines, at most ${FILE_LINES_MAX}`)]
    : [];
};

/**
 * The first line of a function, in code that the formatter has laid out: a declaration, an arrow with a block, or a method
 * (a name and parentheses, not one of the statements that look like it).
 */
const FUNCTION_START =
  /\bfunction\b.*[{(,]$|=>\s*\{$|^\s+(?!(?:if|for|while|switch|catch|with|return|throw|new|await|else|super)\b)(?:(?:static|async|override|get|set)\s+)*\*?#?[\w$]+(?:<.*>)?\((?:.*\).*\{)?$/;

interface FunctionLines {
  /** Indices of its first and last line. */
  readonly first: number;
  readonly last: number;
}

/** Functions end where the first line that closes a brace stands as far out as their first. */
function functionsOf(source: Source): FunctionLines[] {
  const lines = source.code.split('\n').map((line) => line.trimEnd());
  const indents = lines.map((line) => line.length - line.trimStart().length);
  const functions: FunctionLines[] = [];
  for (const [first, line] of lines.entries()) {
    if (!FUNCTION_START.test(line)) continue;
    let last = first + 1;
    while (last < lines.length) {
      const text = lines[last] ?? '';
      const isOut = text !== '' && (indents[last] ?? 0) <= (indents[first] ?? 0);
      // A call over several lines looks like a method up to its ')'; its line ends without a brace.
      if (isOut && !/[{(,]$/.test(text)) break;
      last += 1;
    }
    if ((lines[last] ?? '').trimStart().startsWith('}')) functions.push({ first, last });
  }
  return functions;
}

/**
 * A function fits on a screen. In tests, the lines of functions inside do not count: a suite is a function full of tests.
 */
export const functionLength: Rule = (source) => {
  if (!isScript(source)) return [];
  const functions = functionsOf(source);
  const isTest = source.path.startsWith('test/');
  const starts = source.code.split('\n');
  return functions.flatMap(({ first, last }) => {
    let lines = last - first + 1;
    if (isTest) {
      let counted = first;
      for (const inner of functions) {
        if (inner.first <= counted || inner.last > last || inner.first === first) continue;
        lines -= inner.last - inner.first + 1;
        counted = inner.last;
      }
    }
    if (lines <= FUNCTION_LINES_MAX) return [];
    const what = `a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}: ${starts[first]?.trim() ?? ''}`;
    return [{ path: source.path, line: first + 1, what }];
  });
};

/** What is unfinished is not committed. */
export const unfinished: Rule = (source) =>
  isScript(source) ? matches(source, source.comments, /\b(?:TODO|FIXME|XXX|HACK)\b/g, 'unfinished') : [];

/** Types are not talked out of. */
export const types: Rule = (source) =>
  isScript(source)
    ? [
        ...matches(source, source.code, /(?<![.\w$'"])any\b(?!\s*[(:?=.'"])/g, 'no any'),
        ...matches(source, source.code, /[\w$\])]!(?!=)/g, 'no non-null assertion'),
        ...matches(source, source.comments, /@ts-(?:ignore|nocheck|expect-error)/g, 'no switching off of the compiler'),
      ]
    : [];

/** Every test runs. Only those that need a program from outside may ask first whether it is there (test/support/tools.ts). */
export const allTestsRun: Rule = (source) => {
  if (!isScript(source)) return [];
  const pattern = new RegExp(
    String.raw`\b(?:test|it|describe|suite)(?:\.\w+)*\.(?:only|skip|todo|fails|runIf|skipIf(?!\(!has(?:Tools|Grpcio|Etcd|H2Load|Compose)\())\b`,
    'g',
  );
  return matches(source, source.code, pattern, 'a test that does not run as the others');
};

const LINK = /!?\[[^\]\n]*\]\(<?(?<inline>[^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]\n]+\]:\s*(?<reference>\S+)/gm;

/** Every relative link in a document leads to a file or folder of the tree. */
export const links: Rule = (source, paths) => {
  if (!source.path.endsWith('.md')) return [];
  // Code is not prose: what looks like a link in it is none.
  const prose = source.text.replace(/```[\s\S]*?```|`[^`\n]*`/g, (code) => code.replace(/[^\n]/g, ' '));
  const violations: Violation[] = [];
  for (const match of prose.matchAll(LINK)) {
    const target = match.groups?.['inline'] ?? match.groups?.['reference'] ?? '';
    if (/^[a-z]+:|^#/.test(target)) continue;
    const file = decodeURI(target.replace(/#.*$/, '')).replace(/\/$/, '');
    const path = file.startsWith('/') ? file.slice(1) : join(dirname(source.path), file);
    if (path !== '.' && !paths.has(path))
      violations.push(violation(source, match.index, `a link to nowhere: ${target}`));
  }
  return violations;
};
