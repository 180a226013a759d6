/**
 * The package index of this Debian, one stanza after another, as it comes out of `apt-cache dumpavail`. Never all at once:
 * it is some 50 MB of text.
 *
 *     Package: 0ad
 *     Version: 0.0.26-3
 *     Description: Real-time strategy game of ancient warfare
 *     Tag: game::strategy, interface::graphical,
 *      uitoolkit::sdl                                      a line that begins with a space goes on from the one before
 *     Section: games                                       -> key /debian/games/0ad
 *                                                          an empty line ends the stanza
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Package {
  readonly key: string;
  /** The stanza without the empty line at its end. */
  readonly stanza: string;
}

export const PREFIX = '/debian/';

/** The section of packages that name none. */
const NO_SECTION = 'none';

/** A stanza is some kilobytes; more than this is no package index. */
const STANZA_CHARACTERS_MAX = 1024 * 1024;

/** The key of a stanza; undefined where it names no package. */
export function keyOfStanza(stanza: string): string | undefined {
  const name = field(stanza, 'Package');
  return name === undefined ? undefined : `${PREFIX}${field(stanza, 'Section') ?? NO_SECTION}/${name}`;
}

function field(stanza: string, name: string): string | undefined {
  const start = stanza.startsWith(`${name}:`) ? 0 : stanza.indexOf(`\n${name}:`) + 1;
  if (start === 0 && !stanza.startsWith(`${name}:`)) return undefined;
  const end = stanza.indexOf('\n', start);
  const value = stanza.slice(start + name.length + 1, end === -1 ? undefined : end).trim();
  return value === '' ? undefined : value;
}

/** Divides text, in pieces of any length, into packages. Text between empty lines that names no package is left out. */
export async function* parsePackages(pieces: AsyncIterable<string>): AsyncGenerator<Package, void, undefined> {
  let rest = '';
  for await (const piece of pieces) {
    rest += piece;
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      const stanza = rest.slice(0, end);
      rest = rest.slice(end + 2);
      const key = keyOfStanza(stanza.trimStart());
      if (key !== undefined) yield { key, stanza: stanza.trimStart() };
    }
    if (rest.length > STANZA_CHARACTERS_MAX) throw new Error('this is no package index: a stanza without an end');
  }
  const key = keyOfStanza(rest.trim());
  if (key !== undefined) yield { key, stanza: rest.trim() };
}

/** The index of this machine, `packagesMax` packages at most. Throws, with what to do about it, if there is none. */
export async function* dumpAvail(packagesMax: number): AsyncGenerator<Package, void, undefined> {
  // Its complaint when we have enough and read no further is not for the reader of our output.
  const child = spawn('apt-cache', ['dumpavail'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const failed = once(child, 'error').then(([error]: unknown[]) => {
    throw new Error('apt-cache cannot be run: this demonstration needs a Debian', { cause: error });
  });
  // The failure is looked at where the text runs out; until then it must not count as unhandled.
  failed.catch(() => {});
  let count = 0;
  try {
    child.stdout.setEncoding('utf8');
    for await (const found of parsePackages(child.stdout)) {
      if (count === packagesMax) return;
      count++;
      yield found;
    }
    if (child.pid === undefined) await failed;
    if (count === 0) throw new Error('apt-cache dumpavail knows no packages: run apt-get update first');
  } finally {
    child.kill();
  }
}
