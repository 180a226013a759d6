/**
 * etcdserverpb.KV. A write is checked and handed to the log as the bytes that came; a read asks whether this member is up to
 * date (unless it is serializable) and then reads the store here.
 *
 *     put        decode -> check -> propose -> what applying it came to -> encode
 *     range      decode -> check -> readIndex -> range -> encode
 */

import type { Caller } from '../auth/index.ts';
import { type Bytes, type Failpoints, RequestError } from '../base/index.ts';
import {
  type CompactionOperation,
  decodeCompaction,
  decodeDeleteRange,
  decodePut,
  decodeRange,
  decodeTxn,
  encodeDeleteRangeResponse,
  encodeHeaderOnly,
  encodePutResponse,
  encodeTxnResponse,
} from '../codec/index.ts';
import { checkTxnRead } from '../machine/index.ts';
import type { Operation, RangeOperation, RangeResult, TxnOperation } from '../mvcc/index.ts';
import type { Member, Outcome, Proposal } from '../node/index.ts';
import type { CallContext, Message, Method } from '../wire/index.ts';
import type { Callers } from './auth/callers.ts';
import { headerOf } from './header.ts';
import { encodeRangeInSlices } from './range-encoding.ts';
import { rangeStream } from './range-stream.ts';
import { checkDeleteRange, checkPut, checkRange, checkRequestBytes, checkTxn } from './validation.ts';

export interface KvOptions {
  readonly member: Member;
  /** --max-request-bytes */
  readonly requestBytesMax: number;
  /** --max-txn-ops */
  readonly txnOpsMax: number;
  readonly callers: Callers;
  readonly failpoints?: Failpoints | undefined;
}

export function kvMethods(options: KvOptions): readonly (readonly [string, Method])[] {
  const kv = new KvService(options);
  return [
    ['/etcdserverpb.KV/Range', { kind: 'unary', handler: (request, call) => kv.range(request, call) }],
    ['/etcdserverpb.KV/RangeStream', { kind: 'serverStream', handler: rangeStream(options) }],
    ['/etcdserverpb.KV/Put', { kind: 'unary', handler: (request, call) => kv.put(request, call) }],
    ['/etcdserverpb.KV/DeleteRange', { kind: 'unary', handler: (request, call) => kv.deleteRange(request, call) }],
    ['/etcdserverpb.KV/Txn', { kind: 'unary', handler: (request, call) => kv.txn(request, call) }],
    ['/etcdserverpb.KV/Compact', { kind: 'unary', handler: (request, call) => kv.compact(request, call) }],
  ];
}

type Result = (Outcome & { readonly ok: true })['result'];

class KvService {
  readonly #options: KvOptions;
  readonly #member: Member;

  constructor(options: KvOptions) {
    this.#options = options;
    this.#member = options.member;
  }

  /** Like put no async function: most serializable ranges are answered within the call. */
  range(request: Bytes, call: CallContext): Message | Promise<Message> {
    const operation = decodeRange(request);
    checkRange(operation);
    if (operation.serializable) return this.#rangeHere(operation, call);
    if (this.#member.isLearner) throw new RequestError('notSupportedForLearner');
    return this.#member.readIndex().then(() => this.#rangeHere(operation, call));
  }

  #rangeHere(operation: RangeOperation, call: CallContext): Message | Promise<Message> {
    const caller = this.#options.callers.of(call);
    this.#member.auth.check(caller, 'read', operation.range);
    const result = this.#member.range(operation);
    return result instanceof Promise
      ? result.then((late) => this.#rangeAnswer(caller, late))
      : this.#rangeAnswer(caller, result);
  }

  #rangeAnswer(caller: Caller, result: RangeResult): Message | Promise<Message> {
    this.#member.auth.checkUnmoved(caller);
    return encodeRangeInSlices(headerOf(this.#member, result.revision), result);
  }

  /** The hottest path of all: no async function, which would make some three objects more for each call. */
  put(request: Bytes, call: CallContext): Promise<Message> {
    const asked = decodePut(request);
    checkPut(asked);
    return this.#propose({ kind: 'put', request, by: this.#options.callers.of(call), asked }).then(this.#putAnswer);
  }

  readonly #putAnswer = (outcome: Outcome): Message => {
    const result = resultOf(outcome);
    if (result.kind !== 'put') throw unexpected(result);
    return encodePutResponse(headerOf(this.#member, result.revision), result);
  };

  async deleteRange(request: Bytes, call: CallContext): Promise<Message> {
    const asked = decodeDeleteRange(request);
    checkDeleteRange(asked);
    const by = this.#options.callers.of(call);
    const result = resultOf(await this.#propose({ kind: 'deleteRange', request, by, asked }));
    if (result.kind !== 'deleteRange') throw unexpected(result);
    return encodeDeleteRangeResponse(headerOf(this.#member, result.revision), result);
  }

  async txn(request: Bytes, call: CallContext): Promise<Message> {
    const operation = decodeTxn(request);
    checkTxn(operation, this.#options.txnOpsMax);
    const result = isReadOnly(operation)
      ? await this.#readTxn(operation, call)
      : resultOf(await this.#propose({ kind: 'txn', request, by: this.#options.callers.of(call), asked: operation }));
    if (result.kind !== 'txn') throw unexpected(result);
    return encodeTxnResponse(headerOf(this.#member, result.revision), result);
  }

  async compact(request: Bytes, call: CallContext): Promise<Message> {
    const operation: CompactionOperation = decodeCompaction(request);
    const result = resultOf(await this.#propose({ kind: 'compaction', request, by: this.#options.callers.of(call) }));
    if (result.kind !== 'compaction') throw unexpected(result);
    if (operation.physical) await result.removed;
    return encodeHeaderOnly(headerOf(this.#member, result.revision));
  }

  async #readTxn(operation: TxnOperation, call: CallContext): Promise<Result> {
    if (!isSerializable(operation)) await this.#member.readIndex();
    const caller = this.#options.callers.of(call);
    checkTxnRead(this.#member.auth, caller, operation);
    const result = await this.#member.readTxn(operation);
    this.#member.auth.checkUnmoved(caller);
    return result;
  }

  #propose(proposal: Proposal): Promise<Outcome> {
    checkRequestBytes(proposal.request.length, this.#options.requestBytesMax);
    return this.#member.propose(proposal);
  }
}

/** What applying came to, or the error that it was refused with. */
function resultOf(outcome: Outcome): Result {
  if (!outcome.ok) throw new RequestError(outcome.error);
  return outcome.result;
}

/** The error for a result of another kind than the request: a bug of ours. */
function unexpected(result: Result): Error {
  return new Error(`a request came to a result of kind ${result.kind}`);
}

function operationsOf(txn: TxnOperation): readonly Operation[] {
  return [...txn.success, ...txn.failure];
}

/** Whether nothing that the transaction might do changes the store. */
function isReadOnly(txn: TxnOperation): boolean {
  return operationsOf(txn).every(
    (operation) => operation.kind === 'range' || (operation.kind === 'txn' && isReadOnly(operation)),
  );
}

/** Whether every range that the transaction might read is content with this member's store as it is. One that reads nothing but its compares is not. */
function isSerializable(txn: TxnOperation): boolean {
  const operations = operationsOf(txn);
  return (
    operations.length > 0 &&
    operations.every((operation) =>
      operation.kind === 'txn' ? isSerializable(operation) : operation.kind === 'range' && operation.serializable,
    )
  );
}
