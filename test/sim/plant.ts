/** A copy of src with some of its text replaced, loaded beside the original. */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SimulatedCode } from './code.ts';

/** `from`, which is in the file exactly once, becomes `to`. */
export interface Patch {
  /** Below src. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** Above the node, and not needed. */
const ABOVE: readonly string[] = ['wire', 'rpc', 'client', 'cli'];
/** Imports nothing of src, is large, and is never patched: one for all. */
const SHARED: readonly string[] = ['gen'];

/** The copy is gone from the disk when this resolves: it is loaded then. Throws if a patch fits nowhere, or in two places. */
export async function plant(patches: readonly Patch[]): Promise<SimulatedCode> {
  const folder = mkdtempSync(join(tmpdir(), 'watchraft-sim-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    symlinkSync(MODULES, join(folder, 'node_modules'));
    for (const part of readdirSync(SRC)) {
      if (SHARED.includes(part)) symlinkSync(join(SRC, part), join(folder, part));
      else if (!ABOVE.includes(part)) cpSync(join(SRC, part), join(folder, part), { recursive: true });
    }
    for (const patch of patches) replace(folder, patch);
    const load = async (door: string): Promise<unknown> => await import(pathToFileURL(join(folder, door)).href);
    const { boot } = (await load('node/index.ts')) as SimulatedCode;
    const { openDataDirectory } = (await load('storage/index.ts')) as SimulatedCode;
    return { boot, openDataDirectory };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function replace(folder: string, { file, from, to }: Patch): void {
  const path = join(folder, file);
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`this is ${parts.length - 1} times in src/${file}, not once: ${from}`);
  writeFileSync(path, parts.join(to));
}
