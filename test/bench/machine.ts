/** What the numbers were measured on, in a line. */

import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** Magic numbers of file systems, of Linux's statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs (in memory: an fsync costs nothing there)',
  0x794c7630: 'overlayfs',
};

/** Above this before the bench has begun, others use the processors, and throughput and delays say little. */
const LOAD_QUIET_MAX = 0.7;

/** How many processes ran or waited for a processor, on average over the last minute. */
export function loadAverage(): number {
  return loadavg()[0] ?? 0;
}

/** `loadBefore` is the load average before anything was started. */
export function describeMachine(directory: string, isPinned: boolean, loadBefore: number): string {
  const type = statfsSync(directory).type;
  const cores = isPinned ? 'each server alone on one of them' : 'NOT one of them for each server alone';
  return [
    new Date().toISOString().slice(0, 10),
    `Node ${process.version}`,
    etcdVersion(),
    `${cpus().length} processors (${cores}): ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    `${Math.round(totalmem() / 1e9)} GB`,
    `Linux ${release()}`,
    `data on ${FILE_SYSTEMS[type] ?? `a file system of type ${type.toString(16)}`}`,
    `load average before ${loadBefore.toFixed(1)}${loadBefore > LOAD_QUIET_MAX ? ', **so others were using the machine meanwhile**' : ''}`,
  ].join('; ');
}

function etcdVersion(): string {
  const line = execFileSync('etcd', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
  return line.replace('etcd Version:', 'etcd');
}
