/**
 * One side of a comparison: carries out the steps of a transcript against a server and says what came back, in a form that
 * can be compared: fields by the protocol's names, bytes as text, what must differ between two servers left out.
 */

import { createHash } from 'node:crypto';
import { type Bytes, present } from '../../src/base/index.ts';
import { type Client, ClientError, connect, type RawStream, type StreamStatus } from '../../src/client/index.ts';
import { etcdserverpb, v3electionpb, v3lockpb } from '../../src/gen/etcd.js';
import type { Fields, FieldValue, Method, Step, StreamMethod, Until } from './exchange.ts';

/** A message as text and numbers. */
export interface Answer {
  readonly [field: string]: AnswerValue;
}
export type AnswerValue = string | number | boolean | Answer | readonly AnswerValue[];

export type Outcome =
  | { readonly answer: Answer }
  | { readonly error: { readonly code: number; readonly message: string } }
  | { readonly answers: readonly Answer[]; readonly ended?: StreamStatus; readonly timedOut?: true }
  | { readonly done: true };

/** The generated code of one message, as far as it is used here. */
interface Codec {
  fromObject(object: object): object;
  encode(message: object): { finish(): Bytes };
  decode(bytes: Bytes): object;
  toObject(message: object, options: object): object;
}

interface Call {
  readonly path: string;
  readonly request: Codec;
  readonly response: Codec;
}

const codec = (type: unknown): Codec => type as Codec;

const rpc = (path: string, request: unknown, response: unknown, packageName = 'etcdserverpb'): Call => ({
  path: `/${packageName}.${path}`,
  request: codec(request),
  response: codec(response),
});

const election = (method: string, request: unknown, response: unknown): Call =>
  rpc(`Election/${method}`, request, response, 'v3electionpb');

const CALLS: Readonly<Record<Method, Call>> = {
  Range: rpc('KV/Range', etcdserverpb.RangeRequest, etcdserverpb.RangeResponse),
  Put: rpc('KV/Put', etcdserverpb.PutRequest, etcdserverpb.PutResponse),
  DeleteRange: rpc('KV/DeleteRange', etcdserverpb.DeleteRangeRequest, etcdserverpb.DeleteRangeResponse),
  Txn: rpc('KV/Txn', etcdserverpb.TxnRequest, etcdserverpb.TxnResponse),
  Compact: rpc('KV/Compact', etcdserverpb.CompactionRequest, etcdserverpb.CompactionResponse),
  HashKV: rpc('Maintenance/HashKV', etcdserverpb.HashKVRequest, etcdserverpb.HashKVResponse),
  Status: rpc('Maintenance/Status', etcdserverpb.StatusRequest, etcdserverpb.StatusResponse),
  MemberList: rpc('Cluster/MemberList', etcdserverpb.MemberListRequest, etcdserverpb.MemberListResponse),
  LeaseGrant: rpc('Lease/LeaseGrant', etcdserverpb.LeaseGrantRequest, etcdserverpb.LeaseGrantResponse),
  LeaseRevoke: rpc('Lease/LeaseRevoke', etcdserverpb.LeaseRevokeRequest, etcdserverpb.LeaseRevokeResponse),
  LeaseTimeToLive: rpc(
    'Lease/LeaseTimeToLive',
    etcdserverpb.LeaseTimeToLiveRequest,
    etcdserverpb.LeaseTimeToLiveResponse,
  ),
  LeaseLeases: rpc('Lease/LeaseLeases', etcdserverpb.LeaseLeasesRequest, etcdserverpb.LeaseLeasesResponse),
  AuthEnable: rpc('Auth/AuthEnable', etcdserverpb.AuthEnableRequest, etcdserverpb.AuthEnableResponse),
  AuthDisable: rpc('Auth/AuthDisable', etcdserverpb.AuthDisableRequest, etcdserverpb.AuthDisableResponse),
  Authenticate: rpc('Auth/Authenticate', etcdserverpb.AuthenticateRequest, etcdserverpb.AuthenticateResponse),
  UserAdd: rpc('Auth/UserAdd', etcdserverpb.AuthUserAddRequest, etcdserverpb.AuthUserAddResponse),
  UserGet: rpc('Auth/UserGet', etcdserverpb.AuthUserGetRequest, etcdserverpb.AuthUserGetResponse),
  UserList: rpc('Auth/UserList', etcdserverpb.AuthUserListRequest, etcdserverpb.AuthUserListResponse),
  UserDelete: rpc('Auth/UserDelete', etcdserverpb.AuthUserDeleteRequest, etcdserverpb.AuthUserDeleteResponse),
  UserChangePassword: rpc(
    'Auth/UserChangePassword',
    etcdserverpb.AuthUserChangePasswordRequest,
    etcdserverpb.AuthUserChangePasswordResponse,
  ),
  UserGrantRole: rpc(
    'Auth/UserGrantRole',
    etcdserverpb.AuthUserGrantRoleRequest,
    etcdserverpb.AuthUserGrantRoleResponse,
  ),
  UserRevokeRole: rpc(
    'Auth/UserRevokeRole',
    etcdserverpb.AuthUserRevokeRoleRequest,
    etcdserverpb.AuthUserRevokeRoleResponse,
  ),
  RoleAdd: rpc('Auth/RoleAdd', etcdserverpb.AuthRoleAddRequest, etcdserverpb.AuthRoleAddResponse),
  RoleGet: rpc('Auth/RoleGet', etcdserverpb.AuthRoleGetRequest, etcdserverpb.AuthRoleGetResponse),
  RoleList: rpc('Auth/RoleList', etcdserverpb.AuthRoleListRequest, etcdserverpb.AuthRoleListResponse),
  RoleDelete: rpc('Auth/RoleDelete', etcdserverpb.AuthRoleDeleteRequest, etcdserverpb.AuthRoleDeleteResponse),
  RoleGrantPermission: rpc(
    'Auth/RoleGrantPermission',
    etcdserverpb.AuthRoleGrantPermissionRequest,
    etcdserverpb.AuthRoleGrantPermissionResponse,
  ),
  RoleRevokePermission: rpc(
    'Auth/RoleRevokePermission',
    etcdserverpb.AuthRoleRevokePermissionRequest,
    etcdserverpb.AuthRoleRevokePermissionResponse,
  ),
  Unlock: rpc('Lock/Unlock', v3lockpb.UnlockRequest, v3lockpb.UnlockResponse, 'v3lockpb'),
  Proclaim: election('Proclaim', v3electionpb.ProclaimRequest, v3electionpb.ProclaimResponse),
  Leader: election('Leader', v3electionpb.LeaderRequest, v3electionpb.LeaderResponse),
  Resign: election('Resign', v3electionpb.ResignRequest, v3electionpb.ResignResponse),
};
const STREAMS: Readonly<Record<StreamMethod, Call>> = {
  Watch: rpc('Watch/Watch', etcdserverpb.WatchRequest, etcdserverpb.WatchResponse),
  LeaseKeepAlive: rpc('Lease/LeaseKeepAlive', etcdserverpb.LeaseKeepAliveRequest, etcdserverpb.LeaseKeepAliveResponse),
  Lock: rpc('Lock/Lock', v3lockpb.LockRequest, v3lockpb.LockResponse, 'v3lockpb'),
  Campaign: election('Campaign', v3electionpb.CampaignRequest, v3electionpb.CampaignResponse),
  Observe: election('Observe', v3electionpb.LeaderRequest, v3electionpb.LeaderResponse),
};

