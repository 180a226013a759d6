/**
 * The services beside a recipe's, called as its own client would call them: with the call's metadata, through whatever guards
 * them. So a recipe may do what its caller may do, and nothing of it has to be said twice.
 */

import { type Bytes, type Key, present } from '../../base/index.ts';
import { joined } from '../../codec/index.ts';
import { mvccpb, etcdserverpb as pb } from '../../gen/etcd.js';
import type { CallContext, Methods } from '../../wire/index.ts';
import { decodeMessage, encodeMessage, int64Of } from '../message.ts';

/** A pair, as far as recipes look at it. */
export interface Pair {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly value: Bytes;
  /** mvccpb.KeyValue in the words of the generated classes, to be passed on. */
  readonly message: mvccpb.IKeyValue;
}

/** What came of a transaction: whether its compare held, the store's revision, and the first pair that its one range found. */
export interface TxnAnswer {
  readonly succeeded: boolean;
  readonly revision: number;
  readonly found: Pair | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

export class Neighbours {
  readonly #methods: Methods;
  readonly #call: CallContext;

  constructor(methods: Methods, call: CallContext) {
    this.#methods = methods;
    this.#call = call;
  }

  /** If `key` was created at `createRevision` (0: is not there), does the one, else the other. Rejects as KV.Txn does. */
  async ifCreatedAt(key: Key, createRevision: number, then: Fields, otherwise?: Fields): Promise<TxnAnswer> {
    const request = encodeMessage(pb.TxnRequest, {
      compare: [{ result: 'EQUAL', target: 'CREATE', key: latin1(key), create_revision: createRevision }],
      success: [then],
      failure: otherwise === undefined ? [] : [otherwise],
    });
    const answer = decodeMessage(pb.TxnResponse, await this.#unary('/etcdserverpb.KV/Txn', request));
    const [response] = answer.responses ?? [];
    return {
      succeeded: answer.succeeded === true,
      revision: numberOf(answer.header?.revision),
      found: pairOf(response?.response_range),
    };
  }

  /** The first pair of a range, and the store's revision. Rejects as KV.Range does. */
  async first(fields: Fields): Promise<{ readonly pair: Pair | undefined; readonly revision: number }> {
    const request = encodeMessage(pb.RangeRequest, { ...fields, limit: 1 });
    const answer = decodeMessage(pb.RangeResponse, await this.#unary('/etcdserverpb.KV/Range', request));
    return { pair: pairOf(answer), revision: numberOf(answer.header?.revision) };
  }

  /** Deletes a key; the revision after. Rejects as KV.DeleteRange does. */
  async delete(key: Key): Promise<number> {
    const request = encodeMessage(pb.DeleteRangeRequest, { key: latin1(key) });
    const answer = decodeMessage(pb.DeleteRangeResponse, await this.#unary('/etcdserverpb.KV/DeleteRange', request));
    return numberOf(answer.header?.revision);
  }

  /** A new lease of so many seconds. Rejects as Lease.LeaseGrant does. */
  async grant(ttlSeconds: number): Promise<bigint> {
    const request = encodeMessage(pb.LeaseGrantRequest, { TTL: ttlSeconds });
    const answer = decodeMessage(pb.LeaseGrantResponse, await this.#unary('/etcdserverpb.Lease/LeaseGrant', request));
    return int64Of(answer.ID);
  }

  async #unary(name: string, request: Bytes): Promise<Bytes> {
    const method = present(this.#methods.get(name), name);
    if (method.kind !== 'unary') throw new Error(`${name} is no unary method`);
    return joined(await method.handler(request, this.#call));
  }
}

export const latin1 = (key: Key): Bytes => Buffer.from(key, 'latin1');

/** A range that begins with the oldest pair, or the youngest, by creation. */
export function byCreation(prefix: Key, end: Key, order: 'ASCEND' | 'DESCEND', fields: Fields = {}): Fields {
  return {
    key: latin1(prefix),
    range_end: latin1(end),
    limit: 1,
    sort_target: 'CREATE',
    sort_order: order,
    ...fields,
  };
}

function pairOf(range: pb.IRangeResponse | null | undefined): Pair | undefined {
  const kv = range?.kvs?.[0];
  if (kv === undefined) return undefined;
  return {
    createRevision: numberOf(kv.create_revision),
    modRevision: numberOf(kv.mod_revision),
    value: kv.value ?? new Uint8Array(0),
    message: kv,
  };
}

function numberOf(value: { toString(): string } | null | undefined): number {
  return Number(value ?? 0);
}
