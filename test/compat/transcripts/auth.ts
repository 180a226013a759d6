/** Users, roles, and what they may: every refusal of the Auth service, then what each of several users may do with each of several ranges. */

import {
  auth,
  by,
  compact,
  create,
  del,
  differs,
  type Fields,
  noted,
  opDel,
  open,
  opPut,
  opRange,
  put,
  range,
  read,
  type Step,
  type Transcript,
  txn,
} from '../exchange.ts';

const addUser = (name: string, fields: Fields = { password: `${name}'s` }): Step =>
  auth('UserAdd', { name, ...fields });
const addRole = (name: string): Step => auth('RoleAdd', { name });
const grantRole = (user: string, role: string): Step => auth('UserGrantRole', { user, role });
const revokeRole = (name: string, role: string): Step => auth('UserRevokeRole', { name, role });
const grant = (name: string, permType: string, key: string, range_end = ''): Step =>
  auth('RoleGrantPermission', { name, perm: { permType, key, range_end } });
const revoke = (role: string, key: string, range_end = ''): Step =>
  auth('RoleRevokePermission', { role, key, range_end });
const signIn = (name: string, password = `${name}'s`): Step => auth('Authenticate', { name, password });

/** All there is to see of users and roles. */
const seen = (...as: readonly string[]): readonly Step[] =>
  [auth('UserList'), auth('RoleList'), auth('UserGet', { name: 'alice' }), auth('RoleGet', { role: 'reader' })].map(
    (step) => (as[0] === undefined ? step : by(as[0], step)),
  );

const management: readonly Step[] = [
  ...seen(),
  addUser(''),
  addUser('alice'),
  addUser('alice'),
  addUser('bob', { password: '' }),
  addUser('carol', { options: { no_password: true } }),
  addRole(''),
  addRole('reader'),
  addRole('reader'),
  addRole('writer'),
  ...seen(),
  grant('none', 'READ', 'a'),
  grant('reader', 'READ', 'b', 'f'),
  grant('reader', 'WRITE', 'a'),
  ...seen(),
  grant('reader', 'READWRITE', 'a'),
  grant('reader', 'READ', 'x', '\0'),
  ...seen(),
  revoke('none', 'a'),
  revoke('reader', 'a', 'b'),
  revoke('reader', 'b'),
  revoke('reader', 'a'),
  revoke('reader', 'a'),
  ...seen(),
  grantRole('none', 'reader'),
  grantRole('alice', 'none'),
  grantRole('alice', 'writer'),
  grantRole('alice', 'reader'),
  grantRole('alice', 'reader'),
  grantRole('alice', 'root'),
  ...seen(),
  revokeRole('none', 'reader'),
  revokeRole('alice', 'none'),
  revokeRole('alice', 'root'),
  revokeRole('alice', 'root'),
  auth('RoleDelete', { role: 'none' }),
  auth('RoleDelete', { role: 'writer' }),
  ...seen(),
  auth('UserDelete', { name: 'none' }),
  auth('UserDelete', { name: 'bob' }),
  auth('UserChangePassword', { name: 'none', password: 'x' }),
  auth('UserChangePassword', { name: 'alice', password: 'new' }),
  auth('UserGet', { name: '' }),
  auth('RoleGet', { role: '' }),
  auth('RoleGet', { role: 'none' }),
  signIn('alice', 'new'),
  auth('AuthDisable'),
  auth('AuthEnable'),
  addUser('root'),
  auth('AuthEnable'),
  addRole('root'),
  grantRole('root', 'root'),
  auth('AuthEnable'),
  noted('again', auth('AuthEnable')),
  auth('AuthEnable'),
  signIn('root', 'wrong'),
  signIn('nobody', 'wrong'),
  signIn('', ''),
  differs('noPasswordUser', signIn('carol', 'x')),
  signIn('alice', "alice's"),
  signIn('alice', 'new'),
  signIn('root'),
  ...seen('alice'),
  ...seen('root'),
  by('alice', auth('UserGet', { name: 'root' })),
  by('alice', auth('RoleGet', { role: 'root' })),
  by('alice', addUser('dave')),
  by('alice', auth('UserChangePassword', { name: 'alice', password: 'mine' })),
  by('alice', grantRole('alice', 'root')),
  by('alice', auth('AuthDisable')),
  by('forged.7', auth('UserList')),
  by('forged', auth('UserList')),
  by('root', auth('UserDelete', { name: 'root' })),
  by('root', auth('RoleDelete', { role: 'root' })),
  by('root', revokeRole('root', 'root')),
  by('root', addUser('dave')),
  by('root', auth('UserDelete', { name: 'alice' })),
  by('alice', auth('UserGet', { name: 'alice' })),
  by('root', auth('UserChangePassword', { name: 'dave', password: 'other' })),
  signIn('dave'),
  signIn('dave', 'other'),
  by('dave', auth('AuthDisable')),
  by('root', auth('AuthDisable')),
  signIn('root'),
  auth('UserList'),
  auth('AuthEnable'),
  noted('tokens from before are gone', by('root', auth('UserList'))),
];

