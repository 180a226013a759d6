/** Users, roles and what they may: etcdserverpb.Auth. Each change is in force when it resolves; errors are ClientErrors with a code. */

import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import { authpb, etcdserverpb as pb } from '../gen/etcd.js';
import { numberOf } from './integer.ts';
import { type BytesInput, type Extent, wireRange } from './key-input.ts';
import type { CallOptions, Retry } from './transport.ts';

export type PermissionType = 'read' | 'write' | 'readwrite';

/** `rangeEnd` as on the wire: empty for the one key, a zero byte for every key from `key` on. */
export interface Permission {
  readonly type: PermissionType;
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
}

export interface AuthStatus {
  readonly enabled: boolean;
  readonly authRevision: number;
}

type Call = (method: string, request: Bytes, retry: Retry, options?: CallOptions) => Promise<Bytes>;

const TYPES: readonly PermissionType[] = ['read', 'write', 'readwrite'];

export class Auth {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  async enable(options?: CallOptions): Promise<void> {
    await this.#change('AuthEnable', EMPTY_BYTES, options);
  }

  async disable(options?: CallOptions): Promise<void> {
    await this.#change('AuthDisable', EMPTY_BYTES, options);
  }

  async status(options?: CallOptions): Promise<AuthStatus> {
    const answer = pb.AuthStatusResponse.decode(await this.#read('AuthStatus', EMPTY_BYTES, options));
    return { enabled: answer.enabled, authRevision: numberOf(answer.authRevision) };
  }

  /** A user without a password can only be known by a certificate. */
  async userAdd(name: string, password: string | undefined, options?: CallOptions): Promise<void> {
    const fields = { name, password: password ?? '', options: { no_password: password === undefined } };
    await this.#change('UserAdd', pb.AuthUserAddRequest.encode(fields).finish(), options);
  }

  async userDelete(name: string, options?: CallOptions): Promise<void> {
    await this.#change('UserDelete', pb.AuthUserDeleteRequest.encode({ name }).finish(), options);
  }

  async userChangePassword(name: string, password: string, options?: CallOptions): Promise<void> {
    const request = pb.AuthUserChangePasswordRequest.encode({ name, password }).finish();
    await this.#change('UserChangePassword', request, options);
  }

  async userGrantRole(user: string, role: string, options?: CallOptions): Promise<void> {
    await this.#change('UserGrantRole', pb.AuthUserGrantRoleRequest.encode({ user, role }).finish(), options);
  }

  async userRevokeRole(name: string, role: string, options?: CallOptions): Promise<void> {
    await this.#change('UserRevokeRole', pb.AuthUserRevokeRoleRequest.encode({ name, role }).finish(), options);
  }

  /** The roles of a user. */
  async userGet(name: string, options?: CallOptions): Promise<readonly string[]> {
    const request = pb.AuthUserGetRequest.encode({ name }).finish();
    return pb.AuthUserGetResponse.decode(await this.#read('UserGet', request, options)).roles;
  }

  async users(options?: CallOptions): Promise<readonly string[]> {
    return pb.AuthUserListResponse.decode(await this.#read('UserList', EMPTY_BYTES, options)).users;
  }

  async roleAdd(name: string, options?: CallOptions): Promise<void> {
    await this.#change('RoleAdd', pb.AuthRoleAddRequest.encode({ name }).finish(), options);
  }

  async roleDelete(role: string, options?: CallOptions): Promise<void> {
    await this.#change('RoleDelete', pb.AuthRoleDeleteRequest.encode({ role }).finish(), options);
  }

  async roleGet(role: string, options?: CallOptions): Promise<readonly Permission[]> {
    const answer = await this.#read('RoleGet', pb.AuthRoleGetRequest.encode({ role }).finish(), options);
    return pb.AuthRoleGetResponse.decode(answer).perm.map(permissionOf);
  }

  async roles(options?: CallOptions): Promise<readonly string[]> {
    return pb.AuthRoleListResponse.decode(await this.#read('RoleList', EMPTY_BYTES, options)).roles;
  }

  async roleGrantPermission(
    role: string,
    type: PermissionType,
    key: BytesInput,
    options: Extent & CallOptions = {},
  ): Promise<void> {
    const perm = authpb.Permission.fromObject({ permType: TYPES.indexOf(type), ...wireRange(key, options) });
    const request = pb.AuthRoleGrantPermissionRequest.encode({ name: role, perm }).finish();
    await this.#change('RoleGrantPermission', request, options);
  }

  async roleRevokePermission(role: string, key: BytesInput, options: Extent & CallOptions = {}): Promise<void> {
    const request = pb.AuthRoleRevokePermissionRequest.encode({ role, ...wireRange(key, options) }).finish();
    await this.#change('RoleRevokePermission', request, options);
  }

  #read(method: string, request: Bytes, options?: CallOptions): Promise<Bytes> {
    return this.#call(`/etcdserverpb.Auth/${method}`, request, 'safe', options);
  }

  async #change(method: string, request: Bytes, options?: CallOptions): Promise<void> {
    await this.#call(`/etcdserverpb.Auth/${method}`, request, 'unsent', options);
  }
}

function permissionOf({ permType, key, range_end }: authpb.Permission.$Properties): Permission {
  return {
    type: TYPES[permType ?? 0] ?? 'read',
    key: key ?? EMPTY_BYTES,
    rangeEnd: range_end ?? EMPTY_BYTES,
  };
}
