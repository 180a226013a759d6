/**
 * Who may call what: every method of METHOD_TABLE has its line here, and a test walks both.
 *
 *     open      anybody, known or not
 *     user      any user
 *     admin     whoever has role root
 *     request   it depends on what is asked for: the keys, the lease, the user. Who calls is found out here; the service asks for what is
 *               read, and the machine, when the entry is applied, for what is written. A proposal says by whom it is; one that does not is nobody's
 */

export type Rule = 'open' | 'user' | 'admin' | 'request';

const KV = '/etcdserverpb.KV/';
const LEASE = '/etcdserverpb.Lease/';
const CLUSTER = '/etcdserverpb.Cluster/';
const MAINTENANCE = '/etcdserverpb.Maintenance/';
const AUTH = '/etcdserverpb.Auth/';

const rules = (rule: Rule, service: string, ...methods: readonly string[]): readonly (readonly [string, Rule])[] =>
  methods.map((method) => [`${service}${method}`, rule] as const);

export const GUARD_TABLE: ReadonlyMap<string, Rule> = new Map([
  ...rules('request', KV, 'Range', 'RangeStream', 'Put', 'DeleteRange', 'Txn', 'Compact'),
  ...rules('request', '/etcdserverpb.Watch/', 'Watch'),
  ...rules('request', LEASE, 'LeaseGrant', 'LeaseRevoke', 'LeaseTimeToLive'),
  ...rules('user', LEASE, 'LeaseKeepAlive', 'LeaseLeases'),
  ...rules('admin', CLUSTER, 'MemberAdd', 'MemberRemove', 'MemberUpdate', 'MemberPromote'),
  ...rules('user', CLUSTER, 'MemberList'),
  ...rules('admin', MAINTENANCE, 'Defragment', 'Hash', 'HashKV', 'Snapshot', 'MoveLeader', 'Downgrade'),
  ...rules('open', MAINTENANCE, 'Status'),
  ...rules('request', MAINTENANCE, 'Alarm'),
  ...rules('open', AUTH, 'AuthStatus', 'Authenticate'),
  ...rules('request', AUTH, 'AuthEnable', 'AuthDisable'),
  ...rules(
    'request',
    AUTH,
    'UserAdd',
    'UserGet',
    'UserDelete',
    'UserChangePassword',
    'UserGrantRole',
    'UserRevokeRole',
  ),
  ...rules('request', AUTH, 'RoleAdd', 'RoleGet', 'RoleDelete', 'RoleGrantPermission', 'RoleRevokePermission'),
  ...rules('admin', AUTH, 'UserList', 'RoleList'),
  ...rules('request', '/v3lockpb.Lock/', 'Lock', 'Unlock'),
  ...rules('request', '/v3electionpb.Election/', 'Campaign', 'Proclaim', 'Leader', 'Resign', 'Observe'),
  ...rules('open', '/grpc.health.v1.Health/', 'Check', 'Watch'),
]);
