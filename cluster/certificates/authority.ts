/**
 * A certificate authority for clusters that live for an hour: local ones, chaos runs, tests. It keeps its key in memory and gives out
 * certificates and lists of those it takes back.
 *
 *     authority.issue({ commonName: 'n1', hosts: ['127.0.0.1', 'localhost'] })    -> { cert, key }, in PEM form
 *     authority.revoke([cert])                                                    -> a revocation list
 */

import { generateKeyPair, randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import forge from 'node-forge';

export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Subject {
  /** There may be several in one certificate, or none. */
  readonly commonName: string | readonly string[];
  readonly hosts?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Whether a key of its own is made, which takes a while; else all certificates of the authority have the same. */
  readonly ownKey?: boolean;
}

interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

const KEY_BITS = 2048;
const SERIAL_BYTES = 16;
const DAY_MS = 86_400_000;

export class Authority {
  /** In PEM form: what others are to trust. */
  readonly cert: string;
  readonly #key: forge.pki.rsa.PrivateKey;
  readonly #name: forge.pki.CertificateField[];
  readonly #shared: KeyPair;

  private constructor(name: string, own: KeyPair, shared: KeyPair) {
    this.#name = [{ name: 'commonName', value: name }];
    this.#key = forge.pki.privateKeyFromPem(own.privateKey);
    this.#shared = shared;
    const extensions = [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ];
    this.cert = this.#certificate(name, own.publicKey, [past(), future()], extensions);
  }

  static async make(name: string): Promise<Authority> {
    return new Authority(name, await makeKeys(), await makeKeys());
  }

  async issue({ commonName, hosts = [], notBefore, notAfter, ownKey }: Subject): Promise<Issued> {
    const keys = ownKey === true ? await makeKeys() : this.#shared;
    const altNames = hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host }));
    const extensions = [
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      ...(altNames.length === 0 ? [] : [{ name: 'subjectAltName', altNames }]),
    ];
    const validity = [notBefore ?? past(), notAfter ?? future()] as const;
    return { cert: this.#certificate(commonName, keys.publicKey, validity, extensions), key: keys.privateKey };
  }

  /** The list of what has been taken back, good until `nextUpdate`. */
  revoke(certs: readonly string[], nextUpdate: Date = future()): string {
    const { asn1 } = forge;
    const { Class, Type } = asn1;
    const sequence = (...parts: forge.asn1.Asn1[]): forge.asn1.Asn1 =>
      asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, parts);
    const primitive = (type: forge.asn1.Type, bytes: string): forge.asn1.Asn1 =>
      asn1.create(Class.UNIVERSAL, type, false, bytes);
    const time = (at: Date): forge.asn1.Asn1 => primitive(Type.UTCTIME, asn1.dateToUtcTime(at));
    const sha256WithRsa = forge.pki.oids['sha256WithRSAEncryption'] ?? '';
    const algorithm = (): forge.asn1.Asn1 =>
      sequence(primitive(Type.OID, asn1.oidToDer(sha256WithRsa).getBytes()), primitive(Type.NULL, ''));
    const entries = certs.map((cert) => {
      const serial = Buffer.from(new X509Certificate(cert).serialNumber, 'hex').toString('latin1');
      return sequence(primitive(Type.INTEGER, serial), time(past()));
    });
    const issuer = forge.pki.certificateFromPem(this.cert).subject;
    const list = sequence(
      // Version 2.
      primitive(Type.INTEGER, asn1.integerToDer(1).getBytes()),
      algorithm(),
      forge.pki.distinguishedNameToAsn1(issuer),
      time(past()),
      time(nextUpdate),
      ...(entries.length === 0 ? [] : [sequence(...entries)]),
    );
    const digest = forge.md.sha256.create();
    digest.update(asn1.toDer(list).getBytes());
    const signature = primitive(Type.BITSTRING, `\0${this.#key.sign(digest)}`);
    const body = asn1.toDer(sequence(list, algorithm(), signature)).getBytes();
    return forge.pem.encode({ type: 'X509 CRL', body });
  }

  #certificate(
    commonName: string | readonly string[],
    publicKey: string,
    [notBefore, notAfter]: readonly [Date, Date],
    extensions: readonly object[],
  ): string {
    const cert = forge.pki.createCertificate();
    cert.publicKey = forge.pki.publicKeyFromPem(publicKey);
    // The first byte keeps it positive.
    cert.serialNumber = `01${randomBytes(SERIAL_BYTES).toString('hex')}`;
    cert.validity.notBefore = notBefore;
    cert.validity.notAfter = notAfter;
    cert.setSubject([commonName].flat().map((value) => ({ name: 'commonName', value })));
    cert.setIssuer(this.#name);
    cert.setExtensions([...extensions]);
    cert.sign(this.#key, forge.md.sha256.create());
    return forge.pki.certificateToPem(cert);
  }
}

async function makeKeys(): Promise<KeyPair> {
  return await promisify(generateKeyPair)('rsa', {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

const past = (): Date => new Date(Date.now() - DAY_MS);
const future = (): Date => new Date(Date.now() + DAY_MS);
