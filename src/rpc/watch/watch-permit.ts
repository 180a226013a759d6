/**
 * Whether a stream's client may watch a range: asked when a watcher is created, and again for every watcher whenever users, roles or permissions
 * change. A watcher belongs to the user who created it: that his token has ended meanwhile does not end the watcher, that he may not read
 * the range any more does.
 */

import type { ErrorCode, KeyRange } from '../../base/index.ts';
import { RequestError } from '../../base/index.ts';
import type { Member } from '../../node/index.ts';
import type { CallContext } from '../../wire/index.ts';
import type { Callers } from '../auth/callers.ts';

export class WatchPermit {
  readonly #member: Pick<Member, 'auth'>;
  readonly #callers: Callers;
  readonly #call: CallContext;
  /** Known since a watcher was created while auth was on. */
  #user: string | undefined;

  constructor(member: Pick<Member, 'auth'>, callers: Callers, call: CallContext) {
    this.#member = member;
    this.#callers = callers;
    this.#call = call;
  }

  /** Why a watcher of this range is not created, if it is not. */
  refusalToCreate(range: KeyRange): ErrorCode | undefined {
    const { auth } = this.#member;
    if (!auth.enabled) return undefined;
    try {
      const caller = this.#callers.of(this.#call);
      auth.check(caller, 'read', range);
      this.#user = caller.username;
      return undefined;
    } catch (error) {
      if (error instanceof RequestError) return error.code;
      throw error;
    }
  }

  /** Whether no watcher need be asked for: everything is permitted. */
  get allowsAll(): boolean {
    const { auth } = this.#member;
    return !auth.enabled || auth.allowsAll(this.#userNow() ?? '');
  }

  /** Why a watcher of this range does not go on, if it does not. */
  refusalToGoOn(range: KeyRange): ErrorCode | undefined {
    const { auth } = this.#member;
    if (!auth.enabled) return undefined;
    const user = this.#userNow();
    if (user === undefined) return 'userEmpty';
    return auth.allows(user, 'read', range) ? undefined : 'permissionDenied';
  }

  #userNow(): string | undefined {
    this.#user ??= this.#callers.userOf(this.#call);
    return this.#user;
  }
}
