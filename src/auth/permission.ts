/** What a role lets its users do: read or write the keys of a range. */

import { type Key, type KeyRange, rangeOf } from '../base/index.ts';

export type Access = 'read' | 'write';

export interface Permission {
  readonly type: Access | 'readwrite';
  /** As they came: what is granted is named by its two ends when it is taken back. */
  readonly key: Key;
  /** '' for the one key, '\0' for every key from `key` on. */
  readonly rangeEnd: Key;
}

export function grants(permission: Permission, access: Access): boolean {
  return permission.type === 'readwrite' || permission.type === access;
}

export function rangeOfPermission({ key, rangeEnd }: Permission): KeyRange {
  return rangeOf(key, rangeEnd);
}

/** Whether there is a key in it, and no doubt about which: an empty or reversed range is a mistake, and so is one without a beginning. */
export function isMeaningful({ key, rangeEnd }: Permission): boolean {
  return key !== '' && (rangeEnd === '' || rangeEnd === '\0' || key < rangeEnd);
}

/** In order of key, then of end. */
export function comparePermissions(a: Permission, b: Permission): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  if (a.rangeEnd !== b.rangeEnd) return a.rangeEnd < b.rangeEnd ? -1 : 1;
  return 0;
}

/** What role root is shown to have: everything. It is not looked at when somebody with that role asks. */
export const EVERYTHING: Permission = { type: 'readwrite', key: '', rangeEnd: '\0' };
