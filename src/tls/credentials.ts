/**
 * The credentials of one side of TLS, as they are now: certificate, key, authorities, revocation lists and what versions and ciphers may be used.
 * Files that have changed are read again before the next handshake; connections that stand stay as they are.
 *
 *     handshake ... handshake ... (file replaced) ... handshake: new certificate
 *                                 (garbage)       ... handshake: still the old one, and a line in the log
 *
 * The files are looked at once in LOOK_MS at most, however many handshakes there are. A certificate that was replaced before its key does
 * not go with it: it is left until the key is replaced too.
 */

import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import type { Clock, Logger } from '../base/index.ts';
import { CredentialError, type CredentialFiles, readCredential, stateOf } from './credential-files.ts';

/** How long a change of a file may go unseen. */
export const LOOK_MS = 1000;

/** What may be spoken. */
export interface TlsProtocol {
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
  /** OpenSSL's names; all that Node.js finds good if there are none. */
  readonly ciphers: readonly string[];
}

export interface CredentialsOptions {
  /** What they are for, in the log. */
  readonly purpose: string;
  readonly files: CredentialFiles;
  readonly protocol: TlsProtocol;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface CurrentCredentials {
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
}

export class Credentials {
  readonly #options: CredentialsOptions;
  #current: CurrentCredentials;
  /** Of the files when they were read last, whether they were good or not. */
  #state: string;
  #lookedAt: number;

  /** Throws CredentialError. */
  constructor(options: CredentialsOptions) {
    this.#options = options;
    this.#lookedAt = options.clock.now();
    this.#state = stateOf(options.files);
    this.#current = this.#load();
    this.#tell('loaded TLS credentials');
  }

  /** The same object until there are others. */
  get current(): CurrentCredentials {
    const { clock, files, logger, purpose } = this.#options;
    const now = clock.now();
    if (now - this.#lookedAt < LOOK_MS) return this.#current;
    this.#lookedAt = now;
    // Taken before the reading: what is written meanwhile is another state the next time.
    const state = stateOf(files);
    if (state === this.#state) return this.#current;
    this.#state = state;
    try {
      this.#current = this.#load();
      this.#tell('reloaded TLS credentials');
    } catch (error) {
      logger.error('the new TLS credentials cannot be used; the old ones stay', { purpose, error });
    }
    return this.#current;
  }

  #load(): CurrentCredentials {
    const { files, protocol } = this.#options;
    const options: SecureContextOptions = {
      ...readCredential(files),
      minVersion: protocol.minVersion,
      maxVersion: protocol.maxVersion,
      ...(protocol.ciphers.length === 0 ? {} : { ciphers: protocol.ciphers.join(':'), honorCipherOrder: true }),
    };
    try {
      return { options, context: createSecureContext(options) };
    } catch (error) {
      const named = Object.values(files).flatMap((file) => (file === undefined ? [] : [`--${file.flag} ${file.path}`]));
      throw new CredentialError(`${named.join(', ')} cannot be used`, { cause: error });
    }
  }

  #tell(message: string): void {
    const { clock, files, logger, purpose } = this.#options;
    const { cert } = this.#current.options;
    if (typeof cert !== 'string') return;
    const { subject, serialNumber, validTo } = new X509Certificate(cert);
    const fields = { purpose, cert: files.cert?.path, subject, 'serial-number': serialNumber, 'not-after': validTo };
    if (Date.parse(validTo) <= clock.wall()) logger.warn(`${message}; the certificate has expired`, fields);
    else logger.info(message, fields);
  }
}