/** alice reads [b, f) by one role and [f, h) by another, and writes m; bob reads everything from k on; carol may do nothing. */
const users: readonly Step[] = [
  put('b', '1'),
  put('g', '1'),
  put('m', '1'),
  ...['root', 'alice', 'bob', 'carol'].map((name) => addUser(name)),
  addRole('root'),
  grantRole('root', 'root'),
  addRole('reader'),
  addRole('other'),
  addRole('open'),
  grant('reader', 'READ', 'b', 'f'),
  grant('other', 'READ', 'f', 'h'),
  grant('other', 'WRITE', 'm'),
  grant('open', 'READ', 'k', '\0'),
  grant('open', 'READWRITE', 'w', 'y'),
  grantRole('alice', 'reader'),
  grantRole('alice', 'other'),
  grantRole('bob', 'open'),
  auth('AuthEnable'),
  ...['root', 'alice', 'bob', 'carol'].map((name) => signIn(name)),
];

const RANGES: readonly (readonly [string, string])[] = [
  ['b', ''],
  ['f', ''],
  ['h', ''],
  ['b', 'f'],
  ['c', 'g'],
  ['b', 'h'],
  ['b', 'h\0'],
  ['a', 'c'],
  ['k', '\0'],
  ['j', '\0'],
  ['b', '\0'],
  ['\0', '\0'],
  ['m', 'z'],
];

const reads: readonly Step[] = ['root', 'alice', 'bob', 'carol', 'nobody.1'].flatMap((user) =>
  RANGES.map(([key, range_end], i) => by(user, range(key, { range_end, serializable: i % 2 === 1 }))),
);

const writes: readonly Step[] = ['root', 'alice', 'bob', 'carol'].flatMap((user) => [
  by(user, put('m', user)),
  by(user, put('w', user, { prev_kv: true })),
  by(user, put('x0', user)),
  by(user, put('m', user, { prev_kv: true })),
  by(user, del('w', { range_end: 'y' })),
  by(user, del('w', { range_end: 'y', prev_kv: true })),
  by(user, del('w', { range_end: '\0' })),
  by(user, del('m', { prev_kv: true })),
  by(user, txn({ compare: [{ key: 'b', target: 'VERSION', version: 1 }], success: [opPut('m', '2')] })),
  by(user, txn({ compare: [{ key: 'b', range_end: 'i', target: 'VERSION', version: 1 }], success: [] })),
  by(user, txn({ success: [opRange('b'), opRange('g')] })),
  by(user, txn({ success: [opRange('k', { range_end: '\0' })], failure: [opPut('w', '1')] })),
  by(user, txn({ success: [opPut('m', '1'), opDel('b')] })),
  by(user, txn({ failure: [opDel('w', { range_end: 'y', prev_kv: true })] })),
]);

const watches: readonly Step[] = ['root', 'alice', 'bob'].flatMap((user) => [
  by(user, open(user)),
  ...RANGES.slice(3, 9).flatMap(([key, range_end]) => [create(user, { key, range_end }), read(user, 1)]),
]);

export const authTranscripts: readonly Transcript[] = [
  { name: 'auth: users, roles and their refusals', steps: management },
  {
    name: 'auth: who may read, write and watch what',
    steps: [
      ...users,
      noted('nobody', range('b')),
      put('b', '2'),
      txn({ success: [opRange('b')] }),
      ...reads,
      ...writes,
      ...watches,
      by('root', compact(3)),
      by('root', revoke('reader', 'b', 'f')),
      by('alice', range('c')),
      by('alice', range('g')),
      by('root', auth('RoleDelete', { role: 'other' })),
      by('alice', range('g')),
      by('bob', range('k')),
    ],
  },
];
