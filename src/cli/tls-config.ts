/**
 * The flags of TLS, made into what each of the two ports needs. A port that clients or members connect to shows one certificate; who connects
 * from here to other members may show another.
 */

import type { SecureVersion } from 'node:tls';
import { type AllowedNames, type CredentialFiles, cipherSuite, type FlagFile, type TlsProtocol } from '../tls/index.ts';
import { ConfigError, type Note } from './note.ts';
import type { Settings } from './settings.ts';
import type { MemberUrl } from './url.ts';

/** Of the client port, or of the peer port. */
export interface PortTlsConfig {
  readonly side: 'client' | 'peer';
  /** For whoever connects. */
  readonly files: CredentialFiles;
  /** For connections from here. */
  readonly callFiles: CredentialFiles;
  /** Show a certificate made by this member itself. */
  readonly isAuto: boolean;
  /** Whether the common name of a client's certificate stands for a user (--client-cert-auth). */
  readonly certAuth: boolean;
  readonly allowed: AllowedNames;
  /** Whether a client must be at an address that its certificate names, if that names any. */
  readonly checkAddress: boolean;
}

export interface TlsConfig {
  readonly client: PortTlsConfig;
  readonly peer: PortTlsConfig;
  readonly protocol: TlsProtocol;
  readonly selfSignedYears: number;
}

const VERSIONS: ReadonlyMap<string, SecureVersion> = new Map([
  ['TLS1.2', 'TLSv1.2'],
  ['TLS1.3', 'TLSv1.3'],
]);

/** Throws ConfigError. */
export function tlsConfig(settings: Settings): TlsConfig {
  return {
    client: portTls(settings, 'client'),
    peer: portTls(settings, 'peer'),
    protocol: protocol(settings),
    selfSignedYears: settings.number('self-signed-cert-validity'),
  };
}

function portTls(settings: Settings, side: 'client' | 'peer'): PortTlsConfig {
  const prefix = side === 'peer' ? 'peer-' : '';
  const file = (flag: string): FlagFile | undefined => {
    const path = settings.text(flag);
    return path === '' ? undefined : { flag, path };
  };
  const cert = file(`${prefix}cert-file`);
  const key = file(`${prefix}key-file`);
  const shared = { authorities: file(`${prefix}trusted-ca-file`), revoked: file(`${side}-crl-file`) };
  const callCert = file(`${prefix}client-cert-file`);
  const callKey = file(`${prefix}client-key-file`);
  const hasOwn = callCert !== undefined || callKey !== undefined;
  const allowed = {
    commonNames: side === 'peer' ? names(settings, 'peer-cert-allowed-cn') : [],
    hostnames: names(settings, `${side}-cert-allowed-hostname`),
  };
  if (allowed.commonNames.length > 0 && allowed.hostnames.length > 0) {
    throw new ConfigError(
      `AllowedCN and AllowedHostname are mutually exclusive (cn="${allowed.commonNames.join()}", hostname="${allowed.hostnames.join()}")`,
    );
  }
  return {
    side,
    files: { cert, key, ...shared },
    callFiles: hasOwn ? { cert: callCert, key: callKey, ...shared } : { cert, key, ...shared },
    isAuto: settings.boolean(`${prefix}auto-tls`) && cert === undefined && key === undefined,
    certAuth: settings.boolean(`${prefix}client-cert-auth`),
    allowed,
    checkAddress: side === 'peer' && !settings.boolean('peer-skip-client-san-verification'),
  };
}

const names = (settings: Settings, flag: string): readonly string[] =>
  settings.list(flag).filter((name) => name !== '');

function protocol(settings: Settings): TlsProtocol {
  const version = (flag: string, otherwise: SecureVersion): SecureVersion => {
    const text = settings.text(flag);
    const known = text === '' ? otherwise : VERSIONS.get(text);
    if (known === undefined) throw new ConfigError(`unexpected TLS version "${text}" (--${flag})`);
    return known;
  };
  const minVersion = version('tls-min-version', 'TLSv1.2');
  const maxVersion = version('tls-max-version', 'TLSv1.3');
  if (minVersion > maxVersion) {
    throw new ConfigError(`min version (${minVersion}) is greater than max version (${maxVersion})`);
  }
  const ciphers = names(settings, 'cipher-suites').map((name) => {
    const suite = cipherSuite(name);
    if (suite === undefined) throw new ConfigError(`unexpected TLS cipher suite "${name}"`);
    return suite;
  });
  if (ciphers.length > 0 && minVersion === 'TLSv1.3') {
    throw new ConfigError('cipher suites cannot be configured when only TLS1.3 is enabled');
  }
  return { minVersion, maxVersion, ciphers };
}

/** Throws ConfigError for a URL that asks for TLS when there is nothing to show. */
export function checkTls(
  flag: string,
  { scheme, text, host, port }: MemberUrl,
  { side, files, isAuto }: PortTlsConfig,
): void {
  if (scheme !== 'https' || isAuto || files.cert !== undefined || files.key !== undefined) return;
  throw new ConfigError(
    side === 'client'
      ? `TLS key/cert (--cert-file, --key-file) must be provided for client url ${text} with HTTPS scheme (--${flag})`
      : `cannot listen on TLS for ${host}:${port}: KeyFile and CertFile are not presented (--peer-cert-file, --peer-key-file)`,
  );
}

/** What was set and has no effect. */
export function tlsNotes(settings: Settings, { client, peer }: TlsConfig): Note[] {
  const notes: Note[] = [];
  for (const { side, files, certAuth } of [client, peer]) {
    const prefix = side === 'peer' ? 'peer-' : '';
    const hasCert = files.cert !== undefined || files.key !== undefined;
    if (hasCert && settings.boolean(`${prefix}auto-tls`)) {
      notes.push({ level: 'warn', message: `ignoring ${side} auto TLS since certs given`, fields: {} });
    }
    for (const { scheme, text } of settings.urls(`listen-${side}-urls`)) {
      if (scheme !== 'http') continue;
      const fields = { [`${side}-url`]: text };
      if (hasCert) {
        const message = 'scheme is HTTP while key and cert files are present; ignoring key and cert files';
        notes.push({ level: 'warn', message, fields });
      }
      if (certAuth) {
        const flag = `--${prefix}client-cert-auth`;
        const message = `scheme is HTTP while ${flag} is enabled; ignoring client cert auth for this URL`;
        notes.push({ level: 'warn', message, fields });
      }
    }
  }
  return notes;
}
