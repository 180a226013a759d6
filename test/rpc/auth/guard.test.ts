/** No method without a rule, and no rule that does not hold: each method is called by nobody, by somebody who may do nothing, and by root. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { present, RequestError } from '../../../src/base/index.ts';
import { etcdserverpb as pb, v3electionpb, v3lockpb } from '../../../src/gen/etcd.js';
import { guarded } from '../../../src/rpc/auth/guard.ts';
import { PASSWORDS_WAITING_MAX } from '../../../src/rpc/auth/passwords.ts';
import {
  Callers,
  GUARD_TABLE,
  METHOD_TABLE,
  type Passwords,
  ServingState,
  services,
  watchMethod,
} from '../../../src/rpc/index.ts';
import type { CallContext, CallStatus, DuplexStream, Method, Methods } from '../../../src/wire/index.ts';
import { StoredMember } from '../../support/stored-member.ts';
import { people, testAuth, tokenOf } from '../../support/test-auth.ts';

const key = Buffer.from('secret');
const leader = { name: key, key, rev: 1, lease: 7 };

/** What somebody without permissions asks for, where the rule is that it depends on that. Each touches a key, a user or a role that is not his. */
const REQUESTS: Readonly<Record<string, { finish(): Uint8Array }>> = {
  '/etcdserverpb.KV/Range': pb.RangeRequest.encode({ key }),
  '/etcdserverpb.KV/RangeStream': pb.RangeRequest.encode({ key }),
  '/etcdserverpb.KV/Put': pb.PutRequest.encode({ key }),
  '/etcdserverpb.KV/DeleteRange': pb.DeleteRangeRequest.encode({ key }),
  '/etcdserverpb.KV/Txn': pb.TxnRequest.encode({ success: [{ request_put: { key } }] }),
  '/etcdserverpb.KV/Compact': pb.CompactionRequest.encode({ revision: 1 }),
  '/etcdserverpb.Lease/LeaseRevoke': pb.LeaseRevokeRequest.encode({ ID: 7 }),
  '/etcdserverpb.Lease/LeaseTimeToLive': pb.LeaseTimeToLiveRequest.encode({ ID: 7 }),
  '/etcdserverpb.Maintenance/Alarm': pb.AlarmRequest.encode(
    pb.AlarmRequest.fromObject({ action: 'ACTIVATE', alarm: 'NOSPACE' }),
  ),
  '/etcdserverpb.Auth/AuthEnable': pb.AuthEnableRequest.encode({}),
  '/etcdserverpb.Auth/AuthDisable': pb.AuthDisableRequest.encode({}),
  '/etcdserverpb.Auth/UserAdd': pb.AuthUserAddRequest.encode({ name: 'eve', password: 'p' }),
  '/etcdserverpb.Auth/UserGet': pb.AuthUserGetRequest.encode({ name: 'root' }),
  '/etcdserverpb.Auth/UserDelete': pb.AuthUserDeleteRequest.encode({ name: 'bob' }),
  '/etcdserverpb.Auth/UserChangePassword': pb.AuthUserChangePasswordRequest.encode({ name: 'bob', password: 'p' }),
  '/etcdserverpb.Auth/UserGrantRole': pb.AuthUserGrantRoleRequest.encode({ user: 'bob', role: 'root' }),
  '/etcdserverpb.Auth/UserRevokeRole': pb.AuthUserRevokeRoleRequest.encode({ name: 'bob', role: 'bob' }),
  '/etcdserverpb.Auth/RoleAdd': pb.AuthRoleAddRequest.encode({ name: 'mine' }),
  '/etcdserverpb.Auth/RoleGet': pb.AuthRoleGetRequest.encode({ role: 'root' }),
  '/etcdserverpb.Auth/RoleDelete': pb.AuthRoleDeleteRequest.encode({ role: 'bob' }),
  '/etcdserverpb.Auth/RoleGrantPermission': pb.AuthRoleGrantPermissionRequest.encode({
    name: 'bob',
    perm: { key },
  }),
  '/etcdserverpb.Auth/RoleRevokePermission': pb.AuthRoleRevokePermissionRequest.encode({ role: 'bob', key }),
  '/v3lockpb.Lock/Lock': v3lockpb.LockRequest.encode({ name: key, lease: 7 }),
  '/v3lockpb.Lock/Unlock': v3lockpb.UnlockRequest.encode({ key }),
  '/v3electionpb.Election/Campaign': v3electionpb.CampaignRequest.encode({ name: key, lease: 7, value: key }),
  '/v3electionpb.Election/Proclaim': v3electionpb.ProclaimRequest.encode({ leader, value: key }),
  '/v3electionpb.Election/Leader': v3electionpb.LeaderRequest.encode({ name: key }),
  '/v3electionpb.Election/Resign': v3electionpb.ResignRequest.encode({ leader }),
  '/v3electionpb.Election/Observe': v3electionpb.LeaderRequest.encode({ name: key }),
};

