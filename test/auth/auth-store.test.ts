import { expect, test } from 'vitest';
import { type Access, type AuthRequest, AuthStore, type Caller, NOBODY } from '../../src/auth/index.ts';
import { type ErrorCode, type Key, RequestError, rangeOf } from '../../src/base/index.ts';
import { MemoryState } from '../support/memory-state.ts';

const addUser = (name: string): AuthRequest => ({
  kind: 'authUserAdd',
  name,
  passwordHash: `hash of ${name}`,
  noPassword: false,
});
const addRole = (role: string): AuthRequest => ({ kind: 'authRoleAdd', role });
const grantRole = (name: string, role: string): AuthRequest => ({ kind: 'authUserGrantRole', name, role });
const grant = (role: string, type: 'read' | 'write' | 'readwrite', key: Key, rangeEnd: Key = ''): AuthRequest => ({
  kind: 'authRoleGrantPermission',
  role,
  permission: { type, key, rangeEnd },
});

function refusal(work: () => void): ErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

/** Root, and alice who may read [a, f) by one role, write [c, k) by another, and both with z. Auth is on. */
function peopled(state = new MemoryState()): AuthStore {
  const auth = new AuthStore(state);
  const requests: AuthRequest[] = [
    addUser('root'),
    grantRole('root', 'root'),
    addUser('alice'),
    addRole('reader'),
    addRole('writer'),
    grant('reader', 'read', 'a', 'f'),
    grant('writer', 'write', 'c', 'k'),
    grant('writer', 'readwrite', 'z'),
    grantRole('alice', 'reader'),
    grantRole('alice', 'writer'),
    { kind: 'authEnable' },
  ];
  for (const request of requests) auth.apply(request);
  return auth;
}

test('who may do what, and what he is told who may not', () => {
  const auth = peopled();
  const asked = (caller: Caller, access: Access, key: Key, end: Key = ''): ErrorCode | undefined =>
    refusal(() => auth.check(caller, access, rangeOf(key, end)));
  const alice = auth.callerNamed('alice');
  expect([
    asked(alice, 'read', 'a', 'f'),
    asked(alice, 'read', 'e'),
    asked(alice, 'read', 'a', 'f\0'),
    asked(alice, 'read', 'f'),
    asked(alice, 'read', 'a', '\0'),
    asked(alice, 'read', 'z'),
    asked(alice, 'write', 'c', 'k'),
    asked(alice, 'write', 'b'),
    asked(alice, 'write', 'z'),
    asked(alice, 'write', 'z\0'),
  ]).toEqual([
    undefined,
    undefined,
    'permissionDenied',
    'permissionDenied',
    'permissionDenied',
    undefined,
    undefined,
    'permissionDenied',
    undefined,
    'permissionDenied',
  ]);
  expect(asked(NOBODY, 'read', 'a')).toBe('userEmpty');
  expect(asked(auth.callerNamed('nobody'), 'read', 'a')).toBe('permissionDenied');
  expect(asked({ ...alice, authRevision: alice.authRevision - 1 }, 'read', 'a')).toBe('oldAuthRevision');
  expect(asked(auth.callerNamed('root'), 'write', '\0', '\0')).toBeUndefined();
});

test('each change moves the revision, and what was permitted is looked at anew', () => {
  const auth = peopled();
  const before = auth.callerNamed('alice');
  auth.apply({ kind: 'authRoleRevokePermission', role: 'reader', range: { key: 'a', rangeEnd: 'f' } });
  expect(auth.revision).toBe(before.authRevision + 1);
  expect(refusal(() => auth.check(before, 'read', rangeOf('b', '')))).toBe('oldAuthRevision');
  expect(refusal(() => auth.checkUnmoved(before))).toBe('oldAuthRevision');
  expect(auth.allows('alice', 'read', rangeOf('b', ''))).toBe(false);
  auth.apply({ kind: 'authRoleDelete', role: 'writer' });
  expect(auth.rolesOf('alice')).toEqual(['reader']);
  expect(auth.allows('alice', 'write', rangeOf('d', ''))).toBe(false);
});

test('what only root may do', () => {
  const auth = peopled();
  expect(refusal(() => auth.checkAdmin(NOBODY))).toBe('userEmpty');
  expect(refusal(() => auth.checkAdmin(auth.callerNamed('alice')))).toBe('permissionDenied');
  expect(refusal(() => auth.checkAdmin(auth.callerNamed('gone')))).toBe('userNotFound');
  expect(refusal(() => auth.checkAdmin(auth.callerNamed('root')))).toBeUndefined();
  expect(refusal(() => auth.checkUserGet(auth.callerNamed('alice'), 'alice'))).toBeUndefined();
  expect(refusal(() => auth.checkUserGet(auth.callerNamed('alice'), 'root'))).toBe('permissionDenied');
  expect(refusal(() => auth.checkRoleGet(auth.callerNamed('alice'), 'reader'))).toBeUndefined();
  expect(refusal(() => auth.checkRoleGet(auth.callerNamed('alice'), 'root'))).toBe('permissionDenied');
  auth.apply({ kind: 'authDisable' });
  expect(refusal(() => auth.checkAdmin(NOBODY))).toBeUndefined();
  expect(auth.allows('gone', 'write', rangeOf('x', ''))).toBe(true);
});

