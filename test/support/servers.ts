/**
 * Servers for tests, each a real process with an empty data directory: Debian's etcd (package etcd-server) as the reference
 * and this project's node.
 */

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ServerProcess } from '../../cluster/process/index.ts';
import type { ClientTls } from '../../src/client/index.ts';
import { hasTools } from './tools.ts';

export interface TargetOptions {
  /** Beside those that every server of a test has. */
  readonly flags?: readonly string[];
  /** If it speaks TLS: how it is asked. */
  readonly tls?: ClientTls;
}

/** Something that can be started and then speaks etcd's API. */
export interface Target {
  readonly name: string;
  start(clientPort: number, dataDir: string, options?: TargetOptions): Promise<ServerProcess>;
}

const NODE_ENTRY = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** A cluster of one. The peer port is the one after the client port. */
function clusterFlags(clientPort: number, { flags = [] }: TargetOptions): readonly string[] {
  const peer = `http://127.0.0.1:${clientPort + 1}`;
  return [
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--max-txn-ops=128',
    // The least that there is.
    '--bcrypt-cost=4',
    // Alone in its cluster it need not wait long for a leader.
    '--heartbeat-interval=10',
    '--election-timeout=100',
    ...flags,
  ];
}

/** Debian's etcd 3.4. */
export const etcd: Target = {
  name: 'etcd',
  start(clientPort, dataDir, options = {}) {
    return ServerProcess.start({
      command: ['etcd', ...clusterFlags(clientPort, options), '--logger=zap'],
      dataDir,
      clientPort,
      tls: options.tls,
    });
  },
};

/** This project's node, as it is built. */
export const watchraft: Target = {
  name: 'watchraft',
  start(clientPort, dataDir, options = {}) {
    if (!existsSync(NODE_ENTRY)) throw new Error(`${NODE_ENTRY} is missing: run npm run build first`);
    return ServerProcess.start({
      command: [process.execPath, NODE_ENTRY, ...clusterFlags(clientPort, options)],
      dataDir,
      clientPort,
      tls: options.tls,
    });
  },
};

/** Whether Debian's etcd-server and etcd-client are there. */
export function hasEtcd(): boolean {
  return hasTools('etcd', 'etcdctl');
}

/** The minor version of the etcd that is there: 4 is Debian's 3.4. */
export function etcdMinor(): number {
  const version = /^etcd Version: 3\.(\d+)\./m.exec(execFileSync('etcd', ['--version'], { encoding: 'utf8' }))?.[1];
  if (version === undefined) throw new Error('etcd --version does not say a version 3.x');
  return Number(version);
}

/** The targets that can be run on this machine. */
export function installed(): readonly Target[] {
  return hasEtcd() ? [etcd, watchraft] : [watchraft];
}

export interface Running extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly dataDir: string;
}

/** Starts the target on an empty data directory, which goes when the server does. */
export async function running(target: Target, clientPort: number, options: TargetOptions = {}): Promise<Running> {
  const dataDir = await mkdtemp(join(tmpdir(), `watchraft-test-${target.name}-`));
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const server = await target.start(clientPort, dataDir, options);
    return {
      server,
      dataDir,
      async [Symbol.asyncDispose]() {
        await server.kill('SIGKILL');
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
