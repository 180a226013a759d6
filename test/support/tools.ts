/**
 * Programs from outside that some tests compare with. Where they are not installed those tests are left out, so that the tests pass on a
 * machine that has only Node; in CI (the variable CI is set) a missing one is an error.
 */

import { spawnSync } from 'node:child_process';

/** Whether all of these can be run. Throws in CI if one cannot. */
export function hasTools(...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0);
  if (missing.length === 0) return true;
  if (process.env['CI'] !== undefined) throw new Error(`CI needs these programs: ${missing.join(', ')}`);
  console.warn(`left out for want of ${missing.join(', ')}: ${new Error('here').stack?.split('\n')[2]?.trim() ?? ''}`);
  return false;
}
