/** The command line of the runner. */

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { commandOf } from '../process/index.ts';
import { COMMAND_NAMES, COMMANDS } from './commands.ts';

export interface RunnerOptions {
  readonly directory: string;
  readonly server: readonly [string, ...string[]];
  readonly size: number;
  readonly firstPort: number | undefined;
  readonly fresh: boolean;
  /** Mutual TLS on both ports of every member. */
  readonly secure: boolean;
  /** For a cluster that runs; none: run one. */
  readonly command: readonly string[];
}

const COMMAND_LINES = Object.entries(COMMANDS).map(([usage, text]) => `  ${usage.padEnd(12)}${text}`);

export const USAGE = `npm run cluster -- [flags]            run a cluster here until Ctrl-C
npm run cluster -- [flags] COMMAND    ask something of the one that runs

Commands:
${COMMAND_LINES.join('\n')}

Flags:
  --data-dir DIR    data and logs (./cluster.etcd)
  --members N       of a cluster that is new (3)
  --fresh           throw away what is in the directory first
  --tls             mutual TLS everywhere; certificates in DIR/tls
  --server COMMAND  the server, any with etcd's flags (node dist/cli/main.js)
  --port N          ports from N on, two a member (2379 2380, 22379 22380, 32379 32380, ...)
`;

/** Throws a TypeError that says what is wrong with the arguments; undefined: help was asked for. */
export function parseOptions(args: readonly string[]): RunnerOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      'data-dir': { type: 'string', default: 'cluster.etcd' },
      members: { type: 'string', default: '3' },
      fresh: { type: 'boolean', default: false },
      tls: { type: 'boolean', default: false },
      server: { type: 'string' },
      port: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const [verb] = positionals;
  if (verb !== undefined && !COMMAND_NAMES.has(verb)) throw new TypeError(`unknown command '${verb}'`);
  if (!/^[1-6]$/.test(values.members)) throw new TypeError('--members: 1 to 6');
  if (values.port !== undefined && !/^[1-9]\d{3,4}$/.test(values.port)) throw new TypeError('--port: a port is wanted');
  return {
    directory: resolve(values['data-dir']),
    server: commandOf(values.server),
    size: Number(values.members),
    firstPort: values.port === undefined ? undefined : Number(values.port),
    fresh: values.fresh,
    secure: values.tls,
    command: positionals,
  };
}
