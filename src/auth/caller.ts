/** On whose behalf a request is made. It travels with the request through the log, and is looked at again when that is applied. */

export interface Caller {
  /** '' for nobody in particular. */
  readonly username: string;
  /** The auth store's revision when the caller was identified; 0 for nobody. A request that names an older one is refused. */
  readonly authRevision: number;
}

export const NOBODY: Caller = { username: '', authRevision: 0 };

/** A caller, or a member that asks for itself: it ends leases that have expired, raises alarms, compacts. Nothing is forbidden to it. */
export type Author = Caller | 'member';
