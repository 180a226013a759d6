/**
 * What a transcript is made of: steps, as plain data, that read like the conversation they are.
 *
 *     put('a', '1')                                        one request, one answer
 *     txn({ compare: […], success: [opPut('a', '2')] })
 *     open('s'), create('s', { key: 'a' }), read('s', 1)   a watch stream named s, a request on it, and one answer of it
 *     readTo('s', { 0: 7 })                                answers, until watch 0 has been told revision 7
 *
 * Fields have the names of the protocol. Keys and values are written as text, one character a byte. Enum values may be
 * names or numbers, so that unknown ones can be sent.
 */

import type { DifferenceName } from './known-differences.ts';

/** A request as it is written in a transcript. */
export interface Fields {
  readonly [name: string]: FieldValue;
}
export type FieldValue = string | number | boolean | Fields | readonly FieldValue[] | undefined;

export type Method =
  | 'Range'
  | 'Put'
  | 'DeleteRange'
  | 'Txn'
  | 'Compact'
  | 'HashKV'
  | 'Status'
  | 'MemberList'
  | 'LeaseGrant'
  | 'LeaseRevoke'
  | 'LeaseTimeToLive'
  | 'LeaseLeases'
  | AuthMethod
  | 'Unlock'
  | 'Proclaim'
  | 'Leader'
  | 'Resign';
/** Methods that are conversations. */
export type StreamMethod = 'Watch' | 'LeaseKeepAlive' | WaitingMethod;
/** One request, and one answer or more that others decide the time of: told as a conversation, so that those can have their say. */
export type WaitingMethod = 'Lock' | 'Campaign' | 'Observe';

export type AuthMethod =
  | 'AuthEnable'
  | 'AuthDisable'
  | 'Authenticate'
  | 'UserAdd'
  | 'UserGet'
  | 'UserList'
  | 'UserDelete'
  | 'UserChangePassword'
  | 'UserGrantRole'
  | 'UserRevokeRole'
  | 'RoleAdd'
  | 'RoleGet'
  | 'RoleList'
  | 'RoleDelete'
  | 'RoleGrantPermission'
  | 'RoleRevokePermission';

export type Until =
  /** This many answers more. */
  | { readonly answers: number }
  /** Each of these watches (by id) has been told this revision, or a later one. */
  | { readonly reached: Readonly<Record<number, number>> }
  /** This watch has been confirmed. */
  | { readonly created: number }
  /** The end of the stream. */
  | { readonly end: true };

interface Common {
  /** What the step is about, where the request does not say it. */
  readonly note?: string;
  /** The reason, by its name in known-differences.ts, why the two sides may answer this step differently. */
  readonly differs?: DifferenceName;
  /** The user whose token the call or stream goes with: of his last Authenticate in this transcript. */
  readonly as?: string;
}

export type Step = Common &
  (
    | { readonly kind: 'call'; readonly method: Method; readonly request: Fields }
    | { readonly kind: 'open'; readonly stream: string; readonly method: StreamMethod }
    | { readonly kind: 'send'; readonly stream: string; readonly request: Fields }
    | { readonly kind: 'halfClose'; readonly stream: string }
    | { readonly kind: 'read'; readonly stream: string; readonly until: Until }
  );

export interface Transcript {
  readonly name: string;
  /** Begins with an empty store at revision 1, unless it may run anywhere. */
  readonly steps: readonly Step[];
  /** It names no revisions: it may run on what others left behind. */
  readonly anywhere?: true;
  /** Only etcd up to 3.x does it so. */
  readonly upToMinor?: number;
}

export const range = (key: string, fields: Fields = {}): Step => call('Range', { key, ...fields });
export const put = (key: string, value: string, fields: Fields = {}): Step => call('Put', { key, value, ...fields });
export const del = (key: string, fields: Fields = {}): Step => call('DeleteRange', { key, ...fields });
export const txn = (request: Fields): Step => call('Txn', request);
export const compact = (revision: number, fields: Fields = {}): Step => call('Compact', { revision, ...fields });
export const hash = (revision: number): Step => call('HashKV', { revision });

/** Seconds. */
export const grant = (TTL: number, fields: Fields = {}): Step => call('LeaseGrant', { TTL, ...fields });
export const revoke = (ID: number | string): Step => call('LeaseRevoke', { ID });
export const timeToLive = (ID: number | string, fields: Fields = {}): Step =>
  call('LeaseTimeToLive', { ID, ...fields });
export const leases = (): Step => call('LeaseLeases', {});

const call = (method: Method, request: Fields): Step => ({ kind: 'call', method, request });

export const unlock = (key: string): Step => call('Unlock', { key });
export const proclaim = (leader: Fields | undefined, value: string): Step => call('Proclaim', { leader, value });
export const leader = (name: string): Step => call('Leader', { name });
export const resign = (leader?: Fields): Step => call('Resign', { leader });

/** Asks, on a stream of its own; the answer is read when it should be there. */
export const begin = (stream: string, method: WaitingMethod, request: Fields): readonly Step[] => [
  open(stream, method),
  { kind: 'send', stream, request },
  halfClose(stream),
];

/** A request of the Auth service. */
export const auth = (method: AuthMethod, request: Fields = {}): Step => call(method, request);

/** The same step, by a user. */
export const by = (user: string, step: Step): Step => ({ ...step, as: user });

// The operations of a transaction.
export const opRange = (key: string, fields: Fields = {}): Fields => ({ request_range: { key, ...fields } });
export const opPut = (key: string, value: string, fields: Fields = {}): Fields => ({
  request_put: { key, value, ...fields },
});
export const opDel = (key: string, fields: Fields = {}): Fields => ({ request_delete_range: { key, ...fields } });
export const opTxn = (request: Fields): Fields => ({ request_txn: request });

// Streams: of watches, if nothing is said.
export const open = (stream: string, method: StreamMethod = 'Watch'): Step => ({ kind: 'open', stream, method });
export const keepAlive = (stream: string, ID: number): Step => ({ kind: 'send', stream, request: { ID } });
export const create = (stream: string, create_request: Fields): Step => ({
  kind: 'send',
  stream,
  request: { create_request },
});
export const cancel = (stream: string, watch_id: number): Step => ({
  kind: 'send',
  stream,
  request: { cancel_request: { watch_id } },
});
export const progress = (stream: string): Step => ({ kind: 'send', stream, request: { progress_request: {} } });
export const halfClose = (stream: string): Step => ({ kind: 'halfClose', stream });
export const read = (stream: string, answers: number): Step => ({ kind: 'read', stream, until: { answers } });
export const readTo = (stream: string, reached: Readonly<Record<number, number>>): Step => ({
  kind: 'read',
  stream,
  until: { reached },
});
export const readCreated = (stream: string, created: number): Step => ({ kind: 'read', stream, until: { created } });

/** The same step, known to be answered differently. */
export const differs = (name: DifferenceName, step: Step): Step => ({ ...step, differs: name });

/** The same step with a word about it. */
export const noted = (note: string, step: Step): Step => ({ ...step, note });

/** How many exchanges the steps are: calls, and requests on streams. */
export function exchanges(steps: readonly Step[]): number {
  return steps.filter((step) => step.kind === 'call' || step.kind === 'send').length;
}
