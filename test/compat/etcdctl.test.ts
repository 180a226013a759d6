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
  /** As after `etcdctl`, divided at spaces. LEASE stands for the id that was granted last. */
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
  // After what hashes the store: ids of leases are in it, and no two servers choose the same.
  leases: [
    c('lease list'),
    c('lease grant 100'),
    c('put l1 one --lease=LEASE'),
    c('put l3 three --lease=123'),
    c('lease timetolive LEASE'),
    ...inEachFormat('lease timetolive LEASE --keys'),
    ...inEachFormat('lease list'),
    ...inEachFormat('lease keep-alive LEASE --once'),
    c('get l1 -w json'),
    c('get l --prefix -w fields'),
    c('put l1 uno --ignore-lease'),
    c('put l2 two --lease=LEASE'),
    c('put l2 due'),
    c('lease timetolive LEASE --keys'),
    c('txn', 'lease("l1") != "0"\n\nget l1\n\n\n'),
    c('lease revoke LEASE'),
    c('get l --prefix'),
    ...inEachFormat('lease revoke LEASE'),
    ...inEachFormat('lease timetolive LEASE --keys'),
    ...inEachFormat('lease keep-alive LEASE --once'),
    c('put l1 x --lease=LEASE'),
    ...inEachFormat('lease grant 60'),
    c('lease grant 9000000001'),
    c('lease grant 0'),
    c('lease grant -- -1'),
    c('lease grant x'),
    c('lease grant'),
    c('lease revoke x'),
    c('lease revoke'),
    c('lease timetolive x'),
    c('lease keep-alive x'),
    c('lease grant 2'),
    c('put l4 short --lease=LEASE'),
    until(3, 'watch l4 --rev=7'),
    until(4, 'watch l4 --rev=7'),
    c('get l4'),
    c('lease keep-alive LEASE'),
  ],
  'locks and elections': [
    c('lock n echo held'),
    until(1, 'lock n'),
    c('lock --ttl=5 n echo again'),
    until(2, 'elect e one'),
    c('lock'),
    c('elect'),
    c('get --prefix n'),
  ],
  // Last, though it ends as it began: with auth off and nobody known. What 3.4 does otherwise than 3.7 is left out: it tells who may read nothing
  // the keys of a lease, and names in its own words who may not ask for hashes.
  auth: [
    c('auth enable'),
    c('auth disable'),
    c('auth status'),
    c('auth'),
    c('user list'),
    c('user add root:r --interactive=false'),
    c('user add root:r --interactive=false'),
    c('user add alice:a --interactive=false -w json'),
    c('user add bob --interactive=false', 'b\n'),
    c('user add :p --interactive=false'),
    c('user add carol --no-password'),
    c('user add carol --new-user-password=c'),
    c('user add dave --new-user-password=d'),
    c('user add erin --interactive=false', 'e\n'),
    c('user add'),
    c('user add two words'),
    ...inEachFormat('user get alice'),
    c('user get nobody'),
    ...inEachFormat('user list'),
    c('role list'),
    c('role add reader -w json'),
    c('role add reader'),
    c('role add root'),
    c('role add empty'),
    c('role add gone'),
    c('role add'),
    ...inEachFormat('role list'),
    ...inEachFormat('role get reader'),
    c('role get nothing'),
    ...inEachFormat('role grant-permission reader read a1 a5'),
    c('role grant-permission reader readwrite b/ --prefix'),
    c('role grant-permission reader write x --from-key'),
    c('role grant-permission reader read k'),
    c('role grant-permission reader write k'),
    c('role grant-permission reader nonsense k'),
    c('role grant-permission reader read'),
    c('role grant-permission nothing read k'),
    c('role grant-permission reader read a b --prefix'),
    ...inEachFormat('role get reader'),
    c('role revoke-permission reader k'),
    c('role revoke-permission reader k'),
    c('role revoke-permission reader a1'),
    c('role revoke-permission nothing k'),
    c('role revoke-permission reader'),
    c('role get reader'),
    ...inEachFormat('user grant-role alice reader'),
    c('user grant-role alice gone'),
    c('user grant-role alice nothing'),
    c('user grant-role nobody reader'),
    c('user grant-role alice'),
    ...inEachFormat('user get alice'),
    c('user get alice --detail'),
    c('user grant-role root root'),
    c('user get root'),
    c('role delete gone'),
    c('role delete gone'),
    c('user get alice'),
    c('user passwd bob --interactive=false', 'new\n'),
    c('user passwd nobody --interactive=false', 'new\n'),
    c('get a1 --user=alice:a'),
    c('auth enable'),
    c('auth enable'),
    c('auth enable --user=root:r'),
    c('get a1'),
    c('put a1 x'),
    c('put a1 x --user=root:r'),
    c('put b/1 x --user=alice:a'),
    c('put a1 x --user=alice:a'),
    c('put a1 x --user=alice:wrong'),
    c('put a1 x --user=nobody:a'),
    c('put a1 x --user=bob:b'),
    c('get a1 --user=bob:new'),
    ...inEachFormat('get a1 --user=alice:a'),
    c('get a1 a5 --user=alice:a'),
    c('get a1 a6 --user=alice:a'),
    c('get a1 --prefix --user=alice:a'),
    c('get b/ --prefix --user=alice:a'),
    c('get c --prefix --user=alice:a'),
    c('get a1 --from-key --user=alice:a'),
    c('put xyz 1 --user=alice:a'),
    c('put xyz 2 --prev-kv --user=alice:a'),
    c('get xyz --user=alice:a'),
    c('del b/ --prefix --prev-kv --user=alice:a'),
    c('del x --from-key --user=alice:a'),
    c('del x --from-key --prev-kv --user=alice:a'),
    c('txn --user=alice:a', 'value("a1") = "x"\n\nput b/2 1\n\nput b/3 1\n\n'),
    c('txn --user=alice:a', 'value("c1") = "x"\n\nput b/2 1\n\nput b/3 1\n\n'),
    c('txn --user=alice:a', 'value("a1") = "x"\n\nput b/2 1\n\nput c 1\n\n'),
    c('lease grant 100 --user=alice:a'),
    c('put b/4 x --lease=LEASE --user=alice:a'),
    c('lease timetolive LEASE --keys --user=alice:a'),
    c('put c x --lease=LEASE --user=root:r'),
    c('put b/5 x --lease=LEASE --user=alice:a'),
    c('lease revoke LEASE --user=alice:a'),
    c('lease revoke LEASE --user=root:r'),
    until(1, 'watch b/2 --rev=1 -w json --user=alice:a'),
    c('watch c --user=alice:a'),
    c('watch c'),
    c('user list'),
    c('user list --user=alice:a'),
    c('user get alice --user=alice:a'),
    c('user get root --user=alice:a'),
    c('role get reader --user=alice:a'),
    c('role get empty --user=alice:a'),
    c('role list --user=alice:a'),
    c('user add mallory --no-password --user=alice:a'),
    c('user passwd alice --interactive=false --user=alice:a', 'mine\n'),
    c('user grant-role alice root --user=alice:a'),
    c('user delete root --user=alice:a'),
    c('role grant-permission reader read c --user=alice:a'),
    c('role revoke-permission reader b/ c --user=alice:a'),
    c('role delete reader --user=alice:a'),
    c('auth disable --user=alice:a'),
    c('auth disable'),
    c('endpoint status --user=alice:a'),
    c('alarm list --user=alice:a'),
    c('alarm disarm --user=alice:a'),
    c('defrag --user=alice:a'),
    c('member list --user=alice:a'),
    c('member remove 1 --user=alice:a'),
    c('user delete root --user=root:r'),
    c('role delete root --user=root:r'),
    c('user revoke-role root root --user=root:r'),
    c('user revoke-role alice reader --user=root:r'),
    c('user revoke-role alice reader --user=root:r'),
    c('user revoke-role nobody reader --user=root:r'),
    c('get a1 --user=alice:a'),
    c('user delete alice --user=root:r'),
    c('user delete alice --user=root:r'),
    c('get a1 --user=alice:a'),
    ...['bob', 'carol', 'dave', 'erin'].map((name) => c(`user delete ${name} --user=root:r`)),
    ...inEachFormat('auth disable --user=root:r'),
    c('auth disable'),
    c('user delete root'),
    ...['reader', 'empty', 'root'].map((name) => c(`role delete ${name}`)),
    c('user list'),
    c('role list'),
    c('get a1'),
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
  // Of a lease, some of which may have passed between two questions.
  [/remaining\(\d+s\)/g, 'remaining(some)'],
  [/"ttl":\d+/g, '"ttl":some'],
  [/^"TTL" : \d+$/gm, '"TTL" : some'],
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

/** By endpoint, the lease that was granted last. */
const granted = new Map<string, string>();

async function said(endpoint: string, command: Command): Promise<object> {
  const { lines } = command;
  const line = command.line.replaceAll('LEASE', granted.get(endpoint) ?? '0');
  const result = await runProgram('etcdctl', line.split(' '), {
    env: { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: endpoint },
    ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
    ...(lines === undefined ? {} : { until: (stdout: string) => stdout.split('\n').length > lines }),
  });
  const lease = /^lease ([0-9a-f]+) granted/.exec(result.stdout)?.[1];
  if (lease !== undefined) granted.set(endpoint, lease);
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