/** Fields of bytes, wherever they stand. */
const BYTES_FIELDS: ReadonlySet<string> = new Set(['key', 'range_end', 'value', 'name']);

/** Two servers never agree on these; that they are there at all is compared. */
const IDENTITY_FIELDS: ReadonlySet<string> = new Set(['cluster_id', 'member_id', 'raft_term']);

/** Longer bytes are shown by their length and hash. */
const BYTES_SHOWN_MAX = 200;

/** No answer takes this long on a machine that works; a transcript that waits in vain ends here. */
const READ_WITHIN_MS = 10_000;

interface OpenStream {
  readonly call: Call;
  readonly raw: RawStream;
  readonly received: Answer[];
  ended: StreamStatus | undefined;
  wake: (() => void) | undefined;
}

export class Session {
  readonly #client: Client;
  readonly #streams = new Map<string, OpenStream>();
  readonly #tokens = new Map<string, string>();
  readonly #readWithinMs: number;

  constructor(endpoint: string, readWithinMs: number = READ_WITHIN_MS) {
    this.#client = connect({ endpoints: [endpoint], deadlineMs: 30_000 });
    this.#readWithinMs = readWithinMs;
  }

  run(step: Step): Promise<Outcome> {
    switch (step.kind) {
      case 'call':
        return this.#call(step);
      case 'open':
        this.#open(step.stream, STREAMS[step.method], this.#tokenOf(step));
        break;
      case 'send':
        this.#send(this.#stream(step.stream), step.request);
        break;
      case 'halfClose':
        this.#stream(step.stream).raw.halfClose();
        break;
      case 'read':
        return this.#read(this.#stream(step.stream), step.until);
      default:
        return step satisfies never;
    }
    return Promise.resolve({ done: true });
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.raw.cancel();
    this.#client.close();
  }

  async #call(step: Step & { readonly kind: 'call' }): Promise<Outcome> {
    const { method, request } = step;
    const call = CALLS[method];
    try {
      const response = await this.#client.raw(call.path, encode(call.request, request), { token: this.#tokenOf(step) });
      const answer = decode(call.response, response);
      return { answer: method === 'Authenticate' ? this.#authenticated(request, answer) : answer };
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      return { error: { code: error.status, message: error.message } };
    }
  }

