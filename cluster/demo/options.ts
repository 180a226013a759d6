/** The command line of the demonstration. */

import { parseArgs } from 'node:util';
import { commandOf } from '../process/index.ts';

export interface DemoOptions {
  readonly packagesMax: number;
  readonly watchers: number;
  readonly seed: number;
  readonly clientPort: number;
  readonly server: readonly [string, ...string[]];
}

export const USAGE = `npm run demo -- [flags]

  Loads the package index of this Debian into a server, with many watchers following; updates and deletes;
  kills the server with SIGKILL in the middle of another load, starts it again, and checks that nothing is lost.

  --packages N     no more than N packages
  --watchers N     how many watchers (1000)
  --seed N         draws other watchers (1)
  --port N         the server's client port on 127.0.0.1 (24650)
  --server COMMAND the server to run, any with etcd's flags; --data-dir, --listen-client-urls and
                   --advertise-client-urls are put after it (node dist/cli/main.js)
`;

/** Throws a TypeError that says what is wrong with the arguments; undefined: help was asked for. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      packages: { type: 'string' },
      watchers: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      port: { type: 'string', default: '24650' },
      server: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  return {
    packagesMax: values.packages === undefined ? Number.MAX_SAFE_INTEGER : count('--packages', values.packages),
    watchers: count('--watchers', values.watchers),
    seed: count('--seed', values.seed),
    clientPort: count('--port', values.port),
    server: commandOf(values.server),
  };
}

function count(flag: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new TypeError(`${flag}: a whole number above 0 is wanted, not '${text}'`);
  return Number(text);
}
