/** What the numbers were measured on, in a line. */

import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** Magic numbers of file systems, of Linux's statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs (in memory: an fsync costs nothing there)',
  0x794c7630: 'overlayfs',
};

export function describeMachine(directory: string, isPinned: boolean): string {
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
    `load average at the start ${loadAverage()}`,
  ].join('; ');
}

function etcdVersion(): string {
  const line = execFileSync('etcd', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
  return line.replace('etcd Version:', 'etcd');
}

function loadAverage(): string {
  return readFileSync('/proc/loadavg', 'latin1').split(' ')[0] ?? '';
}