  #send({ call, raw }: OpenStream, request: Fields): void {
    raw.send(encode(call.request, request));
  }

  /** Remembers the token; of what it is like, the form is compared. */
  #authenticated({ name }: Fields, answer: Answer): Answer {
    const { token } = answer;
    if (typeof token !== 'string' || typeof name !== 'string') return answer;
    this.#tokens.set(name, token);
    return { ...answer, token: token.replace(/^[A-Za-z]{16}\.\d+$/, 'letters.index') };
  }

  #tokenOf({ as: user }: Step): string {
    return user === undefined ? '' : (this.#tokens.get(user) ?? user);
  }

  #open(name: string, call: Call, token: string): void {
    const received: Answer[] = [];
    const stream: OpenStream = {
      call,
      raw: this.#client.rawStream(
        call.path,
        {
          onMessage: (message) => {
            received.push(decode(call.response, message));
            stream.wake?.();
          },
          onEnd: (status) => {
            stream.ended = status;
            stream.wake?.();
          },
        },
        { token },
      ),
      received,
      ended: undefined,
      wake: undefined,
    };
    this.#streams.set(name, stream);
  }

  #stream(name: string): OpenStream {
    return present(this.#streams.get(name), `the stream ${name}`);
  }

  async #read(stream: OpenStream, until: Until): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<'tooLate'>((resolve) => {
      timer = setTimeout(() => resolve('tooLate'), this.#readWithinMs);
    });
    try {
      for (;;) {
        const count = enough(stream, until);
        if (count !== undefined || stream.ended !== undefined) {
          const answers = inOrder(stream.received.splice(0, count));
          return stream.ended === undefined ? { answers } : { answers, ended: stream.ended };
        }
        const woken = new Promise<void>((resolve) => {
          stream.wake = resolve;
        });
        if ((await Promise.race([woken, tooLate])) === 'tooLate') {
          return { answers: inOrder(stream.received.splice(0)), timedOut: true };
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** How many of the answers received satisfy `until`, if they do. */
function enough(stream: OpenStream, until: Until): number | undefined {
  if ('end' in until) return undefined;
  if ('answers' in until) return stream.received.length >= until.answers ? until.answers : undefined;
  if ('created' in until) {
    return countTo(stream.received, (answer) => answer['created'] === true && watchOf(answer) === until.created);
  }
  const counts = Object.entries(until.reached).map(([watch, revision]) =>
    countTo(
      stream.received,
      (answer) => watchOf(answer) === Number(watch) && lastRevision(answer) >= revision && answer['fragment'] !== true,
    ),
  );
  return counts.reduce(
    (most, count) => (most === undefined || count === undefined ? undefined : Math.max(most, count)),
    0,
  );
}

/** How many answers there are up to and with the first one that is meant. */
function countTo(answers: readonly Answer[], isMeant: (answer: Answer) => boolean): number | undefined {
  const at = answers.findIndex(isMeant);
  return at === -1 ? undefined : at + 1;
}

function watchOf(answer: Answer): number {
  return Number(answer['watch_id'] ?? 0);
}

function lastRevision(answer: Answer): number {
  const events = answer['events'] as readonly { readonly kv: { readonly mod_revision: number } }[] | undefined;
  return events?.at(-1)?.kv.mod_revision ?? 0;
}

/**
 * Answers of one watch stay in their order; those of different watches are put in order of their ids. etcd notifies the
 * watches of a key in the order of a hash map, and lets confirmations and events through one door at random.
 */
function inOrder(answers: Answer[]): Answer[] {
  return answers
    .map((answer, at) => ({ answer, at }))
    .sort((a, b) => watchOf(a.answer) - watchOf(b.answer) || a.at - b.at)
    .map(({ answer }) => answer);
}

function encode(codec: Codec, fields: Fields): Bytes {
  return codec.encode(codec.fromObject(withBytes(fields) as object)).finish();
}

function withBytes(value: FieldValue, name = ''): unknown {
  if (typeof value === 'string') return BYTES_FIELDS.has(name) ? Buffer.from(value, 'latin1') : value;
  if (Array.isArray(value)) return value.map((element: FieldValue) => withBytes(element));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, withBytes(inner, field)]));
}

function decode(codec: Codec, bytes: Bytes): Answer {
  return shown(codec.toObject(codec.decode(bytes), { longs: String, enums: String })) as Answer;
}

function shown(value: unknown, name = ''): AnswerValue {
  if (value instanceof Uint8Array) return shownBytes(value);
  if (Array.isArray(value)) return value.map((element) => shown(element));
  if (IDENTITY_FIELDS.has(name)) return 'some';
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, shown(inner, field)]));
  }
  // Numbers of 64 bits arrive as decimal text.
  if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) return Number(value);
  return value as string | number | boolean;
}

function shownBytes(bytes: Uint8Array): string {
  if (bytes.length <= BYTES_SHOWN_MAX) return Buffer.from(bytes).toString('latin1');
  return `${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`;
}
