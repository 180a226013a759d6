/** Mutual TLS for a local cluster: one authority, one certificate that all members show on both ports, and one for the clients. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientTls } from '../../src/client/index.ts';
import { Authority } from './authority.ts';

export interface ClusterTls {
  /** For each member. */
  readonly flags: readonly string[];
  /** For clients. */
  readonly client: Required<Pick<ClientTls, 'ca' | 'cert' | 'key'>>;
}

/** Makes them anew, as files below the directory. They are good for a day; `hosts` is where the members are. */
export async function makeClusterTls(directory: string, hosts: readonly string[]): Promise<ClusterTls> {
  const authority = await Authority.make('local cluster');
  const member = await authority.issue({ commonName: 'member', hosts, ownKey: true });
  const client = await authority.issue({ commonName: 'root', ownKey: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = {
    'ca.pem': authority.cert,
    'member.pem': member.cert,
    'member.key': member.key,
    'client.pem': client.cert,
    'client.key': client.key,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  const flagsOf = (prefix: string): readonly string[] => [
    `--${prefix}cert-file=${join(directory, 'member.pem')}`,
    `--${prefix}key-file=${join(directory, 'member.key')}`,
    `--${prefix}trusted-ca-file=${join(directory, 'ca.pem')}`,
    `--${prefix}client-cert-auth`,
  ];
  return { flags: [...flagsOf(''), ...flagsOf('peer-')], client: { ca: authority.cert, ...client } };
}
