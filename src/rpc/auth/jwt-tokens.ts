/**
 * JSON web tokens (RFC 7519): a token that says for itself who its bearer is, until when, and as of which revision of the auth store. Whoever has
 * the key can make one; members with the public key alone only check them.
 *
 *     { "username": "alice", "revision": 12, "exp": 1764000000 }
 *
 * Only the one algorithm that was configured is taken, so that nobody can choose `none`, or pass a public key off as a shared secret.
 */

import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../../base/index.ts';

export interface JwtClaims {
  readonly username: string;
  readonly authRevision: number;
  /** Wall clock. */
  readonly expiresMs: number;
}

export interface JwtOptions {
  readonly clock: Clock;
  /** 'RS256', 'ES384', 'EdDSA'... */
  readonly signMethod: string;
  /** PEM; for HS the secret itself. */
  readonly publicKey: Uint8Array | undefined;
  readonly privateKey: Uint8Array | undefined;
  readonly ttlMs: number;
}

/** No honest token is longer. */
const TOKEN_CHARACTERS_MAX = 8192;

export class JwtTokens {
  readonly #clock: Clock;
  readonly #signMethod: string;
  readonly #ttlMs: number;
  readonly #signingKey: KeyObject | undefined;
  readonly #verifyingKey: KeyObject;

  /** Throws if a key is not one, or not of the sign method's kind. */
  constructor({ clock, signMethod, publicKey, privateKey, ttlMs }: JwtOptions) {
    this.#clock = clock;
    this.#signMethod = signMethod;
    this.#ttlMs = ttlMs;
    if (signMethod.startsWith('HS')) {
      const secret = privateKey ?? publicKey;
      if (secret === undefined || secret.length === 0) throw new Error('a shared secret is needed');
      this.#signingKey = createSecretKey(secret);
      this.#verifyingKey = this.#signingKey;
      return;
    }
    this.#signingKey = privateKey === undefined ? undefined : createPrivateKey(Buffer.from(privateKey));
    const verifying = publicKey ?? privateKey;
    if (verifying === undefined) throw new Error('a key is needed');
    this.#verifyingKey = createPublicKey(Buffer.from(verifying));
    const kind = this.#verifyingKey.asymmetricKeyType ?? 'none';
    if (!KEY_KINDS[signMethod.slice(0, 2)]?.includes(kind))
      throw new Error(`a key of kind ${kind} is not for ${signMethod}`);
  }

  get canSign(): boolean {
    return this.#signingKey !== undefined;
  }

  /** Rejects if there is no key to sign with. */
  async sign(username: string, authRevision: number): Promise<string> {
    if (this.#signingKey === undefined) throw new Error('tokens can only be checked here: there is no private key');
    const expires = Math.floor((this.#clock.wall() + this.#ttlMs) / 1000);
    return await new SignJWT({ username, revision: authRevision, exp: expires })
      .setProtectedHeader({ alg: this.#signMethod, typ: 'JWT' })
      .sign(this.#signingKey);
  }

  /** What the token says; undefined if it is forged, expired, of another algorithm, or no token at all. */
  async verify(token: string): Promise<JwtClaims | undefined> {
    if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
    try {
      const options = { algorithms: [this.#signMethod], currentDate: new Date(this.#clock.wall()) };
      const { payload } = await jwtVerify(token, this.#verifyingKey, options);
      return claimsOf(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}

const KEY_KINDS: Readonly<Record<string, readonly string[]>> = {
  RS: ['rsa'],
  PS: ['rsa', 'rsa-pss'],
  ES: ['ec'],
  Ed: ['ed25519', 'ed448'],
};

/** A token that is good for ever is none of ours. */
function claimsOf({ username, revision, exp }: JWTPayload): JwtClaims | undefined {
  if (typeof username !== 'string' || username === '' || exp === undefined) return undefined;
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision < 0) return undefined;
  return { username, authRevision: revision, expiresMs: exp * 1000 };
}
