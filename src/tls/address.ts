/**
 * Whether a client is where its certificate says: if that names addresses or hosts, the connection must come from one of them. A certificate
 * that was stolen from a member is then of no use elsewhere. One that names nothing is good everywhere.
 */

import { lookup, reverse } from 'node:dns/promises';
import type { TLSSocket } from 'node:tls';

/** Further names are not looked up: a certificate is made by others. */
const NAMES_LOOKED_UP_MAX = 20;

/** Why this client should not have this certificate; undefined if it may. Takes as long as the names' resolution does. */
export async function addressProblem(socket: TLSSocket): Promise<string | undefined> {
  const certificate = socket.getPeerX509Certificate();
  const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  const names = certificate?.subjectAltName?.split(', ') ?? [];
  const hosts = names.flatMap((name) => (name.startsWith('DNS:') ? [name.slice('DNS:'.length)] : []));
  const hasAddress = names.some((name) => name.startsWith('IP Address:'));
  if (certificate === undefined || (hosts.length === 0 && !hasAddress)) return undefined;
  if (certificate.checkIP(address) !== undefined) return undefined;
  for (const host of hosts.slice(0, NAMES_LOOKED_UP_MAX)) {
    const isThere = host.startsWith('*')
      ? (await namesOf(address)).some((name) => certificate.checkHost(name) !== undefined)
      : (await addressesOf(host)).includes(address);
    if (isThere) return undefined;
  }
  return `its certificate is for ${names.join(', ')}, which ${address} is not`;
}

/** None for a name that cannot be resolved: then it is not where the client is. */
async function addressesOf(host: string): Promise<readonly string[]> {
  return await lookup(host, { all: true }).then(
    (found) => found.map(({ address }) => address),
    () => [],
  );
}

async function namesOf(address: string): Promise<readonly string[]> {
  return await reverse(address).catch(() => []);
}
