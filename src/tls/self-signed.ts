/**
 * A certificate that a member makes for itself (--auto-tls): it keeps what is said from being read on the way, and proves nothing to anybody.
 * It is kept where etcd keeps it, and used again by the next start, until it has expired.
 *
 *     <data-dir>/fixtures/client/cert.pem, key.pem
 *     <data-dir>/fixtures/peer/cert.pem, key.pem
 */

import { createPrivateKey, generateKeyPair, randomBytes, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface SelfSignedOptions {
  readonly directory: string;
  /** Names and addresses that it is good for. */
  readonly hosts: readonly string[];
  readonly years: number;
  /** Milliseconds since 1970. */
  readonly wall: number;
}

export interface SelfSigned {
  readonly certPath: string;
  readonly keyPath: string;
  /** False: it was there. */
  readonly isNew: boolean;
}

const KEY_BITS = 2048;
const SERIAL_BYTES = 16;
const DAY_MS = 86_400_000;
const DAYS_A_YEAR = 365;
/** Clocks differ. */
const EARLIER_MS = 300_000;

/** Rejects if the directory cannot be written. */
export async function selfSigned(options: SelfSignedOptions): Promise<SelfSigned> {
  const { directory, wall } = options;
  const certPath = join(directory, 'cert.pem');
  const keyPath = join(directory, 'key.pem');
  if (isGood(await textOf(certPath), await textOf(keyPath), wall)) return { certPath, keyPath, isNew: false };
  const { cert, key } = await make(options);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(keyPath, key, { mode: 0o600 });
  // A file that was there has kept its mode.
  await chmod(keyPath, 0o600);
  await writeFile(certPath, cert, { mode: 0o600 });
  return { certPath, keyPath, isNew: true };
}

/** Whatever keeps it from being read: it is made anew, and if that cannot be written either, this is said. */
async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, 'latin1').catch(() => undefined);
}

function isGood(cert: string | undefined, key: string | undefined, wall: number): boolean {
  if (cert === undefined || key === undefined) return false;
  try {
    const certificate = new X509Certificate(cert);
    return certificate.checkPrivateKey(createPrivateKey(key)) && Date.parse(certificate.validTo) > wall;
  } catch {
    // Half written, before a crash: it is made anew.
    return false;
  }
}

async function make({ hosts, years, wall }: SelfSignedOptions): Promise<{ cert: string; key: string }> {
  // Loaded only here: most members never need it.
  const { default: forge } = await import('node-forge');
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.publicKeyFromPem(publicKey);
  // The first byte keeps it positive.
  cert.serialNumber = `01${randomBytes(SERIAL_BYTES).toString('hex')}`;
  cert.validity.notBefore = new Date(wall - EARLIER_MS);
  cert.validity.notAfter = new Date(wall + years * DAYS_A_YEAR * DAY_MS);
  const name = [{ name: 'organizationName', value: 'etcd' }];
  cert.setSubject(name);
  cert.setIssuer(name);
  const altNames = hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host }));
  cert.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    ...(altNames.length === 0 ? [] : [{ name: 'subjectAltName', altNames }]),
  ]);
  cert.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(cert), key: privateKey };
}
