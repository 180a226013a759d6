/**
 * The files that credentials are made of, read and held against each other before OpenSSL sees them: so that what is wrong is said with the
 * name of the flag and of the file, and not as "error:05800074:x509 certificate routines".
 *
 *     --key-file /etc/b.key is not the key of --cert-file /etc/a.pem
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

/** A file, and the flag that named it. */
export interface FlagFile {
  readonly flag: string;
  readonly path: string;
}

export interface CredentialFiles {
  /** What this side shows, and the key to it: both or neither. */
  readonly cert?: FlagFile | undefined;
  readonly key?: FlagFile | undefined;
  /** Whose certificates are believed. None: those that the system believes. */
  readonly authorities?: FlagFile | undefined;
  /** What these authorities have taken back. */
  readonly revoked?: FlagFile | undefined;
}

/** The credentials cannot be used. The message names flag and file. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError';
}

export interface Credential {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string[];
  readonly crl?: string[];
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;
const REVOCATION_LIST = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g;

/** Throws CredentialError. */
export function readCredential({ cert, key, authorities, revoked }: CredentialFiles): Credential {
  return {
    ...(cert === undefined && key === undefined ? {} : readPair(cert, key)),
    ...(authorities === undefined ? {} : { ca: certificatesOf(authorities, read(authorities).toString('latin1')) }),
    ...(revoked === undefined ? {} : { crl: revocationLists(revoked) }),
  };
}

/** What tells that a file is another one now, or has another content. Also for one that is gone. */
export function stateOf(files: CredentialFiles): string {
  const all = [files.cert, files.key, files.authorities, files.revoked];
  return all.map((file) => (file === undefined ? '' : fileState(file.path))).join(' ');
}

function fileState(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? 'gone' : `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}

function readPair(cert: FlagFile | undefined, key: FlagFile | undefined): { cert: string; key: string } {
  if (cert === undefined) throw new CredentialError(`--${key?.flag} ${key?.path} is given without its certificate`);
  if (key === undefined) throw new CredentialError(`--${cert.flag} ${cert.path} is given without its key`);
  const chain = certificatesOf(cert, read(cert).toString('latin1'));
  const keyText = read(key).toString('latin1');
  let isPair: boolean;
  try {
    isPair = new X509Certificate(chain[0] ?? '').checkPrivateKey(createPrivateKey(keyText));
  } catch (error) {
    throw new CredentialError(`--${key.flag} ${key.path} has no private key that can be read`, { cause: error });
  }
  if (!isPair) {
    throw new CredentialError(`--${key.flag} ${key.path} is not the key of --${cert.flag} ${cert.path}`);
  }
  return { cert: chain.join('\n'), key: keyText };
}

function certificatesOf({ flag, path }: FlagFile, text: string): string[] {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new CredentialError(`--${flag} ${path} has no certificate in PEM form`);
  for (const block of blocks) {
    try {
      void new X509Certificate(block);
    } catch (error) {
      throw new CredentialError(`--${flag} ${path} has a certificate that cannot be read`, { cause: error });
    }
  }
  return blocks;
}

/** In PEM form, several perhaps, or one in DER form. Whether they are well-formed OpenSSL will say. */
function revocationLists(file: FlagFile): string[] {
  const bytes = read(file);
  const blocks = bytes.toString('latin1').match(REVOCATION_LIST);
  if (blocks !== null) return blocks;
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`];
}

function read({ flag, path }: FlagFile): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new CredentialError(`--${flag} ${path} cannot be read: ${problem}`, { cause: error });
  }
}
