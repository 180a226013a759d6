/**
 * Which process opened a connection that reached us from this machine, as Linux tells it:
 *
 *     /proc/net/tcp            local 127.0.0.1:41234  remote 127.0.0.1:2380  inode 5512         the opener's end
 *     /proc/4711/fd/17      -> socket:[5512]                                                    so it is process 4711
 *
 * Members all know each other by the same URLs (their ids are made of them), so a proxy cannot tell by the port that was called
 * who calls; and which address a server calls from cannot be chosen with etcd's flags. This way needs nothing of the server.
 */

import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** Whether this machine can tell. */
export const CAN_TELL_OWNERS: boolean = process.platform === 'linux';

/** Of the processes with these ids, the one that has the other end; undefined if none has it, or no longer. */
export async function ownerOf(opened: Socket, pids: Iterable<number>): Promise<number | undefined> {
  const { remoteAddress, remotePort, localAddress, localPort } = opened;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  if (localAddress === undefined || localPort === undefined) return undefined;
  const near = hexAddress(remoteAddress, remotePort);
  const far = hexAddress(localAddress, localPort);
  // A socket that could speak IPv6 too stands in the second table.
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const inode = inodeOf(await readFile(table, 'latin1'), near, far);
    if (inode === undefined) continue;
    for (const pid of pids) if (await hasSocket(pid, inode)) return pid;
  }
  return undefined;
}

/** The inode in the row whose addresses are these, in the text of the kernel's table. */
export function inodeOf(table: string, near: string, far: string): string | undefined {
  for (const row of table.split('\n')) {
    const [, local, remote, , , , , , , inode] = row.trim().split(/\s+/);
    // Six bytes of IPv4 are the end of an address that is mapped into IPv6.
    if (local?.endsWith(near) && remote?.endsWith(far) && inode !== '0') return inode;
  }
  return undefined;
}

/** As the kernel writes it: the four bytes as one little-endian number, and the port, in hexadecimal. */
export function hexAddress(address: string, port: number): string {
  const bytes = address
    .replace(/^::ffff:/, '')
    .split('.')
    .map(Number);
  const hex = bytes.toReversed().map((byte) => byte.toString(16).padStart(2, '0'));
  return `${hex.join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}

async function hasSocket(pid: number, inode: string): Promise<boolean> {
  try {
    const descriptors = await readdir(`/proc/${pid}/fd`);
    const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    return targets.includes(`socket:[${inode}]`);
  } catch {
    // The process is gone.
    return false;
  }
}
