/**
 * The TypeScript SDK.
 *
 *     await using client = connect({ endpoints: ['127.0.0.1:2379'] });
 *     await client.put('greeting', 'hello');
 *     for await (const event of client.watch('greeting', { startRevision: 1 })) console.log(event.kv.modRevision);
 *
 * Reads are tried again on the next endpoint when a server is not there; writes only when they certainly never left this
 * process, so a write that fails otherwise may or may not have happened (ClientError.definite says which).
 */

import type { Bytes } from '../base/index.ts';
import { etcdserverpb } from '../gen/etcd.js';
import { Auth } from './auth.ts';
import { bigintOf } from './integer.ts';
import type { KeepAlive } from './keep-alive.ts';
import { KeepAlives } from './keep-alives.ts';
import type { BytesInput } from './key-input.ts';
import { bytesOfInput } from './key-input.ts';
import {
  type DelOptions,
  type DelResult,
  deleteRequest,
  delResult,
  type GetOptions,
  type GetResult,
  getResult,
  type PutOptions,
  type PutResult,
  putRequest,
  putResult,
  rangeRequest,
  type Txn,
  type TxnResult,
  txnRequest,
  txnResult,
} from './kv.ts';
import { type LeaseGrantResult, type LeaseTimeResult, leaseField, leaseGrantResult, leaseTimeResult } from './lease.ts';
import { type HashKvResult, hashKvResult, type MemberStatus, statusResult } from './maintenance.ts';
import { type MemberAddResult, type MembersResult, memberIdField, memberInfoOf } from './members.ts';
import type { KeyValue } from './message.ts';
import {
  type CallOptions,
  type RawStream,
  type StreamListeners,
  Transport,
  type TransportOptions,
} from './transport.ts';
import type { Watch } from './watch.ts';
import { type WatchOptions, WatchStream } from './watch-stream.ts';

const KV = '/etcdserverpb.KV';
const LEASE = '/etcdserverpb.Lease';
const CLUSTER = '/etcdserverpb.Cluster';
const MAINTENANCE = '/etcdserverpb.Maintenance';

const SCAN_PAGE_KEYS_DEFAULT = 1000;

/** A client of the cluster at these endpoints. Connects when first needed. */
export function connect(options: TransportOptions): Client {
  return new Client(new Transport(options));
}

