/** What an entry of the log asks of the auth store. Passwords are hashed before they come here; a password is in no log. */

import type { Permission } from './permission.ts';

export type AuthRequest =
  | { readonly kind: 'authEnable' }
  | { readonly kind: 'authDisable' }
  /** The password was right; from here on the token stands for the user. */
  | { readonly kind: 'authenticate'; readonly name: string; readonly token: string }
  | AuthUserAddRequest
  | { readonly kind: 'authUserDelete'; readonly name: string }
  | { readonly kind: 'authUserChangePassword'; readonly name: string; readonly passwordHash: string }
  | { readonly kind: 'authUserGrantRole'; readonly name: string; readonly role: string }
  | { readonly kind: 'authUserRevokeRole'; readonly name: string; readonly role: string }
  | { readonly kind: 'authRoleAdd'; readonly role: string }
  | { readonly kind: 'authRoleDelete'; readonly role: string }
  | { readonly kind: 'authRoleGrantPermission'; readonly role: string; readonly permission: Permission | undefined }
  | {
      readonly kind: 'authRoleRevokePermission';
      readonly role: string;
      readonly range: Pick<Permission, 'key' | 'rangeEnd'>;
    };

export interface AuthUserAddRequest {
  readonly kind: 'authUserAdd';
  readonly name: string;
  /** A bcrypt hash in its usual form, '$2a$10$...'. */
  readonly passwordHash: string;
  /** The user can only be known by a client certificate. */
  readonly noPassword: boolean;
}

export type AuthKind = AuthRequest['kind'];