/** Written down once more: the tests below ask whether a rule holds, not whether it is the right one. */
const OPEN = ['Maintenance/Status', 'Auth/AuthStatus', 'Auth/Authenticate'].map((name) => `/etcdserverpb.${name}`);
const FOR_USERS = ['Lease/LeaseKeepAlive', 'Lease/LeaseLeases', 'Cluster/MemberList'].map(
  (name) => `/etcdserverpb.${name}`,
);
const PROBES = ['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch'];

let member: StoredMember;
let methods: Methods;
let passwords: Passwords;

beforeEach(async () => {
  member = await StoredMember.open();
  member.watchable.start();
  const auth = testAuth(member);
  passwords = auth.passwords;
  const { clock, watchable } = member;
  methods = services({
    member,
    clock,
    electionMs: 1000,
    requestBytesMax: 1_000_000,
    txnOpsMax: 128,
    serving: new ServingState(true),
    watch: watchMethod({
      watchable,
      clock,
      prng: { next: () => 1 },
      header: { clusterId: 1n, memberId: 1n, term: 1 },
      progressIntervalMs: 1000,
      requestBytesMax: 1_000_000,
      observe: () => undefined,
      member,
      callers: auth.callers,
    }),
    watchable,
    ...auth,
  });
  await member.leases.grant(7n, 60, 'member');
  await member.propose({ kind: 'put', request: pb.PutRequest.encode({ key, lease: 7 }).finish() });
  people(member, { bob: [] });
});

afterEach(async () => {
  member.watchable.stop();
  await passwords.close();
});

function call(token: string | undefined): CallContext & { cancel(): void } {
  const listeners: (() => void)[] = [];
  return {
    method: '/',
    metadata: new Map(token === undefined ? [] : [['token', token]]),
    peer: '127.0.0.1:1',
    commonName: undefined,
    cancelled: false,
    onCancelled: (listener) => void listeners.push(listener),
    onEnded: () => undefined,
    cancel: () => {
      for (const listener of listeners) listener();
    },
  };
}

const silentStream = (end: (status?: CallStatus) => void): DuplexStream => ({
  write: () => true,
  onWritable: () => undefined,
  onMessage: () => undefined,
  onHalfClose: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  fail: () => undefined,
  end,
});

/** 'answered', or why not. */
async function asked(name: string, token?: string): Promise<string> {
  const method = present(methods.get(name), name);
  const request = REQUESTS[name]?.finish() ?? new Uint8Array(0);
  const context = call(token);
  try {
    return (await outcome(method, request, context)) ?? 'answered';
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  } finally {
    context.cancel();
  }
}

async function outcome(method: Method, request: Uint8Array, context: CallContext): Promise<string | undefined> {
  if (method.kind === 'unary') {
    await method.handler(request, context);
    return undefined;
  }
  let ended: CallStatus | undefined;
  const stream = silentStream((status) => {
    ended = status;
  });
  if (method.kind === 'serverStream') await method.handler(request, stream, context);
  else void method.handler(stream, context);
  return ended?.message;
}

