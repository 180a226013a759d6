/**
 * The auth store: who the users are, which roles they have, what these permit, and whether anybody asks. It is changed by entries of the log only,
 * so it is the same on every member, and so is every refusal.
 *
 *     user alice -- roles: reader, ops        role reader -- read [a, f), read [k]
 *                                             role ops    -- readwrite [m, infinity)
 *     alice may read [a, f), [k], [m, infinity) and write [m, infinity)
 *
 * Every change of users and roles moves the revision. A caller brings the revision at which he was identified; once it has moved he is
 * told so, and identifies himself anew: what he was permitted may not be so any more. While auth is off everybody may do everything.
 */

import { type KeyRange, RequestError, unreachable } from '../base/index.ts';
import { type AuthBackend, AuthRecords, type Role, readMark, type User, writeMark } from './auth-records.ts';
import { type Caller, NOBODY } from './caller.ts';
import {
  type Access,
  comparePermissions,
  EVERYTHING,
  grants,
  isMeaningful,
  type Permission,
  rangeOfPermission,
} from './permission.ts';
import { RangeSet } from './range-set.ts';
import type { AuthRequest, AuthUserAddRequest } from './request.ts';

export const ROOT_USER = 'root';
export const ROOT_ROLE = 'root';

type PermissionRange = Pick<Permission, 'key' | 'rangeEnd'>;

interface Permitted {
  readonly isRoot: boolean;
  readonly read: RangeSet;
  readonly write: RangeSet;
}

export class AuthStore {
  readonly #backend: AuthBackend;
  readonly #users: AuthRecords<User>;
  readonly #roles: AuthRecords<Role>;
  #enabled: boolean;
  #revision: number;
  /** What the roles of a user come to, until anything changes. At most one for each user. */
  readonly #permitted = new Map<string, Permitted>();

