/** The TLS of one member, put together from its configuration: what each of its ports shows and asks for, and how it calls other members. */

import { join } from 'node:path';
import type { Clock, Logger } from '../base/index.ts';
import { Complaints, channelOpener, type OpenChannel } from '../peer/index.ts';
import {
  addressProblem,
  type CredentialFiles,
  Credentials,
  type OnRefused,
  readCredential,
  selfSigned,
  type TlsPolicy,
} from '../tls/index.ts';
import type { ServerConfig } from './server-config.ts';
import type { PortTlsConfig } from './tls-config.ts';
import type { MemberUrl } from './url.ts';

type Side = PortTlsConfig['side'];

export interface MemberTls {
  /** What a port does with connections at this URL; undefined for one without TLS. */
  policyOf(side: Side, url: MemberUrl): TlsPolicy | undefined;
  /** Tells the log of connections that were refused, of each trouble of a client once in a while. */
  refused(side: Side): OnRefused;
  /** To other members. */
  readonly openChannel: OpenChannel;
}

export interface MemberTlsOptions {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Rejects with CredentialError, or if a certificate that is to be made cannot be written. */
export async function memberTls(options: MemberTlsOptions): Promise<MemberTls> {
  const { config, clock, logger } = options;
  const { client, peer } = config.tls;
  const policies = { client: await policy(options, client), peer: await policy(options, peer) };
  // The member does not call its own client port; but what was given for that has to be good.
  readCredential(client.callFiles);
  const openChannel = channelOpener({
    credentials: credentials(options, 'calls to peers', policies.peer?.ownFiles ?? peer.callFiles),
    allowed: peer.allowed,
    verifies: !peer.isAuto,
  });
  const complaints = new Complaints(clock);
  return {
    policyOf: (side, { scheme }) => (scheme === 'https' ? policies[side]?.policy : undefined),
    refused:
      (endpoint) =>
      ({ address, error }) => {
        // Without the port, which is another one at each attempt.
        const host = address.slice(0, address.lastIndexOf(':'));
        complaints.make(`${endpoint} ${host} ${error}`, () =>
          logger.warn('rejected connection', { endpoint, 'remote-addr': address, error }),
        );
      },
    openChannel,
  };
}

interface PortPolicy {
  readonly policy: TlsPolicy;
  /** Of a certificate that was made here: to be shown in calls as well. */
  readonly ownFiles: CredentialFiles | undefined;
}

/** Undefined if no address of the port speaks TLS. */
async function policy(options: MemberTlsOptions, port: PortTlsConfig): Promise<PortPolicy | undefined> {
  const { clock } = options;
  const hosts = hostsOf(options.config, port.side);
  if (hosts.length === 0) return undefined;
  const ownFiles = port.isAuto ? await makeOwn(options, port.side, hosts) : undefined;
  return {
    ownFiles,
    policy: {
      credentials: credentials(options, `${port.side} port`, ownFiles ?? port.files),
      clock,
      // As etcd does: authorities are there to be asked.
      requireCertificate: port.certAuth || port.files.authorities !== undefined,
      allowed: port.allowed,
      objection: port.checkAddress ? addressProblem : undefined,
    },
  };
}

/** Of the addresses that speak TLS. */
function hostsOf({ listenClientUrls, listenMetricsUrls, listenPeerUrls }: ServerConfig, side: Side): string[] {
  const urls = side === 'peer' ? listenPeerUrls : [...listenClientUrls, ...listenMetricsUrls];
  return [...new Set(urls.filter(({ scheme }) => scheme === 'https').map(({ host }) => host))];
}

async function makeOwn(
  { config, clock, logger }: MemberTlsOptions,
  side: Side,
  hosts: readonly string[],
): Promise<CredentialFiles> {
  const directory = join(config.dataDirectory, 'fixtures', side);
  const years = config.tls.selfSignedYears;
  const { certPath, keyPath, isNew } = await selfSigned({ directory, hosts, years, wall: clock.wall() });
  if (isNew) logger.info('made a certificate', { purpose: `${side} port`, path: certPath, hosts, years });
  const flag = side === 'peer' ? 'peer-auto-tls' : 'auto-tls';
  return { cert: { flag, path: certPath }, key: { flag, path: keyPath } };
}

function credentials(
  { config, clock, logger }: MemberTlsOptions,
  purpose: string,
  files: CredentialFiles,
): Credentials {
  return new Credentials({ purpose, files, protocol: config.tls.protocol, clock, logger });
}
