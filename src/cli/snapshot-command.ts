/**
 * What etcdutl's `snapshot` is to etcd, for files that `etcdctl snapshot save` has fetched from one of our members (etcdutl itself opens only
 * etcd's own files):
 *
 *     watchraft snapshot status FILE [-w simple|table|json|fields]
 *     watchraft snapshot restore FILE --data-dir DIR --name n1 --initial-cluster n1=http://…,n2=… --initial-advertise-peer-urls http://…
 *         [--initial-cluster-token T] [--wal-dir DIR] [--bump-revision N --mark-compacted] [--skip-hash-check]
 */

import { parseArgs } from 'node:util';
import type { Logger } from '../base/index.ts';
import { restoreFile } from './snapshot-restore.ts';
import { snapshotStatus } from './snapshot-status.ts';

export const SNAPSHOT_USAGE = `Usage:

  watchraft snapshot status <file> [-w simple|table|json|fields]
    What a saved snapshot holds.

  watchraft snapshot restore <file> --data-dir <path> --name <name> --initial-cluster <members> --initial-advertise-peer-urls <urls>
      [--initial-cluster-token <token>] [--wal-dir <path>] [--bump-revision <n> --mark-compacted] [--skip-hash-check]
    A new member's data directory from a saved snapshot. Each member of the new cluster is made from the same file.
`;

/** Exit codes of etcdutl. */
const EXIT_ERROR = 1;
const EXIT_BAD_ARGUMENTS = 128;

const FORMATS = ['simple', 'table', 'json', 'fields'] as const;

/** The line has no meaning. */
class UsageError extends Error {}

export interface CommandIo {
  readonly logger: Logger;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** `argv` begins behind the word `snapshot`. Resolves to the exit code. */
export async function snapshotCommand(argv: readonly string[], { logger, out, err }: CommandIo): Promise<number> {
  try {
    const { verb, file, values, server } = read(argv);
    if (verb === 'restore') await restoreFile({ file, server, logger, ...restoreOptions(values) });
    else out(await snapshotStatus(file, formatOf(values['write-out'])));
    return 0;
  } catch (error) {
    const isBadLine = error instanceof UsageError || error instanceof TypeError;
    err(`Error: ${error instanceof Error ? error.message : String(error)}\n${isBadLine ? `\n${SNAPSHOT_USAGE}` : ''}`);
    return isBadLine ? EXIT_BAD_ARGUMENTS : EXIT_ERROR;
  }
}

/** Flags that mean what they mean for a server. */
const SERVER_FLAGS = [
  'data-dir',
  'wal-dir',
  'name',
  'initial-cluster',
  'initial-cluster-token',
  'initial-advertise-peer-urls',
] as const;

type Values = Readonly<Record<string, string | boolean | undefined>>;

interface Line {
  readonly verb: 'status' | 'restore';
  readonly file: string;
  readonly values: Values;
  /** As for a server's command line. */
  readonly server: readonly string[];
}

function read(argv: readonly string[]): Line {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      'data-dir': text,
      'wal-dir': text,
      name: text,
      'initial-cluster': text,
      'initial-cluster-token': text,
      'initial-advertise-peer-urls': text,
      'bump-revision': text,
      'mark-compacted': { type: 'boolean' },
      'skip-hash-check': { type: 'boolean' },
      // Of etcd's file format; there is nothing here that it could mean.
      'initial-memory-map-size': text,
      'write-out': { type: 'string', short: 'w' },
    },
  });
  const [verb, file, ...rest] = positionals;
  if (verb !== 'status' && verb !== 'restore') throw new UsageError('snapshot status or snapshot restore is wanted');
  if (file === undefined || rest.length > 0) throw new UsageError(`snapshot ${verb} requires exactly one argument`);
  const server = SERVER_FLAGS.flatMap((name) => (values[name] === undefined ? [] : [`--${name}=${values[name]}`]));
  return { verb, file, values, server };
}

function formatOf(text: string | boolean | undefined): (typeof FORMATS)[number] {
  const format = FORMATS.find((known) => known === (text ?? 'simple'));
  if (format === undefined) throw new UsageError(`unknown output format '${String(text)}'`);
  return format;
}

function restoreOptions(values: Values): { bump: number; checksHash: boolean } {
  const text = String(values['bump-revision'] ?? '0');
  const bump = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--bump-revision: a number of revisions is wanted, not '${text}'`);
  if (bump > 0 !== (values['mark-compacted'] === true)) {
    throw new UsageError('--bump-revision and --mark-compacted go together: what lies between must not be read');
  }
  return { bump, checksHash: values['skip-hash-check'] !== true };
}
