/**
 * etcdserverpb.Auth. Changes go through the log, with a hash in place of a password; what users and roles there are is read here, after asking how
 * far this member must have come.
 *
 *     Authenticate    hash of the user -> compare, elsewhere -> log { name, token } as of the revision of the comparison
 *                                                               \-> refused there if users have changed since: once more
 *
 * With JWT there is nothing to log: the token says all.
 */

import { randomInt } from 'node:crypto';
import { type Bytes, RequestError } from '../base/index.ts';
import { encodeAuthenticate, encodeUserAdd, encodeUserChangePassword, permissionFields } from '../codec/index.ts';
import { etcdserverpb as pb } from '../gen/etcd.js';
import type { AuthOutcome, Member, Proposal } from '../node/index.ts';
import type { CallContext, Message, Method } from '../wire/index.ts';
import type { Callers } from './auth/callers.ts';
import type { JwtTokens } from './auth/jwt-tokens.ts';
import type { Passwords } from './auth/passwords.ts';
import { headerOf } from './header.ts';
import { decodeMessage, encodeMessage, headerFields } from './message.ts';

export interface AuthOptions {
  readonly member: Member;
  readonly callers: Callers;
  readonly passwords: Passwords;
  /** Undefined: tokens are simple. */
  readonly jwt: JwtTokens | undefined;
}

/** Comparing takes a while, in which users may change; as often as this in a row they do not. */
const AUTHENTICATE_TRIES_MAX = 10;

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const TOKEN_LETTERS = 16;

/** Changes that are logged as they came, and answered with a header. */
const CHANGES: readonly (readonly [string, Proposal['kind']])[] = [
  ['AuthEnable', 'authEnable'],
  ['AuthDisable', 'authDisable'],
  ['UserDelete', 'authUserDelete'],
  ['UserGrantRole', 'authUserGrantRole'],
  ['UserRevokeRole', 'authUserRevokeRole'],
  ['RoleAdd', 'authRoleAdd'],
  ['RoleDelete', 'authRoleDelete'],
  ['RoleGrantPermission', 'authRoleGrantPermission'],
  ['RoleRevokePermission', 'authRoleRevokePermission'],
];

/** What a request must be to be let into the log: there it must be readable. */
const REQUESTS: Readonly<Partial<Record<Proposal['kind'], Parameters<typeof decodeMessage>[0]>>> = {
  authEnable: pb.AuthEnableRequest,
  authDisable: pb.AuthDisableRequest,
  authUserDelete: pb.AuthUserDeleteRequest,
  authUserGrantRole: pb.AuthUserGrantRoleRequest,
  authUserRevokeRole: pb.AuthUserRevokeRoleRequest,
  authRoleAdd: pb.AuthRoleAddRequest,
  authRoleDelete: pb.AuthRoleDeleteRequest,
  authRoleGrantPermission: pb.AuthRoleGrantPermissionRequest,
  authRoleRevokePermission: pb.AuthRoleRevokePermissionRequest,
};

type Answer = (request: Bytes, call: CallContext) => Promise<Message>;

export function authMethods(options: AuthOptions): readonly (readonly [string, Method])[] {
  const service = new AuthService(options);
  const unary = (name: string, handler: Answer): readonly [string, Method] => [
    `/etcdserverpb.Auth/${name}`,
    { kind: 'unary', handler },
  ];
  return [
    ...CHANGES.map(([name, kind]) => unary(name, (request, call) => service.change(kind, request, call))),
    unary('AuthStatus', () => service.status()),
    unary('Authenticate', (request) => service.authenticate(request)),
    unary('UserAdd', (request, call) => service.addUser(request, call)),
    unary('UserChangePassword', (request, call) => service.changePassword(request, call)),
    unary('UserGet', (request, call) => service.getUser(request, call)),
    unary('UserList', (_request, call) => service.listUsers(call)),
    unary('RoleGet', (request, call) => service.getRole(request, call)),
    unary('RoleList', (_request, call) => service.listRoles(call)),
  ];
}

class AuthService {
  readonly #options: AuthOptions;
  readonly #member: Member;

  constructor(options: AuthOptions) {
    this.#options = options;
    this.#member = options.member;
  }

  async change(kind: Proposal['kind'], request: Bytes, call: CallContext): Promise<Message> {
    const messageClass = REQUESTS[kind];
    if (messageClass !== undefined) decodeMessage(messageClass, request);
    return await this.#change({ kind, request, by: this.#options.callers.of(call) });
  }

  async addUser(request: Bytes, call: CallContext): Promise<Message> {
    const asked = decodeMessage(pb.AuthUserAddRequest, request);
    const by = this.#options.callers.of(call);
    // Whoever may not add users does not get to keep the hashing thread busy. The machine asks again.
    this.#member.auth.checkAdmin(by);
    if (!asked.name) throw new RequestError('userEmpty');
    const noPassword = asked.options?.no_password === true;
    const passwordHash = noPassword ? '' : await this.#options.passwords.hash(asked.password ?? '');
    const logged = encodeUserAdd({ name: asked.name, passwordHash, noPassword });
    return await this.#change({ kind: 'authUserAdd', request: logged, by });
  }

