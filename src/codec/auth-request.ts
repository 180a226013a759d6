/** The requests of the Auth service as plain data. They are rare, so the generated classes will do. */

import type { AuthKind, AuthRequest, Permission } from '../auth/index.ts';
import { type Bytes, bytesOf, EMPTY_BYTES, keyOf, unreachable } from '../base/index.ts';
import { authpb, etcdserverpb as pb } from '../gen/etcd.js';
import { ProtocolError } from './proto-reader.ts';

const TYPES: readonly Permission['type'][] = ['read', 'write', 'readwrite'];

/** Throws ProtocolError. */
export function decodeAuthRequest(kind: AuthKind, bytes: Bytes): AuthRequest {
  try {
    return decoded(kind, bytes);
  } catch (cause) {
    throw new ProtocolError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function decoded(kind: AuthKind, bytes: Bytes): AuthRequest {
  switch (kind) {
    case 'authEnable':
    case 'authDisable':
      return { kind };
    case 'authenticate': {
      const { name, simple_token: token } = pb.InternalAuthenticateRequest.decode(bytes);
      return { kind, name, token };
    }
    case 'authUserAdd': {
      const { name, hashedPassword, options } = pb.AuthUserAddRequest.decode(bytes);
      return { kind, name, passwordHash: hashOf(hashedPassword), noPassword: options?.no_password === true };
    }
    case 'authUserDelete':
      return { kind, name: pb.AuthUserDeleteRequest.decode(bytes).name };
    case 'authUserChangePassword': {
      const { name, hashedPassword } = pb.AuthUserChangePasswordRequest.decode(bytes);
      return { kind, name, passwordHash: hashOf(hashedPassword) };
    }
    case 'authUserGrantRole': {
      const { user, role } = pb.AuthUserGrantRoleRequest.decode(bytes);
      return { kind, name: user, role };
    }
    case 'authUserRevokeRole': {
      const { name, role } = pb.AuthUserRevokeRoleRequest.decode(bytes);
      return { kind, name, role };
    }
    case 'authRoleAdd':
      return { kind, role: pb.AuthRoleAddRequest.decode(bytes).name };
    case 'authRoleDelete':
      return { kind, role: pb.AuthRoleDeleteRequest.decode(bytes).role };
    case 'authRoleGrantPermission': {
      const { name, perm } = pb.AuthRoleGrantPermissionRequest.decode(bytes);
      return { kind, role: name, permission: perm == null ? undefined : permissionOf(perm) };
    }
    case 'authRoleRevokePermission': {
      const { role, key, range_end: rangeEnd } = pb.AuthRoleRevokePermissionRequest.decode(bytes);
      return { kind, role, range: { key: keyOf(key), rangeEnd: keyOf(rangeEnd) } };
    }
    default:
      return unreachable(kind);
  }
}

/** A type that we do not know reads, as the number 0 does. */
function permissionOf({ permType, key, range_end }: authpb.Permission.$Properties): Permission {
  return {
    type: TYPES[permType ?? 0] ?? 'read',
    key: keyOf(key ?? EMPTY_BYTES),
    rangeEnd: keyOf(range_end ?? EMPTY_BYTES),
  };
}

/** For the answer to RoleGet. */
export function permissionFields({ type, key, rangeEnd }: Permission): object {
  return { permType: TYPES.indexOf(type), key: bytesOf(key), range_end: bytesOf(rangeEnd) };
}

/** On the wire a hash is in base64, as etcd has it. */
function hashOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1');
}

export interface UserAddFields {
  readonly name: string;
  /** '' for a user without a password. */
  readonly passwordHash: string;
  readonly noPassword: boolean;
}

/** What is logged of a UserAdd: the hash in place of the password. */
export function encodeUserAdd({ name, passwordHash, noPassword }: UserAddFields): Bytes {
  const hashedPassword = base64Of(passwordHash);
  return pb.AuthUserAddRequest.encode({ name, hashedPassword, options: { no_password: noPassword } }).finish();
}

/** What is logged of a UserChangePassword. */
export function encodeUserChangePassword(name: string, passwordHash: string): Bytes {
  return pb.AuthUserChangePasswordRequest.encode({ name, hashedPassword: base64Of(passwordHash) }).finish();
}

/** What is logged of an Authenticate whose password was right. */
export function encodeAuthenticate(name: string, token: string): Bytes {
  return pb.InternalAuthenticateRequest.encode({ name, simple_token: token }).finish();
}

function base64Of(hash: string): string {
  return Buffer.from(hash, 'latin1').toString('base64');
}