test('every method has a rule, and every rule a method', () => {
  expect([...GUARD_TABLE.keys()].sort()).toEqual([...METHOD_TABLE.keys()].sort());
  const dependent = [...GUARD_TABLE].filter(([, rule]) => rule === 'request').map(([name]) => name);
  const tried = new Set([...Object.keys(REQUESTS), '/etcdserverpb.Watch/Watch', '/etcdserverpb.Lease/LeaseGrant']);
  expect(new Set(dependent)).toEqual(tried);
});

test('no method is open that was not meant to be', () => {
  const having = (wanted: string): readonly string[] =>
    [...GUARD_TABLE].filter(([, rule]) => rule === wanted).map(([name]) => name);
  expect(new Set(having('open'))).toEqual(new Set([...OPEN, ...PROBES]));
  expect(new Set(having('user'))).toEqual(new Set(FOR_USERS));
});

/** What a watch may be refused for is said on its stream: server-watch-stream.test.ts. A grant is any user's to make. */
const ELSEWHERE = new Set(['/etcdserverpb.Watch/Watch', '/grpc.health.v1.Health/Watch']);
const tried = [...GUARD_TABLE].filter(([name]) => !ELSEWHERE.has(name) && !name.endsWith('/Downgrade'));

test.each(tried)('%s: %s', async (name, rule) => {
  if (rule === 'open') {
    // Without a request to speak of some refuse to answer, but not for who asks.
    expect(['answered', 'authFailed']).toContain(await asked(name));
    return;
  }
  expect(await asked(name)).toBe('userEmpty');
  expect(await asked(name, 'forged.1')).toBe('invalidAuthToken');
  const isOpenToUsers = rule === 'user' || name.endsWith('/LeaseGrant');
  expect(await asked(name, tokenOf('bob'))).toBe(isOpenToUsers ? 'answered' : 'permissionDenied');
});

test('root may do what depends on what is asked for', async () => {
  for (const name of ['KV/Range', 'KV/Put', 'KV/Txn', 'Lease/LeaseTimeToLive', 'Auth/UserGet', 'Auth/RoleAdd']) {
    expect(await asked(`/etcdserverpb.${name}`, tokenOf('root'))).toBe('answered');
  }
});

const LATER = 'bobxxxxxxxxxxxxx.1000000';

test.each([tokenOf('bob'), LATER])('what a conversation comes to is passed on: %s', async (token) => {
  const { auth, identification, clock } = member;
  // Here the token is known only once this member has caught up.
  const readIndex = async (): Promise<void> => identification.tokens.assign(LATER, 'bob');
  const caughtUp = { auth, identification, readIndex, status: () => member.status() };
  const callers = new Callers({ member: caughtUp, clock, jwt: undefined, usesCertificates: false });
  const failing: Method = { kind: 'duplex', handler: () => Promise.reject(new RequestError('noLeader')) };
  const method = guarded(member, callers, '/etcdserverpb.Lease/LeaseKeepAlive', failing);
  if (method.kind !== 'duplex') throw new Error(`a ${method.kind} method`);
  const served = Promise.resolve(
    method.handler(
      silentStream(() => undefined),
      call(token),
    ),
  );
  await expect(served).rejects.toMatchObject({ code: 'noLeader' });
});

test.each(['nobody', 'bob'])('%s, who has no password, is answered no sooner than who has one', async (name) => {
  const path = '/etcdserverpb.Auth/Authenticate';
  const { handler } = present(methods.get(path), path) as Extract<Method, { kind: 'unary' }>;
  const authenticate = async (): Promise<unknown> =>
    await handler(pb.AuthenticateRequest.encode({ name, password: 'x' }).finish(), call(undefined));
  await expect(authenticate()).rejects.toMatchObject({ code: 'authFailed' });
  // Whoever is compared with a hash must wait his turn, and here there is none left.
  const others = Promise.allSettled(Array.from({ length: PASSWORDS_WAITING_MAX }, () => passwords.hash('x')));
  await expect(authenticate()).rejects.toMatchObject({ code: 'tooManyRequests' });
  await passwords.close();
  await others;
});
