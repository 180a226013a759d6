/** The TypeScript SDK. Start at client.ts. */

export type { Auth, AuthStatus, Permission, PermissionType } from './auth.ts';
export { type Client, connect } from './client.ts';
export { ClientError, CompactedError, WatchCanceledError } from './error.ts';
export type { KeepAlive } from './keep-alive.ts';
export type { BytesInput, Extent } from './key-input.ts';
export {
  type Compare,
  type CompareResult,
  type DelOptions,
  type DelResult,
  del,
  type GetOptions,
  type GetResult,
  get,
  type Operation,
  type OperationResult,
  type PutOptions,
  type PutResult,
  put,
  type SortTarget,
  type Txn,
  type TxnResult,
  txn,
} from './kv.ts';
export { type LeaseGrantResult, LeaseLostError, type LeaseTimeResult } from './lease.ts';
export type { HashKvResult, MemberStatus } from './maintenance.ts';
export type { MemberAddResult, MemberInfo, MembersResult } from './members.ts';
export type { KeyValue, WatchEvent } from './message.ts';
export type { Credentials } from './sign-in.ts';
export type {
  CallOptions,
  ClientTls,
  RawStream,
  StreamListeners,
  StreamStatus,
  TransportOptions,
} from './transport.ts';
export type { Watch, WatchBatch, WatchFilter } from './watch.ts';
export type { WatchOptions, WatchStream } from './watch-stream.ts';
