/**
 * Every method of every service that etcd has on its client port. Those that are not served (yet) are here as well: their
 * counters exist from the start, with 0, as etcd's do.
 */

import type { Method } from '../wire/index.ts';

const UNARY: Readonly<Record<string, readonly string[]>> = {
  'etcdserverpb.KV': ['Range', 'Put', 'DeleteRange', 'Txn', 'Compact'],
  'etcdserverpb.Lease': ['LeaseGrant', 'LeaseRevoke', 'LeaseTimeToLive', 'LeaseLeases'],
  'etcdserverpb.Cluster': ['MemberAdd', 'MemberRemove', 'MemberUpdate', 'MemberList', 'MemberPromote'],
  'etcdserverpb.Maintenance': ['Alarm', 'Status', 'Defragment', 'Hash', 'HashKV', 'MoveLeader', 'Downgrade'],
  'etcdserverpb.Auth': [
    'AuthEnable',
    'AuthDisable',
    'AuthStatus',
    'Authenticate',
    'UserAdd',
    'UserGet',
    'UserList',
    'UserDelete',
    'UserChangePassword',
    'UserGrantRole',
    'UserRevokeRole',
    'RoleAdd',
    'RoleGet',
    'RoleList',
    'RoleDelete',
    'RoleGrantPermission',
    'RoleRevokePermission',
  ],
  'v3lockpb.Lock': ['Lock', 'Unlock'],
  'v3electionpb.Election': ['Campaign', 'Proclaim', 'Leader', 'Resign'],
  'grpc.health.v1.Health': ['Check'],
};

const SERVER_STREAM: Readonly<Record<string, readonly string[]>> = {
  'etcdserverpb.KV': ['RangeStream'],
  'etcdserverpb.Maintenance': ['Snapshot'],
  'v3electionpb.Election': ['Observe'],
  'grpc.health.v1.Health': ['Watch'],
};

const DUPLEX: Readonly<Record<string, readonly string[]>> = {
  'etcdserverpb.Watch': ['Watch'],
  'etcdserverpb.Lease': ['LeaseKeepAlive'],
};

export interface MethodEntry {
  readonly kind: Method['kind'];
}

function entriesOf(
  services: Readonly<Record<string, readonly string[]>>,
  kind: Method['kind'],
): [string, MethodEntry][] {
  return Object.entries(services).flatMap(([service, methods]) =>
    methods.map((method): [string, MethodEntry] => [`/${service}/${method}`, { kind }]),
  );
}

/** By full name, '/package.Service/Method'. Served are those that are also in what services() returns. */
export const METHOD_TABLE: ReadonlyMap<string, MethodEntry> = new Map([
  ...entriesOf(UNARY, 'unary'),
  ...entriesOf(SERVER_STREAM, 'serverStream'),
  ...entriesOf(DUPLEX, 'duplex'),
]);
