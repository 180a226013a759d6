/** Who shows a certificate, in etcdctl 3.4's words: the same of this node as of Debian's etcd, whether or not it is told to take certificates for users. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Authority, type Subject } from '../../cluster/certificates/index.ts';
import { etcd, hasEtcd, type Running, running, watchraft } from '../support/servers.ts';
import { makeTemporaryDirectory, removeDirectory } from '../support/temporary-directory.ts';
import { type Difference, differences, Etcdctl } from './etcdctl.ts';

const PORTS = [24_650, 24_652] as const;

/** The common names of those who ask. Of several the last one counts. */
const PEOPLE = {
  root: 'root',
  alice: 'alice',
  stranger: 'stranger',
  rootAndAlice: ['root', 'alice'],
  aliceAndRoot: ['alice', 'root'],
  nameless: [],
  blank: '',
} satisfies Readonly<Record<string, Subject['commonName']>>;

type Person = keyof typeof PEOPLE;

/** Of those without a name etcd says of keys that they have no permission, and we that they have no name. */
const NAMED = ['root', 'alice', 'stranger', 'rootAndAlice', 'aliceAndRoot'] as const;
const ALL = [...NAMED, 'nameless', 'blank'] as const;

const asked: readonly (readonly [Person, string])[] = [
  ['stranger', 'put a/1 before'],
  ['root', 'user add root:r'],
  ['root', 'user grant-role root root'],
  ['root', 'role add reader'],
  ['root', 'role grant-permission reader readwrite a/ --prefix'],
  ['root', 'user add alice:a'],
  ['root', 'user grant-role alice reader'],
  ['alice', 'auth enable'],
  ...NAMED.flatMap((person): [Person, string][] => [
    [person, 'get a/1'],
    [person, 'put a/1 x'],
    [person, 'put b x'],
    [person, 'del a/ --prefix --prev-kv'],
  ]),
  ...ALL.flatMap((person): [Person, string][] => [
    [person, 'user list'],
    [person, 'user get alice'],
    // Whoever names himself is not who the certificate names.
    [person, 'put a/2 x --user=alice:a'],
    [person, 'put b x --user=alice:a'],
    [person, 'put b y --user=root:r'],
    [person, 'put b y --user=alice:wrong'],
  ]),
  ['alice', 'watch b'],
  ['stranger', 'watch b'],
  ['alice', 'auth disable'],
  ['root', 'auth disable'],
  ['root', 'auth disable --user=root:r'],
  ['stranger', 'put a/1 after'],
];

let directory = '';
let authority: Authority;
let servers: Running[] = [];

beforeEach(async () => {
  directory = await makeTemporaryDirectory();
  authority = await Authority.make('a CA');
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  servers = [];
  await removeDirectory(directory);
});

async function write(name: string, text: string): Promise<string> {
  await writeFile(join(directory, name), text);
  return join(directory, name);
}

describe.skipIf(!hasEtcd())('etcdctl with a certificate', () => {
  test.each([[['--client-cert-auth']], [[]]])('%j', async (flags) => {
    const ca = await write('ca.pem', authority.cert);
    const own = await authority.issue({ commonName: 'server', hosts: ['127.0.0.1'] });
    const tls = { ca: authority.cert, ...(await authority.issue({ commonName: 'whoever' })) };
    const secured = [
      `--cert-file=${await write('server.pem', own.cert)}`,
      `--key-file=${await write('server.key', own.key)}`,
      `--trusted-ca-file=${ca}`,
      ...flags,
    ];
    servers = [
      await running(etcd, PORTS[0], { flags: secured, tls }),
      await running(watchraft, PORTS[1], { flags: secured, tls }),
    ];
    const found: Difference[] = [];
    const people = new Map<Person, readonly Etcdctl[]>();
    for (const person of ALL) {
      const { cert, key } = await authority.issue({ commonName: PEOPLE[person] });
      const env = {
        ETCDCTL_CACERT: ca,
        ETCDCTL_CERT: await write(`${person}.pem`, cert),
        ETCDCTL_KEY: await write(`${person}.key`, key),
      };
      people.set(
        person,
        servers.map(({ server }) => new Etcdctl([`https://${server.endpoint}`], env)),
      );
    }
    for (const [person, line] of asked) {
      const [reference, tested] = people.get(person) ?? [];
      if (reference === undefined || tested === undefined) throw new Error(`${person} has no certificate`);
      for (const difference of await differences([{ line }], reference, tested))
        found.push({ ...difference, command: `${person}: ${line}` });
    }
    expect(found).toEqual([]);
  });
});
