/** All services of the client port, put together. */

import { assert, type Clock, type Failpoints, RequestError } from '../base/index.ts';
import type { Member } from '../node/index.ts';
import type { WatchableStore } from '../watch/index.ts';
import type { CallContext, Method, Methods } from '../wire/index.ts';
import type { Callers } from './auth/callers.ts';
import { guarded } from './auth/guard.ts';
import type { JwtTokens } from './auth/jwt-tokens.ts';
import type { Passwords } from './auth/passwords.ts';
import { authMethods } from './auth.ts';
import { clusterMethods } from './cluster.ts';
import { healthMethods, type ServingState } from './health.ts';
import { kvMethods } from './kv.ts';
import { LeaderBound } from './leader-bound.ts';
import { leaseMethods } from './lease.ts';
import { maintenanceMethods } from './maintenance.ts';
import { METHOD_TABLE } from './method-table.ts';
import { electionMethods } from './recipes/election.ts';
import { lockMethods } from './recipes/lock.ts';

export interface ServicesOptions {
  readonly member: Member;
  readonly clock: Clock;
  /** --election-timeout */
  readonly electionMs: number;
  /** --max-request-bytes */
  readonly requestBytesMax: number;
  /** --max-txn-ops */
  readonly txnOpsMax: number;
  readonly serving: ServingState;
  readonly callers: Callers;
  readonly passwords: Passwords;
  readonly jwt: JwtTokens | undefined;
  /** Watch.Watch, as rpc/watch makes it. */
  readonly watch: Method;
  readonly failpoints?: Failpoints | undefined;
  /** What locks and elections wait on. */
  readonly watchable: WatchableStore;
}

/** What a request may have beside the largest proposal: etcd's allowance for gRPC and the wrapping. */
const REQUEST_OVERHEAD_BYTES: number = 512 * 1024;

/** The largest message that the server takes in, for --max-request-bytes. */
export function receiveBytesMax(requestBytesMax: number): number {
  return requestBytesMax + REQUEST_OVERHEAD_BYTES;
}

/** Everything that is served. Methods of METHOD_TABLE that are missing here are answered Unimplemented. */
export function services(options: ServicesOptions): Methods {
  const { callers, member } = options;
  const methods = new Map<string, Method>([
    ...kvMethods(options),
    ...maintenanceMethods(member, callers),
    ...clusterMethods(member),
    ...leaseMethods(options),
    ...authMethods(options),
    ['/etcdserverpb.Watch/Watch', options.watch],
  ]);
  // Clients of the services above, through what guards those.
  const recipes = { methods, watchable: options.watchable };
  for (const [name, method] of lockMethods(member, recipes)) methods.set(name, method);
  for (const [name, method] of electionMethods(member, recipes)) methods.set(name, method);
  const leaderBound = new LeaderBound(options.clock, options.electionMs, () => member.leader !== 0n);
  for (const [name, method] of methods) {
    methods.set(name, able(member, leaderBound, name, guarded(member, callers, name, method)));
  }
  // Whether there is a leader is nothing that the health of this server depends on.
  for (const [name, method] of healthMethods(options.serving)) methods.set(name, method);
  for (const [name, { kind }] of methods) {
    assert(METHOD_TABLE.get(name)?.kind === kind, `${name} is not in the method table as ${kind}`);
  }
  return methods;
}

/** What a learner answers beside serializable ranges (kv.ts sees to these): it may be far behind. */
const SERVED_BY_LEARNERS: ReadonlySet<string> = new Set([
  '/etcdserverpb.KV/Range',
  '/etcdserverpb.Maintenance/Status',
  '/etcdserverpb.Maintenance/Snapshot',
]);

const wantsLeader = (call: CallContext): boolean => call.metadata.get('hasleader') === 'true';

/**
 * Refuses calls that want a leader (metadata `hasleader: true`) while this member knows of none, and ends streams that do when it has been so for
 * a while. Refuses what a learner must not answer.
 */
function able(member: Member, leaderBound: LeaderBound, name: string, method: Method): Method {
  const check = (call: CallContext): void => {
    if (member.leader === 0n && wantsLeader(call)) throw new RequestError('noLeader');
    if (member.isLearner && !SERVED_BY_LEARNERS.has(name)) throw new RequestError('notSupportedForLearner');
  };
  switch (method.kind) {
    case 'unary': {
      const { handler } = method;
      return {
        kind: 'unary',
        handler(request, call) {
          check(call);
          return handler(request, call);
        },
      };
    }
    case 'serverStream': {
      const { handler } = method;
      return {
        kind: 'serverStream',
        handler(request, stream, call) {
          check(call);
          return handler(request, stream, wantsLeader(call) ? leaderBound.bind(call, stream) : call);
        },
      };
    }
    case 'duplex': {
      const { handler } = method;
      return {
        kind: 'duplex',
        handler(stream, call) {
          check(call);
          return handler(stream, wantsLeader(call) ? leaderBound.bind(call, stream) : call);
        },
      };
    }
    default:
      return method satisfies never;
  }
}
