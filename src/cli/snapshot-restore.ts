/** `watchraft snapshot restore`: a member's data directory from a saved snapshot and the words that describe its cluster. */

import { readdir } from 'node:fs/promises';
import type { Logger } from '../base/index.ts';
import { RealClock, restoreSnapshot } from '../node/index.ts';
import { LevelTables, NodeDisk, openDataDirectory } from '../storage/index.ts';
import { describedCluster } from './new-cluster.ts';
import type { Note } from './note.ts';
import { parse } from './parse.ts';
import { bootstrapProblem, type ServerConfig } from './server-config.ts';
import { openSnapshotFile } from './snapshot-file.ts';

export interface RestoreRequest {
  readonly file: string;
  /** Flags of a server: where its data is, who it is, and who the others are. */
  readonly server: readonly string[];
  /** By how much the revision goes up; 0: not at all. */
  readonly bump: number;
  readonly checksHash: boolean;
  readonly logger: Logger;
}

/** Rejects with what is wrong; the data directory may then hold something of no use. */
export async function restoreFile({ file, server, bump, checksHash, logger }: RestoreRequest): Promise<void> {
  const config = configOf(server);
  const problem = bootstrapProblem(config);
  if (problem !== undefined) throw new Error(problem);
  await checkEmpty(config.dataDirectory);
  const snapshot = await openSnapshotFile(file);
  if (checksHash) await snapshot.checkHash();
  const { identity, firstMembers } = describedCluster(config);
  logger.info('restoring snapshot', { path: file, 'data-dir': config.dataDirectory });
  const directory = await openDataDirectory({
    disk: new NodeDisk(),
    path: config.dataDirectory,
    walPath: config.walDirectory,
    metadata: { nodeId: identity.memberId, clusterId: identity.clusterId },
    tables: new LevelTables(),
    // Whatever fails is told by a rejection.
    backend: { onFailure: () => undefined },
  });
  const { revision } = await restoreSnapshot({
    directory,
    chunks: snapshot.chunks(),
    members: firstMembers,
    bump,
    clock: new RealClock(),
  });
  logger.info('restored snapshot', { path: file, 'data-dir': config.dataDirectory, 'current-revision': revision });
}

function configOf(flags: readonly string[]): ServerConfig {
  const noFile = (path: string): string => {
    throw new Error(`${path} is not read here`);
  };
  const runtime = { node: '', platform: '', architecture: '', version: '', commit: undefined };
  const parsed = parse(flags, {}, noFile, runtime);
  if (parsed.kind === 'serve') return parsed.config;
  throw new Error(parsed.stderr.split('\n')[0] || parsed.notes.map(textOf).join('; '));
}

function textOf({ message, fields }: Note): string {
  const error = fields?.['error'];
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : message;
}

async function checkEmpty(path: string): Promise<void> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length > 0) throw new Error(`data-dir "${path}" not empty or could not be read`);
}