  async changePassword(request: Bytes, call: CallContext): Promise<Message> {
    const { name, password } = decodeMessage(pb.AuthUserChangePasswordRequest, request);
    const by = this.#options.callers.of(call);
    this.#member.auth.checkAdmin(by);
    // An empty one is none: nobody can be that user from then on, but by a certificate.
    const passwordHash = !password ? '' : await this.#options.passwords.hash(password);
    return await this.#change({
      kind: 'authUserChangePassword',
      request: encodeUserChangePassword(name ?? '', passwordHash),
      by,
    });
  }

  async authenticate(request: Bytes): Promise<Message> {
    const asked = decodeMessage(pb.AuthenticateRequest, request);
    const [name, password] = [asked.name ?? '', asked.password ?? ''];
    const { jwt, passwords } = this.#options;
    await this.#member.readIndex();
    for (let attempt = 1; ; attempt++) {
      const { auth } = this.#member;
      if (!auth.enabled) throw new RequestError('authNotEnabled');
      const checked = auth.callerNamed(name);
      if (!(await passwords.isRight(password, auth.user(name)?.passwordHash ?? '')))
        throw new RequestError('authFailed');
      const token =
        jwt === undefined
          ? await this.#simpleToken(checked)
          : this.#isCurrent(checked)
            ? await jwt.sign(name, checked.authRevision)
            : undefined;
      if (token !== undefined) {
        return encodeMessage(pb.AuthenticateResponse, { header: headerFields(headerOf(this.#member)), token });
      }
      if (attempt === AUTHENTICATE_TRIES_MAX) throw new RequestError('oldAuthRevision');
    }
  }

  /** Undefined: users have changed since the password was compared. */
  async #simpleToken(checked: ReturnType<Member['auth']['callerNamed']>): Promise<string | undefined> {
    let letters = '';
    for (let i = 0; i < TOKEN_LETTERS; i++) letters += LETTERS.charAt(randomInt(LETTERS.length));
    const request = encodeAuthenticate(checked.username, letters);
    const outcome = await this.#member.propose({ kind: 'authenticate', request, by: checked });
    if (!outcome.ok && outcome.error === 'oldAuthRevision') return undefined;
    return `${letters}.${outcomeOf(outcome).index}`;
  }

  #isCurrent({ authRevision }: { readonly authRevision: number }): boolean {
    return this.#member.auth.revision === authRevision;
  }

  async status(): Promise<Message> {
    await this.#member.readIndex();
    const { enabled, revision } = this.#member.auth;
    return encodeMessage(pb.AuthStatusResponse, { header: this.#header(), enabled, authRevision: revision });
  }

  async getUser(request: Bytes, call: CallContext): Promise<Message> {
    const name = decodeMessage(pb.AuthUserGetRequest, request).name ?? '';
    await this.#member.readIndex();
    const { auth } = this.#member;
    auth.checkUserGet(this.#options.callers.of(call), name);
    return encodeMessage(pb.AuthUserGetResponse, { header: this.#header(), roles: auth.rolesOf(name) });
  }

  async listUsers(call: CallContext): Promise<Message> {
    await this.#member.readIndex();
    const { auth } = this.#member;
    auth.checkAdmin(this.#options.callers.of(call));
    return encodeMessage(pb.AuthUserListResponse, { header: this.#header(), users: auth.users() });
  }

  async getRole(request: Bytes, call: CallContext): Promise<Message> {
    const role = decodeMessage(pb.AuthRoleGetRequest, request).role ?? '';
    await this.#member.readIndex();
    const { auth } = this.#member;
    auth.checkRoleGet(this.#options.callers.of(call), role);
    const perm = auth.permissionsOf(role).map(permissionFields);
    return encodeMessage(pb.AuthRoleGetResponse, { header: this.#header(), perm });
  }

  async listRoles(call: CallContext): Promise<Message> {
    await this.#member.readIndex();
    const { auth } = this.#member;
    auth.checkAdmin(this.#options.callers.of(call));
    return encodeMessage(pb.AuthRoleListResponse, { header: this.#header(), roles: auth.roles() });
  }

  /** All answers to changes are a header and nothing else. */
  async #change(proposal: Proposal): Promise<Message> {
    const { revision } = outcomeOf(await this.#member.propose(proposal));
    return encodeMessage(pb.AuthEnableResponse, { header: headerFields(headerOf(this.#member, revision)) });
  }

  #header(): Readonly<Record<string, unknown>> {
    return headerFields(headerOf(this.#member));
  }
}

function outcomeOf(outcome: Awaited<ReturnType<Member['propose']>>): AuthOutcome {
  if (!outcome.ok) throw new RequestError(outcome.error);
  if (outcome.result.kind !== 'auth') throw new Error(`a change of auth came to ${outcome.result.kind}`);
  return outcome.result;
}
