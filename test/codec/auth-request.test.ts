import { expect, test } from 'vitest';
import {
  decodeAuthRequest,
  encodeAuthenticate,
  encodeUserAdd,
  encodeUserChangePassword,
  ProtocolError,
  permissionFields,
} from '../../src/codec/index.ts';
import { authpb, etcdserverpb as pb } from '../../src/gen/etcd.js';

const HASH = '$2a$10$abcdefghijklmnopqrstuv';

test('what a member logs in place of a password', () => {
  const add = encodeUserAdd({ name: 'al\u00efce', passwordHash: HASH, noPassword: false });
  expect(decodeAuthRequest('authUserAdd', add)).toEqual({
    kind: 'authUserAdd',
    name: 'al\u00efce',
    passwordHash: HASH,
    noPassword: false,
  });
  expect(pb.AuthUserAddRequest.decode(add).hashedPassword).toBe(Buffer.from(HASH).toString('base64'));
  expect(decodeAuthRequest('authUserChangePassword', encodeUserChangePassword('bob', HASH))).toEqual({
    kind: 'authUserChangePassword',
    name: 'bob',
    passwordHash: HASH,
  });
  expect(decodeAuthRequest('authenticate', encodeAuthenticate('bob', 'letters'))).toEqual({
    kind: 'authenticate',
    name: 'bob',
    token: 'letters',
  });
});

test('a permission, there and back, with every byte a key can have', () => {
  const permission = { type: 'readwrite', key: '\0\xff', rangeEnd: '\0' } as const;
  const perm = authpb.Permission.fromObject(permissionFields(permission));
  const request = pb.AuthRoleGrantPermissionRequest.encode({ name: 'r', perm }).finish();
  expect(decodeAuthRequest('authRoleGrantPermission', request)).toEqual({
    kind: 'authRoleGrantPermission',
    role: 'r',
    permission,
  });
  const none = pb.AuthRoleGrantPermissionRequest.encode({ name: 'r' }).finish();
  expect(decodeAuthRequest('authRoleGrantPermission', none)).toMatchObject({ permission: undefined });
});

test('bytes that are no request', () => {
  expect(() => decodeAuthRequest('authUserAdd', Uint8Array.of(0x0a, 9, 1))).toThrow(ProtocolError);
});
