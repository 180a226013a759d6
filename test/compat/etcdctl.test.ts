/**
 * Debian's etcdctl 3.4, unchanged, says the same of this node as of Debian's etcd.
 *
 * The commands run in order against both, each beginning empty. Left out of the comparison: ids, terms, versions, sizes, log
 * indexes, times and ports, which no two servers share.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../support/run-program.ts';
import { etcd, hasEtcd, type Running, running, type Target, watchraft } from '../support/servers.ts';

const REFERENCE_PORT = 24_620;
const OTHER_PORT = 24_622;

const other: Target = process.env['COMPAT_OTHER'] === 'etcd' ? etcd : watchraft;

interface Command {
  /** As after `etcdctl`, divided at spaces. */
  readonly line: string;
  readonly stdin?: string;
  /** For commands that do not end: end them when this many lines have been printed. */
  readonly lines?: number;
  /** Compare what was printed without the order of its lines. */
  readonly inAnyOrder?: boolean;
}

const c = (line: string, stdin?: string): Command => (stdin === undefined ? { line } : { line, stdin });

/** A command that goes on until it has printed `lines` lines. */
const until = (lines: number, line: string, stdin = ''): Command => ({ line, lines, stdin });

/** etcd 3.4 lets the answer to `progress` overtake events, and two watches take turns at random. */
const inAnyOrder = (command: Command): Command => ({ ...command, inAnyOrder: true });

const inEachFormat = (line: string): readonly Command[] =>
  ['simple', 'json', 'fields'].map((w) => c(`${line} -w ${w}`));

const sorts = ['CREATE', 'KEY', 'MODIFY', 'VALUE', 'VERSION'].flatMap((by) =>
  ['ASCEND', 'DESCEND'].map((order) => c(`get k --prefix --sort-by=${by} --order=${order}`)),
);

const chapters: Readonly<Record<string, readonly Command[]>> = {
  'put and get': [
    ...inEachFormat('put k1 one'),
    ...inEachFormat('put k1 uno --prev-kv'),
    c('put k2', 'from standard input'),
    c('put k3 three'),
    c('put k3 drei'),
    c('put k1 --ignore-value --prev-kv'),
    c('put k1 x --ignore-value'),
    c('put none --ignore-value'),
    c('put none x --ignore-lease'),
    c('put none x --lease=123'),
    c('put'),
    ...inEachFormat('get k1'),
    ...inEachFormat('get k --prefix'),
    ...inEachFormat('get none'),
    ...inEachFormat('get k --prefix --limit=2'),
    ...inEachFormat('get k --prefix --keys-only'),
    c('get k1 k3'),
    c('get k2 --from-key'),
    c('get k1 --rev=2 -w json'),
    c('get k1 --rev=3 -w json'),
    c('get k1 --rev=1000'),
    c('get k --prefix --print-value-only'),
    c('get k1 --hex -w json'),
    c('get k1 --consistency=s'),
    ...sorts,
    c('get k --prefix --sort-by=nonsense'),
    c('get k --prefix --order=DESCEND --limit=1'),
    c('get k --from-key --prefix'),
    c('get'),
  ],
  delete: [
    c('put k4 four'),
    ...inEachFormat('del k4 --prev-kv'),
    ...inEachFormat('del k4'),
    c('put k5 five'),
    c('put k6 six'),
    c('del k5 k6'),
    c('del k6 --from-key --prev-kv'),
    c('put p/1 1'),
    c('put p/2 2'),
    c('del p/ --prefix --prev-kv'),
    c('del'),
  ],
  txn: [
    ...['=', '>', '<', '!='].flatMap((operator) =>
      [`value("k1") ${operator} "uno"`, `version("k1") ${operator} "3"`, `create("k1") ${operator} "2"`].map(
        (compare) => c('txn -i', `${compare}\n\nget k1\n\nget none\n\n`),
      ),
    ),
    c('txn', 'mod("k1") > "0"\n\nput t1 "a value"\nget t1\ndel k9 --prefix\n\nput t2 no\n\n'),
    c('txn -w json', 'create("none") = "0"\n\nput t3 1\nget k --prefix --limit=2\n\n\n'),
    c('txn', 'lease("k1") = "0"\n\nput t4 1\n\n\n'),
    c('txn', '\nput same 1\nput same 2\n\n\n'),
    c('txn', 'nonsense\n\n\n\n'),
  ],
  watch: [
    until(21, 'watch k1 --rev=1'),
    until(30, 'watch k --prefix --rev=1 --prev-kv'),
    until(24, 'watch k1 k3 --rev=2'),
    until(1, 'watch k3 --rev=1 -w json'),
    until(18, 'watch k3 --rev=1 -w fields'),
    until(1, 'watch -i', 'watch k1\nprogress\n'),
    inAnyOrder(until(22, 'watch -i', 'watch k1 --rev=1\nprogress\n')),
    inAnyOrder(until(9, 'watch -i', 'watch k3 --rev=1\nwatch t1 --rev=1 --prev-kv\n')),
    until(28, 'watch k1 --rev=1 -- echo told'),
  ],
  'the server': [
    c('endpoint health'),
    c('endpoint health -w json'),
    c('endpoint status'),
    ...inEachFormat('endpoint status'),
    c('endpoint status -w table'),
    ...inEachFormat('endpoint hashkv'),
    c('endpoint hashkv --rev=3 -w json'),
    c('endpoint hashkv -w table'),
    ...inEachFormat('member list'),
    c('member list -w table'),
    c('endpoint health --cluster'),
    c('alarm list'),
  ],
  compaction: [
    c('compaction 5'),
    c('compaction 5'),
    c('compaction 4'),
    c('compaction 1000'),
    c('compaction 6 --physical'),
    c('compaction x'),
    c('get k1 --rev=5'),
    c('get k1 --rev=6 -w json'),
    c('watch k1 --rev=2'),
    c('endpoint hashkv -w json'),
  ],
};