  /** The backend must have been loaded. */
  constructor(backend: AuthBackend) {
    this.#backend = backend;
    this.#users = new AuthRecords<User>(backend, 'users');
    this.#roles = new AuthRecords<Role>(backend, 'roles');
    ({ enabled: this.#enabled, revision: this.#revision } = readMark(backend));
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  get revision(): number {
    return this.#revision;
  }

  // ---- Who they are. All throw RequestError userNotFound, roleNotFound. ----

  user(name: string): User | undefined {
    return this.#users.get(name);
  }

  users(): readonly string[] {
    return this.#users.names();
  }

  roles(): readonly string[] {
    return this.#roles.names();
  }

  rolesOf(name: string): readonly string[] {
    return this.#user(name).roles;
  }

  permissionsOf(role: string): readonly Permission[] {
    const { permissions } = this.#role(role);
    return role === ROOT_ROLE ? [EVERYTHING] : permissions;
  }

  // ---- What they may. Each check throws a RequestError, or does nothing. ----

  /** The caller as he is now: whoever he is, he is identified at this moment. */
  callerNamed(username: string): Caller {
    return this.#enabled ? { username, authRevision: this.#revision } : NOBODY;
  }

  /** For keys: userEmpty, oldAuthRevision, permissionDenied. */
  check(caller: Caller, access: Access, range: KeyRange): void {
    if (!this.#enabled) return;
    if (caller.authRevision === 0) throw new RequestError('userEmpty');
    if (caller.authRevision < this.#revision) throw new RequestError('oldAuthRevision');
    if (!this.allows(caller.username, access, range)) throw new RequestError('permissionDenied');
  }

  /** For what only root's role may do: userEmpty, userNotFound, permissionDenied. */
  checkAdmin({ username }: Caller): void {
    if (!this.#enabled) return;
    if (username === '') throw new RequestError('userEmpty');
    if (!this.#user(username).roles.includes(ROOT_ROLE)) throw new RequestError('permissionDenied');
  }

  /** For what every user may do: userEmpty, userNotFound. */
  checkUser({ username }: Caller): void {
    if (!this.#enabled) return;
    if (username === '') throw new RequestError('userEmpty');
    this.#user(username);
  }

  /** For what a user may know of himself, and root's role of everybody. */
  checkUserGet(caller: Caller, name: string): void {
    if (caller.username !== name || name === '') this.checkAdmin(caller);
  }

  checkRoleGet(caller: Caller, role: string): void {
    const own = this.#users.get(caller.username)?.roles.includes(role) === true;
    if (!own) this.checkAdmin(caller);
  }

  /** After something was read without a pause in which the store could have changed, nobody needs this; else: oldAuthRevision. */
  checkUnmoved({ authRevision }: Caller): void {
    if (authRevision !== 0 && authRevision !== this.#revision) throw new RequestError('oldAuthRevision');
  }

  /** Whether the user may, as of now. Without auth everybody may. */
  allows(username: string, access: Access, range: KeyRange): boolean {
    if (!this.#enabled) return true;
    const permitted = this.#permittedTo(username);
    return permitted !== undefined && (permitted.isRoot || permitted[access].contains(range));
  }

  /** Whether the user may do everything, so that nothing in particular need be asked. */
  allowsAll(username: string): boolean {
    return !this.#enabled || this.#permittedTo(username)?.isRoot === true;
  }

  #permittedTo(username: string): Permitted | undefined {
    const known = this.#permitted.get(username);
    if (known !== undefined) return known;
    const user = this.#users.get(username);
    if (user === undefined) return undefined;
    const permissions = user.roles.flatMap((role) => this.#roles.get(role)?.permissions ?? []);
    const ranges = (access: Access): RangeSet =>
      new RangeSet(permissions.filter((permission) => grants(permission, access)).map(rangeOfPermission));
    const permitted = { isRoot: user.roles.includes(ROOT_ROLE), read: ranges('read'), write: ranges('write') };
    this.#permitted.set(username, permitted);
    return permitted;
  }

  // ---- Changes ----

  /** Carries out what an entry asks. Throws RequestError, and then has changed nothing. Whether the caller may is not asked here. */
  apply(request: AuthRequest): void {
    switch (request.kind) {
      case 'authEnable':
        return this.#enable();
      case 'authDisable':
        return this.#disable();
      case 'authenticate':
        return this.#authenticate(request.name);
      case 'authUserAdd':
        return this.#addUser(request);
      case 'authUserDelete':
        return this.#deleteUser(request.name);
      case 'authUserChangePassword':
        return this.#changePassword(request.name, request.passwordHash);
      case 'authUserGrantRole':
        return this.#grantRole(request.name, request.role);
      case 'authUserRevokeRole':
        return this.#revokeRole(request.name, request.role);
      case 'authRoleAdd':
        return this.#addRole(request.role);
      case 'authRoleDelete':
        return this.#deleteRole(request.role);
      case 'authRoleGrantPermission':
        return this.#grantPermission(request.role, request.permission);
      case 'authRoleRevokePermission':
        return this.#revokePermission(request.role, request.range);
      default:
        return unreachable(request);
    }
  }

  #enable(): void {
    if (this.#enabled) return;
    const root = this.#users.get(ROOT_USER);
    if (root === undefined) throw new RequestError('rootUserMissing');
    if (!root.roles.includes(ROOT_ROLE)) throw new RequestError('rootRoleMissing');
    this.#enabled = true;
    writeMark(this.#backend, { enabled: true, revision: this.#revision });
  }

  #disable(): void {
    if (!this.#enabled) return;
    this.#enabled = false;
    this.#changed();
  }

  /** Of the password nothing is said here: it was compared by the member that proposed, at this very revision. */
  #authenticate(name: string): void {
    if (!this.#enabled) throw new RequestError('authNotEnabled');
    const user = this.#users.get(name);
    if (user === undefined || user.noPassword) throw new RequestError('authFailed');
  }

  #addUser({ name, passwordHash, noPassword }: AuthUserAddRequest): void {
    if (name === '') throw new RequestError('userEmpty');
    if (this.#users.get(name) !== undefined) throw new RequestError('userExists');
    this.#users.put({ name, passwordHash: noPassword ? '' : passwordHash, noPassword, roles: [] });
    this.#changed();
  }

  #deleteUser(name: string): void {
    if (this.#enabled && name === ROOT_USER) throw new RequestError('invalidAuthManagement');
    this.#user(name);
    this.#users.delete(name);
    this.#changed();
  }

  #changePassword(name: string, passwordHash: string): void {
    const user = this.#user(name);
    this.#users.put({ ...user, passwordHash: user.noPassword ? '' : passwordHash });
    this.#changed();
  }

  /** Role root need not be there to be granted: it permits everything, and its record nothing. */
  #grantRole(name: string, role: string): void {
    const user = this.#user(name);
    if (role !== ROOT_ROLE) this.#role(role);
    if (user.roles.includes(role)) return;
    this.#users.put({ ...user, roles: [...user.roles, role].sort() });
    this.#changed();
  }

  #revokeRole(name: string, role: string): void {
    if (this.#enabled && name === ROOT_USER && role === ROOT_ROLE) throw new RequestError('invalidAuthManagement');
    const user = this.#user(name);
    if (!user.roles.includes(role)) throw new RequestError('roleNotGranted');
    this.#users.put({ ...user, roles: user.roles.filter((other) => other !== role) });
    this.#changed();
  }

  #addRole(name: string): void {
    if (name === '') throw new RequestError('roleEmpty');
    if (this.#roles.get(name) !== undefined) throw new RequestError('roleExists');
    this.#roles.put({ name, permissions: [] });
    this.#changed();
  }

  #deleteRole(name: string): void {
    if (this.#enabled && name === ROOT_ROLE) throw new RequestError('invalidAuthManagement');
    this.#role(name);
    this.#roles.delete(name);
    for (const user of [...this.#users.values()].filter(({ roles }) => roles.includes(name))) {
      this.#users.put({ ...user, roles: user.roles.filter((other) => other !== name) });
    }
    this.#changed();
  }

  /** A range that the role has already is permitted anew, in the way that is asked for now. */
  #grantPermission(name: string, permission: Permission | undefined): void {
    if (permission === undefined) throw new RequestError('permissionNotGiven');
    if (!isMeaningful(permission)) throw new RequestError('invalidAuthManagement');
    const { permissions } = this.#role(name);
    const others = permissions.filter((other) => !sameRange(other, permission));
    this.#roles.put({ name, permissions: [...others, permission].sort(comparePermissions) });
    this.#changed();
  }

  #revokePermission(name: string, range: PermissionRange): void {
    const { permissions } = this.#role(name);
    const others = permissions.filter((other) => !sameRange(other, range));
    if (others.length === permissions.length) throw new RequestError('permissionNotGranted');
    this.#roles.put({ name, permissions: others });
    this.#changed();
  }

  #changed(): void {
    this.#revision++;
    this.#permitted.clear();
    writeMark(this.#backend, { enabled: this.#enabled, revision: this.#revision });
  }

  #user(name: string): User {
    const user = this.#users.get(name);
    if (user === undefined) throw new RequestError('userNotFound');
    return user;
  }

  #role(name: string): Role {
    const role = this.#roles.get(name);
    if (role === undefined) throw new RequestError('roleNotFound');
    return role;
  }
}

function sameRange(a: PermissionRange, b: PermissionRange): boolean {
  return a.key === b.key && a.rangeEnd === b.rangeEnd;
}
