/**
 * Debian's etcdctl 3.4, unchanged, and what it says of a server. Left out are ids, terms, versions, sizes, log indexes, times and ports, which no
 * two servers share.
 */

import { runProgram } from '../support/run-program.ts';
import type { Command } from './etcdctl-chapters.ts';

/** What no two servers share. */
const STRANGERS: readonly (readonly [RegExp, string])[] = [
  [/"(dbSize|dbSizeInUse|raftIndex|raftAppliedIndex|raftTerm|raft_term|dbSizeQuota)":\d+,?/g, ''],
  [/"(storageVersion|version)":"[\d.]+",?/g, ''],
  [/^"(RaftTerm|DBSize|RaftIndex|RaftAppliedIndex)" : .*\n/gm, ''],
  [/^"Version" : ".*"\n/gm, ''],
  [/\b\d{15,20}\b/g, '<id>'],
  [/\b[0-9a-f]{13,16}\b/g, '<id>'],
  [/127\.0\.0\.1:\d+/g, '<address>'],
  // Of a lease, some of which may have passed between two questions.
  [/remaining\(\d+s\)/g, 'remaining(some)'],
  [/"ttl":\d+/g, '"ttl":some'],
  [/^"TTL" : \d+$/gm, '"TTL" : some'],
  [/took(["\s:=]+)[\d.]+[µnm]?s/g, 'took'],
  [/^"(DBSizeInUse|StorageVersion)" : .*\n/gm, ''],
  // endpoint status: version, storage version, size, in use, share that is not; term, index, applied index.
  [
    /\d+\.\d+\.\d+(,| +[|│]) +(\d+\.\d+\.\d+(,| +[|│]) +)?[\d.]+ [kM]?B((,| +[|│]) +[\d.]+ [kM]?B(,| +[|│]) +\d+%)?/g,
    '<version, size>',
  ],
  [/(true|false)(,| +[|│]) +\d+(,| +[|│]) +\d+(,| +[|│]) +\d+(?=,| +[|│])/g, '$1 <term, index, applied>'],
  // The columns of a table are as wide as what is in them.
  [/ {2,}/g, ' '],
  [/[-─]{3,}/g, '---'],
];

function recognisable(text: string): string {
  return STRANGERS.reduce((rest, [pattern, by]) => rest.replace(pattern, by), text);
}

/** What etcdctl itself says; its library's log lines beside it carry times and addresses. */
const errorsOf = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => /^Error|healthy/.test(line))
    .join('\n');

/** Whoever runs commands on a server, each through the next of its endpoints. */
export class Etcdctl {
  readonly #endpoints: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #asked = 0;
  /** The lease that was granted last. */
  #lease = '0';

  /** `env`: further settings, as etcdctl reads them from its environment. */
  constructor(endpoints: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#endpoints = endpoints;
    this.#env = env;
  }

  async run(command: Command): Promise<object> {
    const { lines } = command;
    const line = command.line.replaceAll('LEASE', this.#lease);
    const result = await runProgram('etcdctl', line.split(' '), {
      env: { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: this.#nextEndpoint(), ...this.#env },
      ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
      ...(lines === undefined ? {} : { until: (stdout: string) => stdout.split('\n').length > lines }),
    });
    this.#lease = /^lease ([0-9a-f]+) granted/.exec(result.stdout)?.[1] ?? this.#lease;
    // What came after the lines waited for, until the program was ended, is left to chance, and so are its errors.
    const shown = recognisable(result.stdout.split('\n').slice(0, lines).join('\n'));
    return {
      stdout: command.inAnyOrder === true ? shown.split('\n').sort() : shown,
      ...(lines === undefined ? { code: result.code, stderr: recognisable(errorsOf(result.stderr)) } : {}),
    };
  }

  #nextEndpoint(): string {
    return this.#endpoints[this.#asked++ % this.#endpoints.length] ?? '';
  }
}

export interface Difference {
  readonly command: string;
  readonly expected: object;
  readonly actual: object;
}

/** Runs the commands on both, and tells where they differ. */
export async function differences(
  commands: readonly Command[],
  reference: Etcdctl,
  other: Etcdctl,
): Promise<Difference[]> {
  const found: Difference[] = [];
  for (const command of commands) {
    const [expected, actual] = await Promise.all([reference.run(command), other.run(command)]);
    if (JSON.stringify(expected) !== JSON.stringify(actual)) found.push({ command: command.line, expected, actual });
  }
  return found;
}
