/** The command line of the chaos run. */

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { commandOf } from '../process/index.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly server: readonly [string, ...string[]];
  /** Whether watchers ask how far the server is. */
  readonly progress: boolean;
  /** Mutual TLS on both ports of every member. */
  readonly secure: boolean;
  /** Whether members are crashed and held up at their failpoints, too. */
  readonly failpoints: boolean;
  /** Operations a second. */
  readonly rate: number;
  readonly size: number;
  readonly firstPort: number;
  readonly reportFile: string;
}

/** What a run may try, so that its record fits into memory: some 60 MB of operations, and about as much of history. */
const OPERATIONS_MAX = 400_000;

export const USAGE = `npm run chaos -- [flags]

  Starts three members, lets writers, readers and watchers at them, kills, pauses, cuts and slows them meanwhile, and checks
  that nothing acknowledged is lost, that every key is a linearizable register, that no watcher was cheated, and that leases
  end neither before their time nor never.
  Exits with 0 if every check passed.

  --seed N          which faults, when (1)
  --minutes M       how long, may be a fraction (3)
  --server COMMAND  the server, any with etcd's flags, started directly (node dist/cli/main.js)
  --rate N          operations a second that are tried (300)
  --members N       3 or more (3)
  --port N          ports from N on, two a member (24700)
  --without-progress  watchers do not ask how far the server is (etcd before 3.4.25 answers before it has told all)
  --tls             mutual TLS on both ports of every member
  --failpoints      crash members and hold them up at their failpoints, too (the server must have gofail's)
  --report FILE     where the report goes, beside the standard output (chaos.md)
`;

/** Throws a TypeError that says what is wrong with the arguments; undefined: help was asked for. */
export function parseOptions(args: readonly string[]): ChaosOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '3' },
      server: { type: 'string' },
      rate: { type: 'string', default: '300' },
      members: { type: 'string', default: '3' },
      port: { type: 'string', default: '24700' },
      report: { type: 'string', default: 'chaos.md' },
      'without-progress': { type: 'boolean', default: false },
      tls: { type: 'boolean', default: false },
      failpoints: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 60))
    throw new TypeError(`--minutes: more than 0 and 60 at most, not '${values.minutes}'`);
  const rate = count('--rate', values.rate, 10_000);
  const rateMax = Math.floor(OPERATIONS_MAX / (minutes * 60));
  if (rate > rateMax) throw new TypeError(`--rate: in ${minutes} minutes at most ${rateMax} a second can be recorded`);
  return {
    seed: count('--seed', values.seed, 2 ** 53),
    minutes,
    server: commandOf(values.server),
    progress: !values['without-progress'],
    secure: values.tls,
    failpoints: values.failpoints,
    rate,
    size: count('--members', values.members, 6),
    firstPort: count('--port', values.port, 65_000),
    reportFile: resolve(values.report),
  };
}

function count(flag: string, text: string, max: number): number {
  const number = Number(text);
  if (!/^\d{1,16}$/.test(text) || number > max)
    throw new TypeError(`${flag}: a whole number up to ${max} is wanted, not '${text}'`);
  return number;
}
