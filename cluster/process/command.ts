/** Which server is run. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const NODE_ENTRY = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** A program and its first arguments, from the text of a --server flag; this project's node, as it is built, if there is none. */
export function commandOf(text: string | undefined): readonly [string, ...string[]] {
  if (text === undefined) return [process.execPath, NODE_ENTRY];
  const [program, ...rest] = text.trim().split(/\s+/);
  if (program === undefined || program === '') throw new TypeError('--server: a command is wanted');
  return [program, ...rest];
}

/** Throws if the command is this project's node and it has not been built. */
export function requireBuilt(command: readonly string[]): void {
  if (command.includes(NODE_ENTRY) && !existsSync(NODE_ENTRY)) {
    throw new Error(`${NODE_ENTRY} is missing: run npm run build first`);
  }
}