/** What no two servers share. */
const STRANGERS: readonly (readonly [RegExp, string])[] = [
  [/"(dbSize|dbSizeInUse|raftIndex|raftAppliedIndex|raftTerm|raft_term|dbSizeQuota)":\d+,?/g, ''],
  [/"(storageVersion|version)":"[\d.]+",?/g, ''],
  [/^"(RaftTerm|DBSize|RaftIndex|RaftAppliedIndex)" : .*\n/gm, ''],
  [/^"Version" : ".*"\n/gm, ''],
  [/\b\d{15,20}\b/g, '<id>'],
  [/\b[0-9a-f]{13,16}\b/g, '<id>'],
  [/127\.0\.0\.1:\d+/g, '<address>'],
  [/took(["\s:=]+)[\d.]+[µnm]?s/g, 'took'],
  // endpoint status: version, size, term, index, applied index.
  [/\d+\.\d+\.\d+(,| +\|) +[\d.]+ [kM]?B/g, '<version, size>'],
  [/(true|false)(,| +\|) +\d+(,| +\|) +\d+(,| +\|) +\d+(?=,| +\|)/g, '$1 <term, index, applied>'],
  // The columns of a table are as wide as what is in them.
  [/ {2,}/g, ' '],
  [/-{3,}/g, '---'],
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

async function said(endpoint: string, command: Command): Promise<object> {
  const { lines } = command;
  const result = await runProgram('etcdctl', command.line.split(' '), {
    env: { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: endpoint },
    ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
    ...(lines === undefined ? {} : { until: (stdout: string) => stdout.split('\n').length > lines }),
  });
  // What came after the lines waited for, until the program was ended, is left to chance.
  const shown = recognisable(result.stdout.split('\n').slice(0, lines).join('\n'));
  return {
    ...(lines === undefined ? { code: result.code } : {}),
    stdout: command.inAnyOrder === true ? shown.split('\n').sort() : shown,
    stderr: recognisable(errorsOf(result.stderr)),
  };
}

describe.skipIf(!hasEtcd())(`etcdctl against ${other.name}`, () => {
  const servers: Running[] = [];
  beforeAll(async () => {
    servers.push(await running(etcd, REFERENCE_PORT));
    servers.push(await running(other, OTHER_PORT));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });

  test.each(Object.entries(chapters))('%s', async (_name, commands) => {
    const differences: object[] = [];
    for (const command of commands) {
      const [expected, actual] = await Promise.all(servers.map(({ server }) => said(server.endpoint, command)));
      if (JSON.stringify(expected) !== JSON.stringify(actual))
        differences.push({ command: command.line, expected, actual });
    }
    expect(differences).toEqual([]);
  });
});