export class Client {
  readonly #transport: Transport;
  /** Users, roles and what they may. */
  readonly auth: Auth;
  readonly #streams = new Set<WatchStream>();
  #sharedStream: WatchStream | undefined;
  readonly #keepAlives: KeepAlives;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#keepAlives = new KeepAlives(transport);
    this.auth = new Auth((method, request, retry, options) => transport.unary(method, request, retry, options));
  }

  async get(key: BytesInput, options: GetOptions & CallOptions = {}): Promise<GetResult> {
    const request = etcdserverpb.RangeRequest.encode(rangeRequest(key, options)).finish();
    const response = await this.#transport.unary(`${KV}/Range`, request, 'safe', options);
    return getResult(etcdserverpb.RangeResponse.decode(response));
  }

  /**
   * The keys of a range in order, read a page at a time and all at one revision: that of `options.revision`, or of the
   * first page.
   */
  async *scan(
    key: BytesInput,
    options: GetOptions & CallOptions & { readonly pageKeys?: number } = {},
  ): AsyncGenerator<KeyValue, void, undefined> {
    const pageKeys = options.pageKeys ?? SCAN_PAGE_KEYS_DEFAULT;
    let page = await this.get(key, { ...options, limit: pageKeys });
    const revision = options.revision ?? page.revision;
    const { range_end: end } = rangeRequest(key, options);
    for (;;) {
      yield* page.kvs;
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return;
      const next = Buffer.concat([last.key, Uint8Array.of(0)]);
      const rest = { ...options, prefix: false, fromKey: false, end: end ?? '', revision, limit: pageKeys };
      page = await this.get(next, rest);
    }
  }

  async put(key: BytesInput, value: BytesInput, options: PutOptions & CallOptions = {}): Promise<PutResult> {
    const request = etcdserverpb.PutRequest.encode(putRequest(key, value, options)).finish();
    const response = await this.#transport.unary(`${KV}/Put`, request, 'unsent', options);
    return putResult(etcdserverpb.PutResponse.decode(response));
  }

  async del(key: BytesInput, options: DelOptions & CallOptions = {}): Promise<DelResult> {
    const request = etcdserverpb.DeleteRangeRequest.encode(deleteRequest(key, options)).finish();
    const response = await this.#transport.unary(`${KV}/DeleteRange`, request, 'unsent', options);
    return delResult(etcdserverpb.DeleteRangeResponse.decode(response));
  }

  async txn(txn: Txn, options: CallOptions = {}): Promise<TxnResult> {
    const request = etcdserverpb.TxnRequest.encode(txnRequest(txn)).finish();
    const response = await this.#transport.unary(`${KV}/Txn`, request, 'unsent', options);
    return txnResult(etcdserverpb.TxnResponse.decode(response));
  }

  /** Forgets what was overwritten or deleted before `revision`. With `physical`, answers when it is gone from the disk. */
  async compact(revision: number, options: { readonly physical?: boolean } & CallOptions = {}): Promise<void> {
    const request = etcdserverpb.CompactionRequest.encode({ revision, physical: options.physical ?? false }).finish();
    await this.#transport.unary(`${KV}/Compact`, request, 'unsent', options);
  }

  /** Watches on the stream that the client's watches share. */
  watch(key: BytesInput, options: WatchOptions = {}): Watch {
    this.#sharedStream ??= this.watchStream();
    return this.#sharedStream.watch(key, options);
  }

  /** A stream of its own for some watches: those that are read slowly hold back only the watches of their stream. */
  watchStream(): WatchStream {
    const stream = new WatchStream(this.#transport);
    this.#streams.add(stream);
    return stream;
  }

  /** Grants a lease for so many seconds; its id is chosen if none is given. */
  async leaseGrant(ttl: number, options: { readonly id?: bigint } & CallOptions = {}): Promise<LeaseGrantResult> {
    const message = etcdserverpb.LeaseGrantRequest.fromObject({ TTL: ttl, ID: leaseField(options.id ?? 0n) });
    const request = etcdserverpb.LeaseGrantRequest.encode(message).finish();
    const response = await this.#transport.unary(`${LEASE}/LeaseGrant`, request, 'unsent', options);
    return leaseGrantResult(etcdserverpb.LeaseGrantResponse.decode(response));
  }

  /** Ends a lease, and deletes its keys. */
  async leaseRevoke(id: bigint, options: CallOptions = {}): Promise<void> {
    const message = etcdserverpb.LeaseRevokeRequest.fromObject({ ID: leaseField(id) });
    const request = etcdserverpb.LeaseRevokeRequest.encode(message).finish();
    await this.#transport.unary(`${LEASE}/LeaseRevoke`, request, 'unsent', options);
  }

  async leaseTimeToLive(id: bigint, options: { readonly keys?: boolean } & CallOptions = {}): Promise<LeaseTimeResult> {
    const fields = { ID: leaseField(id), keys: options.keys ?? false };
    const message = etcdserverpb.LeaseTimeToLiveRequest.fromObject(fields);
    const request = etcdserverpb.LeaseTimeToLiveRequest.encode(message).finish();
    const response = await this.#transport.unary(`${LEASE}/LeaseTimeToLive`, request, 'safe', options);
    return leaseTimeResult(etcdserverpb.LeaseTimeToLiveResponse.decode(response));
  }

  /** The ids of all leases. */
  async leaseList(options: CallOptions = {}): Promise<readonly bigint[]> {
    const request = etcdserverpb.LeaseLeasesRequest.encode({}).finish();
    const response = await this.#transport.unary(`${LEASE}/LeaseLeases`, request, 'safe', options);
    return etcdserverpb.LeaseLeasesResponse.decode(response).leases.map(({ ID }) => bigintOf(ID));
  }

  /** Keeps a lease alive from now on, until it is stopped or lost: its signal tells. */
  keepAlive(id: bigint): KeepAlive {
    return this.#keepAlives.keepAlive(id);
  }

  async status(options: CallOptions = {}): Promise<MemberStatus> {
    const request = etcdserverpb.StatusRequest.encode({}).finish();
    const response = await this.#transport.unary(`${MAINTENANCE}/Status`, request, 'safe', options);
    return statusResult(etcdserverpb.StatusResponse.decode(response));
  }

  /** The hash of all that the store holds up to `revision` (0: the newest). Equal on members that hold the same. */
  async hashKv(revision = 0, options: CallOptions = {}): Promise<HashKvResult> {
    const request = etcdserverpb.HashKVRequest.encode({ revision }).finish();
    const response = await this.#transport.unary(`${MAINTENANCE}/HashKV`, request, 'safe', options);
    return hashKvResult(etcdserverpb.HashKVResponse.decode(response));
  }

  /** The members; as the member that is asked knows them if `serializable`, without asking the cluster. */
  async memberList(options: { readonly serializable?: boolean } & CallOptions = {}): Promise<MembersResult> {
    const linearizable = options.serializable !== true;
    const request = etcdserverpb.MemberListRequest.encode({ linearizable }).finish();
    const response = await this.#transport.unary(`${CLUSTER}/MemberList`, request, 'safe', options);
    return { members: etcdserverpb.MemberListResponse.decode(response).members.map(memberInfoOf) };
  }

  /** Makes room for a member, which is then to be started; from here on it counts for the quorum, unless it is a learner. */
  async memberAdd(
    peerUrls: readonly string[],
    options: { readonly isLearner?: boolean } & CallOptions = {},
  ): Promise<MemberAddResult> {
    const message = { peerURLs: [...peerUrls], isLearner: options.isLearner ?? false };
    const request = etcdserverpb.MemberAddRequest.encode(message).finish();
    const answer = await this.#transport.unary(`${CLUSTER}/MemberAdd`, request, 'unsent', options);
    const { member, members } = etcdserverpb.MemberAddResponse.decode(answer);
    return { added: memberInfoOf(member ?? {}), members: members.map(memberInfoOf) };
  }

  async memberRemove(id: bigint, options: CallOptions = {}): Promise<MembersResult> {
    const message = etcdserverpb.MemberRemoveRequest.fromObject(memberIdField(id));
    const request = etcdserverpb.MemberRemoveRequest.encode(message).finish();
    const response = await this.#transport.unary(`${CLUSTER}/MemberRemove`, request, 'unsent', options);
    return { members: etcdserverpb.MemberRemoveResponse.decode(response).members.map(memberInfoOf) };
  }

  /** Gives a learner a vote. Rejects while it has too little of the leader's log. */
  async memberPromote(id: bigint, options: CallOptions = {}): Promise<MembersResult> {
    const message = etcdserverpb.MemberPromoteRequest.fromObject(memberIdField(id));
    const request = etcdserverpb.MemberPromoteRequest.encode(message).finish();
    const response = await this.#transport.unary(`${CLUSTER}/MemberPromote`, request, 'unsent', options);
    return { members: etcdserverpb.MemberPromoteResponse.decode(response).members.map(memberInfoOf) };
  }

  /** Any call of one request and one answer, by its full name, in bytes. Tried once. */
  raw(method: string, request: BytesInput, options: CallOptions = {}): Promise<Bytes> {
    return this.#transport.unary(method, bytesOfInput(request), 'never', options);
  }

  /** Any conversation, by its full name, in bytes. Not opened again when it is lost. */
  rawStream(method: string, listeners: StreamListeners, options: Pick<CallOptions, 'token'> = {}): RawStream {
    return this.#transport.duplex(method, listeners, options);
  }

  /** Ends all watches, keeps no lease alive any more, and ends all connections. Idempotent. */
  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    this.#keepAlives.close();
    this.#transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
