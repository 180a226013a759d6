/** Identification for tests of the services: hashes at the least cost, and users with tokens made in one line. */

import type { AuthRequest, AuthStore, Permission } from '../../src/auth/index.ts';
import { type Clock, SimulatedClock } from '../../src/base/index.ts';
import type { Member } from '../../src/node/index.ts';
import { Callers, type JwtTokens, Passwords } from '../../src/rpc/index.ts';

export const BCRYPT_COST_MIN = 4;

type Identified = Pick<Member, 'auth' | 'identification' | 'readIndex' | 'status'>;

export interface TestAuthOptions {
  readonly clock?: Clock;
  readonly jwt?: JwtTokens;
  readonly usesCertificates?: boolean;
}

export function testAuth(
  member: Identified,
  { clock = new SimulatedClock(), jwt, usesCertificates = false }: TestAuthOptions = {},
): { readonly callers: Callers; readonly passwords: Passwords; readonly jwt: JwtTokens | undefined } {
  return {
    callers: new Callers({ member, clock, jwt, usesCertificates }),
    passwords: new Passwords(BCRYPT_COST_MIN),
    jwt,
  };
}

/** The token of a user, in the form of a simple one. */
export const tokenOf = (user: string): string => `${user.padEnd(16, 'x')}.1`;

/** Root, and users who may do what is listed, each by a role of his own; auth is on, and all have tokens. */
export function people(
  { auth, identification }: { readonly auth: AuthStore; readonly identification: Member['identification'] },
  users: Readonly<Record<string, readonly Permission[]>>,
): void {
  const requests: AuthRequest[] = [...user('root'), { kind: 'authUserGrantRole', name: 'root', role: 'root' }];
  for (const [name, permissions] of Object.entries(users)) {
    requests.push(...user(name), { kind: 'authRoleAdd', role: name });
    for (const permission of permissions) requests.push({ kind: 'authRoleGrantPermission', role: name, permission });
    requests.push({ kind: 'authUserGrantRole', name, role: name });
  }
  for (const request of [...requests, { kind: 'authEnable' } as const]) auth.apply(request);
  for (const name of ['root', ...Object.keys(users)]) identification.tokens.assign(tokenOf(name), name);
}

function user(name: string): readonly AuthRequest[] {
  return [{ kind: 'authUserAdd', name, passwordHash: '', noPassword: false }];
}