const REFUSALS: readonly (readonly [AuthRequest, ErrorCode])[] = [
  [addUser(''), 'userEmpty'],
  [addUser('alice'), 'userExists'],
  [{ kind: 'authUserDelete', name: 'gone' }, 'userNotFound'],
  [{ kind: 'authUserDelete', name: 'root' }, 'invalidAuthManagement'],
  [{ kind: 'authUserChangePassword', name: 'gone', passwordHash: 'x' }, 'userNotFound'],
  [grantRole('gone', 'reader'), 'userNotFound'],
  [grantRole('alice', 'gone'), 'roleNotFound'],
  [{ kind: 'authUserRevokeRole', name: 'root', role: 'root' }, 'invalidAuthManagement'],
  [{ kind: 'authUserRevokeRole', name: 'alice', role: 'root' }, 'roleNotGranted'],
  [{ kind: 'authUserRevokeRole', name: 'gone', role: 'root' }, 'userNotFound'],
  [addRole(''), 'roleEmpty'],
  [addRole('reader'), 'roleExists'],
  [{ kind: 'authRoleDelete', role: 'root' }, 'invalidAuthManagement'],
  [{ kind: 'authRoleDelete', role: 'gone' }, 'roleNotFound'],
  [grant('gone', 'read', 'a'), 'roleNotFound'],
  [grant('reader', 'read', ''), 'invalidAuthManagement'],
  [grant('reader', 'read', 'b', 'b'), 'invalidAuthManagement'],
  [grant('reader', 'read', 'b', 'a'), 'invalidAuthManagement'],
  [{ kind: 'authRoleGrantPermission', role: 'reader', permission: undefined }, 'permissionNotGiven'],
  [{ kind: 'authRoleRevokePermission', role: 'reader', range: { key: 'a', rangeEnd: '' } }, 'permissionNotGranted'],
  [{ kind: 'authRoleRevokePermission', role: 'gone', range: { key: 'a', rangeEnd: '' } }, 'roleNotFound'],
  [{ kind: 'authenticate', name: 'gone', token: 't' }, 'authFailed'],
];

test.each(REFUSALS)('%o is refused as %s, and changes nothing', (request, code) => {
  const state = new MemoryState();
  const auth = peopled(state);
  const before = [auth.revision, state.bytesPut];
  expect(refusal(() => auth.apply(request))).toBe(code);
  expect([auth.revision, state.bytesPut]).toEqual(before);
});

test('auth is not turned on without a root who has its role', () => {
  const auth = new AuthStore(new MemoryState());
  expect(auth.revision).toBe(1);
  expect(refusal(() => auth.apply({ kind: 'authEnable' }))).toBe('rootUserMissing');
  auth.apply(addUser('root'));
  expect(refusal(() => auth.apply({ kind: 'authEnable' }))).toBe('rootRoleMissing');
  auth.apply(grantRole('root', 'root'));
  auth.apply({ kind: 'authEnable' });
  expect([auth.enabled, auth.revision]).toEqual([true, 3]);
  expect(refusal(() => auth.apply({ kind: 'authenticate', name: 'root', token: 't' }))).toBeUndefined();
  auth.apply({ kind: 'authDisable' });
  expect([auth.enabled, auth.revision]).toEqual([false, 4]);
  expect(refusal(() => auth.apply({ kind: 'authenticate', name: 'root', token: 't' }))).toBe('authNotEnabled');
});

test('what is granted twice is granted once, in the way that was asked for last', () => {
  const auth = peopled();
  const { revision } = auth;
  auth.apply(grantRole('alice', 'reader'));
  expect(auth.revision).toBe(revision);
  auth.apply(grant('reader', 'read', 'a'));
  auth.apply(grant('reader', 'write', 'a', 'f'));
  expect(auth.permissionsOf('reader')).toEqual([
    { type: 'read', key: 'a', rangeEnd: '' },
    { type: 'write', key: 'a', rangeEnd: 'f' },
  ]);
  auth.apply(addRole('root'));
  expect(auth.permissionsOf('root')).toEqual([{ type: 'readwrite', key: '', rangeEnd: '\0' }]);
});

test('another store on the same records is the same', () => {
  const state = new MemoryState();
  const auth = peopled(state);
  for (let i = 0; i < 200; i++) auth.apply(addUser(`user ${i} \u20ac\ud83d\ude00`));
  auth.apply(grant('reader', 'read', '\xff\0', '\0'));
  const again = new AuthStore(state);
  expect([again.enabled, again.revision]).toEqual([auth.enabled, auth.revision]);
  expect(again.users()).toEqual(auth.users());
  expect(again.users().map((name) => again.user(name))).toEqual(auth.users().map((name) => auth.user(name)));
  expect(again.roles().map((role) => again.permissionsOf(role))).toEqual(
    auth.roles().map((role) => auth.permissionsOf(role)),
  );
});
