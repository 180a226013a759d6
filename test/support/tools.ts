/**
 * Programs from outside that some tests compare with. Where they are not installed those tests are left out, so that the tests pass on a
 * machine that has only Node; in CI (the variable CI is set) a missing one is an error.
 */

import { spawnSync } from 'node:child_process';

/** Another Python that comes first on the path does not see Debian's packages. */
export const DEBIANS_PYTHON = '/usr/bin/python3';

/** Whether all of these can be run. Throws in CI if one cannot. */
export function hasTools(...programs: readonly string[]): boolean {
  return isAllThere(programs.filter((program) => spawnSync('which', [program]).status !== 0));
}

/** Whether Debian's python3-grpcio is there. Throws in CI if it is not. */
export function hasGrpcio(): boolean {
  return isAllThere(spawnSync(DEBIANS_PYTHON, ['-c', 'import grpc']).status === 0 ? [] : ['python3-grpcio']);
}

function isAllThere(missing: readonly string[]): boolean {
  if (missing.length === 0) return true;
  if (process.env['CI'] !== undefined) throw new Error(`CI needs these programs: ${missing.join(', ')}`);
  console.warn(`left out for want of ${missing.join(', ')}: ${new Error('here').stack?.split('\n')[3]?.trim() ?? ''}`);
  return false;
}

/**
 * Whether tests with containers are asked for (the variable WATCHRAFT_COMPOSE is set): they take minutes. Throws if they are and there is no
 * Docker engine with Compose v2.
 */
export function hasCompose(): boolean {
  if (process.env['WATCHRAFT_COMPOSE'] === undefined) return false;
  for (const question of [['info'], ['compose', 'version']]) {
    const { status, stderr } = spawnSync('docker', question, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`docker ${question.join(' ')} fails: ${stderr}`);
  }
  return true;
}
