/**
 * Who is behind a call. A token in the call's metadata says so (`token`, or `authorization`), or the name in the client's certificate.
 *
 *     token kmXS....1742      simple: known here since entry 1742 was applied; if that is not so yet, this member catches up first
 *     token eyJhbGci...       JWT: signed by whoever has the key, for a user and a revision of the auth store
 *     no token                the certificate's common name, where certificates are asked for (--client-cert-auth)
 *
 * Found out once, when the call begins; looked up anew each time that it matters, for tokens end and users go while a stream lives.
 */

import { type Caller, NOBODY } from '../../auth/index.ts';
import { type Clock, RequestError } from '../../base/index.ts';
import type { Member } from '../../node/index.ts';
import type { CallContext } from '../../wire/index.ts';
import type { JwtClaims, JwtTokens } from './jwt-tokens.ts';

export interface CallersOptions {
  readonly member: Pick<Member, 'auth' | 'identification' | 'readIndex' | 'status'>;
  readonly clock: Clock;
  /** Undefined: tokens are simple. */
  readonly jwt: JwtTokens | undefined;
  /** --client-cert-auth */
  readonly usesCertificates: boolean;
}

export class Callers {
  readonly #options: CallersOptions;
  /** Of tokens that had to be verified; null: it was no good. */
  readonly #claims = new WeakMap<CallContext, JwtClaims | null>();

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /**
   * Makes sure that of() can tell. Undefined: it can. Else it can once the promise resolves, which rejects only if it cannot be found out now.
   * For a stream, which may outlive auth's being off, it is found out in any case.
   */
  identify(call: CallContext, isStream: boolean): Promise<void> | undefined {
    const token = tokenOf(call);
    const { jwt, member } = this.#options;
    if (token === undefined || !(member.auth.enabled || (isStream && jwt !== undefined))) return undefined;
    if (jwt !== undefined) return this.#verify(jwt, call, token);
    if (member.identification.tokens.userOf(token) !== undefined || !isAhead(token, member)) return undefined;
    return member.readIndex();
  }

  /** Whoever calls, as of now. Throws RequestError invalidAuthToken. */
  of(call: CallContext): Caller {
    const { auth } = this.#options.member;
    if (!auth.enabled) return NOBODY;
    const claims = this.#claims.get(call);
    if (claims === undefined) {
      const user = this.userOf(call);
      if (user === undefined && tokenOf(call) !== undefined) throw new RequestError('invalidAuthToken');
      return user === undefined ? NOBODY : auth.callerNamed(user);
    }
    if (claims === null || claims.expiresMs <= this.#options.clock.wall()) throw new RequestError('invalidAuthToken');
    return { username: claims.username, authRevision: claims.authRevision };
  }

  /** The user of a call whose token may have ended meanwhile. Undefined for nobody, and for a token that tells nothing. */
  userOf(call: CallContext): string | undefined {
    const { member, usesCertificates } = this.#options;
    const claims = this.#claims.get(call);
    if (claims !== undefined) return claims?.username;
    const token = tokenOf(call);
    if (token !== undefined) return member.identification.tokens.userOf(token);
    return usesCertificates && call.commonName ? call.commonName : undefined;
  }

  async #verify(jwt: JwtTokens, call: CallContext, token: string): Promise<void> {
    this.#claims.set(call, (await jwt.verify(token)) ?? null);
  }
}

function tokenOf({ metadata }: CallContext): string | undefined {
  return metadata.get('token') ?? metadata.get('authorization');
}

/** Whether the token is from an entry that this member may not have applied yet. */
function isAhead(token: string, member: CallersOptions['member']): boolean {
  const index = /^[A-Za-z]{16}\.(\d{1,15})$/.exec(token)?.[1];
  return index !== undefined && Number(index) > member.status().appliedIndex;
}
